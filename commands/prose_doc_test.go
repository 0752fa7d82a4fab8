package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// TestDocuments_NameCommandsAndOptionsThatThereAre looks at every command in the prose and the blocks of README.md and docs/*.md: a
// page that names an option of an older program tells a person at nine in the morning to do what cannot be done.
func TestDocuments_NameCommandsAndOptionsThatThereAre(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, words := range commandsIn(string(text)) {
			seen++
			if wrong := wrongWords(words); wrong != "" {
				t.Errorf("%s: `%s`: there is no %s", filepath.Base(page), strings.Join(words, " "), wrong)
			}
		}
	}
	if seen < 150 {
		t.Errorf("the pages name %d commands and options; the test does not find them", seen)
	}
}

func TestDocuments_ACommandThatIsNotThereIsFound(t *testing.T) {
	page := "Go on with `run --resum`, `runs purge 3` or `--no-such`; see `run.issues`, `plan`, `runs show ID`.\n\n" +
		"```sh\nmagento-optiply sql --frmt csv \"SELECT 1 -- --comment\"\nmagento-optiply ask\n```\n"
	var wrong []string
	for _, words := range commandsIn(page) {
		if w := wrongWords(words); w != "" {
			wrong = append(wrong, w)
		}
	}
	want := []string{"option --frmt of sql", "command ask", "option --resum of run", "command runs purge", "option --no-such"}
	if !slices.Equal(wrong, want) {
		t.Errorf("found %q, want %q", wrong, want)
	}
}

var (
	fenced     = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")
	inline     = regexp.MustCompile("`([^`\n]+)`")
	quotedText = regexp.MustCompile(`'[^']*'|"[^"]*"`)
)

// commandsIn are the commands of a page, as words without the program's name, and single options such as --resume.
func commandsIn(page string) (list [][]string) {
	called := regexp.MustCompile(`(?m)(?:^ *|&& |\| )magento-optiply ((?:[^;|&\n]|&&\S)*)`)
	for _, block := range fenced.FindAllStringSubmatch(page, -1) {
		if block[1] == "sql" || block[1] == "mermaid" {
			continue
		}
		for _, m := range called.FindAllStringSubmatch(quotedText.ReplaceAllString(block[2], "X"), -1) {
			list = append(list, strings.Fields(m[1]))
		}
	}
	for _, m := range inline.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		words := strings.Fields(quotedText.ReplaceAllString(m[1], "X"))
		if len(words) == 0 {
			continue
		}
		switch {
		case words[0] == "magento-optiply" && len(words) > 1:
			list = append(list, words[1:])
		case strings.HasPrefix(words[0], "--"), command(words[0]) != nil:
			list = append(list, words)
		}
	}
	return list
}

// program is the command line as it is.
func program() *cli.App { return (&app{env: Env{}}).cli() }

func command(name string) *cli.Command { return program().Command(name) }

// wrongWords is what of a command there is not; empty where all is there.
func wrongWords(words []string) string {
	global := program().Flags
	if strings.HasPrefix(words[0], "--") {
		if optionAnywhere(program().Commands, words[0]) || has(global, words[0]) {
			return ""
		}
		return "option " + optionName(words[0])
	}
	c := command(words[0])
	if c == nil {
		return "command " + words[0]
	}
	path, isValue := words[0], false
	for _, word := range words[1:] {
		switch {
		case isValue:
			isValue = false
		case strings.HasPrefix(word, "--"):
			if !has(c.Flags, word) {
				return "option " + optionName(word) + " of " + path
			}
			isValue = !strings.Contains(word, "=") && takesValue(c.Flags, word)
		case len(c.Subcommands) > 0 && regexp.MustCompile(`^[a-z]+$`).MatchString(word):
			sub := slices.IndexFunc(c.Subcommands, func(s *cli.Command) bool { return s.HasName(word) })
			if sub < 0 {
				return "command " + path + " " + word
			}
			c, path = c.Subcommands[sub], path+" "+word
		}
	}
	return ""
}

func optionName(word string) string {
	name, _, _ := strings.Cut(word, "=")
	return strings.TrimRight(name, ",.:)")
}

func has(flags []cli.Flag, word string) bool {
	name := strings.TrimLeft(optionName(word), "-")
	return name == "help" || name == "version" || slices.ContainsFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}

func takesValue(flags []cli.Flag, word string) bool {
	return slices.ContainsFunc(flags, func(f cli.Flag) bool {
		_, isSwitch := f.(*cli.BoolFlag)
		return !isSwitch && slices.Contains(f.Names(), strings.TrimLeft(optionName(word), "-"))
	})
}

func optionAnywhere(list []*cli.Command, word string) bool {
	return slices.ContainsFunc(list, func(c *cli.Command) bool { return has(c.Flags, word) || optionAnywhere(c.Subcommands, word) })
}
