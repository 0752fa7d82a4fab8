package commands

import (
	"fmt"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/urfave/cli/v2"
)

// referenceCommand prints what `make docs` keeps in docs: a test holds it to what the program is.
func (a *app) referenceCommand() *cli.Command {
	return &cli.Command{
		Name:   "reference",
		Usage:  "print the reference of all commands, or the man page",
		Hidden: true,
		Flags:  []cli.Flag{&cli.StringFlag{Name: "format", Value: "markdown", Usage: "`FORMAT`: markdown or man"}},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := a.checkFormat(c.String("format"), "", "markdown", "man"); err != nil {
				return err
			}
			text := a.commandTree().markdown()
			if c.String("format") == "man" {
				text = a.commandTree().man()
			}
			_, err := fmt.Fprint(a.env.Stdout, text)
			return err
		},
	}
}

// codes are the exit codes, as the README has them.
func codes() []struct{ code, means string } {
	return []struct{ code, means string }{
		{"0", "everything done"},
		{"1", "failed: the shop or Optiply is away, the disk is full, ..."},
		{"2", "usage or configuration"},
		{"3", "done, but some rows were rejected, quarantined, dropped or held"},
		{"4", "another run holds the lock of this shop"},
		{"5", "held back: a guard stopped the load, or kept products from being disabled"},
		{"6", "stopped at the deadline (--deadline); nothing is lost"},
		{"130", "interrupted"},
	}
}

// markdown is docs/commands.md.
func (n cmdNode) markdown() string {
	var b strings.Builder
	b.WriteString("# Commands\n\nWritten by `make docs` from the program itself. Options may stand before or behind a command's name where they are global.\n\n")
	b.WriteString("| command | does |\n|---|---|\n")
	for _, sub := range n.all()[1:] {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", sub.path, strings.ReplaceAll(sub.path, " ", "-"), cellText(sub.usage))
	}
	b.WriteString("\n## Global options\n\n")
	writeOptions(&b, n.options)
	for _, sub := range n.all()[1:] {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n", sub.path, firstUpper(sub.usage))
		if sub.more != "" {
			fmt.Fprintf(&b, "\n%s\n", sub.more)
		}
		fmt.Fprintf(&b, "\n```text\n%s\n```\n", sub.synopsis())
		if len(sub.own()) > 0 {
			b.WriteString("\n")
			writeOptions(&b, sub.own())
		}
	}
	return b.String()
}

func (n cmdNode) synopsis() string {
	words := []string{"magento-optiply"}
	if n.path != "" {
		words = append(words, n.path)
	}
	if len(n.own()) > 0 {
		words = append(words, "[options]")
	}
	if n.args != "" {
		words = append(words, n.args)
	} else if len(n.subs) > 0 {
		words = append(words, "[command]")
	}
	return strings.Join(words, " ")
}

func writeOptions(b *strings.Builder, options []cmdOption) {
	b.WriteString("| option | |\n|---|---|\n")
	for _, o := range options {
		fmt.Fprintf(b, "| `%s` | %s |\n", o.spelled(), cellText(o.told()))
	}
}

// spelled is the option with its value: --config, -c FILE.
func (o cmdOption) spelled() string {
	return strings.TrimSpace(strings.Join(o.names, ", ") + " " + o.placeholder)
}

// told is what the option does, with the value that it has by itself.
func (o cmdOption) told() string {
	if o.fallback == "" || strings.Contains(o.text, "default") {
		return o.text
	}
	return o.text + " (default: " + o.fallback + ")"
}

func cellText(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

func firstUpper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// man is the man page, for section 1.
func (n cmdNode) man() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%% MAGENTO-OPTIPLY 1\n\n# NAME\n\nmagento-optiply - %s\n\n# SYNOPSIS\n\n**magento-optiply** [options] *command* [options] [arguments]\n\n", manText(n.usage))
	b.WriteString("# DESCRIPTION\n\nOne binary for cron. Every night it reads a Magento 2 shop's catalogue, stock and sales over REST into DuckDB, works out with SQL " +
		"what Optiply should hold, and sends only the difference. Data goes to stdout, talk to stderr. **magento-optiply init** writes a configuration, " +
		"**magento-optiply check** tells whether it works, **magento-optiply run** is what cron calls.\n\n# GLOBAL OPTIONS\n\n")
	manOptions(&b, n.options)
	b.WriteString("# COMMANDS\n\n")
	for _, sub := range n.all()[1:] {
		fmt.Fprintf(&b, "## %s\n\n%s.\n\n", strings.TrimPrefix(sub.synopsis(), "magento-optiply "), firstUpper(manText(sub.usage)))
		if sub.more != "" {
			b.WriteString(manText(sub.more) + "\n\n")
		}
		manOptions(&b, sub.own())
	}
	b.WriteString("# EXIT STATUS\n\n")
	for _, c := range codes() {
		fmt.Fprintf(&b, "**%s**\n: %s\n\n", c.code, manText(c.means))
	}
	b.WriteString("# ENVIRONMENT\n\n**MAGENTO_OPTIPLY_CONFIG**\n: the configuration file, where --config is not given\n\n**NO_COLOR**\n: no colours on a terminal\n\n" +
		"Whatever the configuration takes as ${NAME}.\n\n# FILES\n\n**./" + defaultConfig + "**\n: the configuration\n\n" +
		"*data_dir*/*shop*/state.duckdb\n: what Optiply is known to hold, bookmarks and ledger: back it up\n\n*data_dir*/*shop*/runs/\n: one DuckDB file a run\n\n" +
		"# SEE ALSO\n\n**crontab**(5), **systemd.timer**(5)\n")
	return string(md2man.Render([]byte(b.String())))
}

func manOptions(b *strings.Builder, options []cmdOption) {
	for _, o := range options {
		fmt.Fprintf(b, "**%s**", strings.Join(o.names, "**, **"))
		if o.placeholder != "" {
			fmt.Fprintf(b, " *%s*", manText(o.placeholder))
		}
		fmt.Fprintf(b, "\n: %s\n\n", manText(o.told()))
	}
}

// manText keeps what is text from being taken for marks.
func manText(s string) string {
	return strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`, "]", `\]`, "`", "").Replace(s)
}
