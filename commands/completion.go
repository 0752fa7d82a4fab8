package commands

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// completionCommand prints what a shell needs to complete the commands. The scripts hold all words themselves: nothing is run while
// somebody types, as urfave/cli's own would.
func (a *app) completionCommand() *cli.Command {
	shells := map[string]func() (string, error){
		"bash": func() (string, error) { return a.commandTree().bash(), nil },
		"zsh":  func() (string, error) { return a.commandTree().zsh(), nil },
		"fish": func() (string, error) { return a.commandTree().fish(), nil },
	}
	return &cli.Command{
		Name:        "completion",
		Usage:       "print a script with which bash, zsh or fish complete commands, options and values",
		ArgsUsage:   "bash|zsh|fish",
		Description: "bash: source <(magento-optiply completion bash); zsh: put it as _magento-optiply into a folder of $fpath; fish: put it into ~/.config/fish/completions.",
		Action: func(c *cli.Context) error {
			script, ok := shells[c.Args().First()]
			if !ok || c.NArg() != 1 {
				return usageError(fmt.Errorf("completion: name one shell: bash, zsh or fish"))
			}
			text, err := script()
			if err == nil {
				_, err = fmt.Fprint(a.env.Stdout, text)
			}
			return err
		},
	}
}

// valueKind is what a shell offers for an option's value.
func (o cmdOption) valueKind() string {
	switch {
	case o.placeholder == "":
		return ""
	case len(o.words) > 0:
		return "words"
	case o.placeholder == "DIR":
		return "dir"
	case o.placeholder == "FILE":
		return "file"
	}
	return "text"
}

func (n cmdNode) name() string { return n.path[strings.LastIndex(n.path, " ")+1:] }

func (n cmdNode) subNames() []string {
	var names []string
	for _, sub := range n.subs {
		names = append(names, sub.name())
	}
	return names
}

func (n cmdNode) optionNames() []string {
	names := []string{"--help"}
	for _, o := range n.options {
		for _, name := range o.names {
			if strings.HasPrefix(name, "--") {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// takingValues are the options behind which a word is a value, of all commands.
func (n cmdNode) takingValues() []string {
	var names []string
	for _, c := range n.all() {
		for _, o := range c.options {
			if o.placeholder != "" {
				names = append(names, o.names...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// bash walks over the words to find the command, then offers what that has.
func (n cmdNode) bash() string {
	var b strings.Builder
	b.WriteString(`# bash completion for magento-optiply; written by "magento-optiply completion bash"
_magento_optiply() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path= word i
    # bash takes --format=json for three words
    if [[ $cur == = ]]; then cur=; fi
    if [[ $prev == = ]]; then prev=${COMP_WORDS[COMP_CWORD-2]}; fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            ` + strings.Join(n.takingValues(), "|") + `)
                ((i++))
                if [[ ${COMP_WORDS[i]} == = ]]; then ((i++)); fi
                continue ;;
        esac
        case "$path/$word" in
`)
	for _, c := range n.all()[1:] {
		at := strings.LastIndex(" "+c.path, " ")
		fmt.Fprintf(&b, "            %q) path=%q ;;\n", strings.TrimSpace(c.path[:max(at-1, 0)])+"/"+c.name(), c.path)
	}
	b.WriteString("        esac\n    done\n    case \"$path $prev\" in\n")
	for _, c := range n.all() {
		for _, o := range c.options {
			writeBashValue(&b, c.path, o)
		}
	}
	b.WriteString("    esac\n    local subs= options=\n    case $path in\n")
	for _, c := range n.all() {
		fmt.Fprintf(&b, "        %q) subs=%q options=%q ;;\n", c.path, strings.Join(c.completed(), " "), strings.Join(c.optionNames(), " "))
	}
	b.WriteString(`    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
    else
        COMPREPLY=($(compgen -W "$subs" -- "$cur"))
    fi
}
complete -o bashdefault -o default -F _magento_optiply magento-optiply
`)
	return b.String()
}

// completed are the words that may stand behind a command: those below it, or those that its arguments name.
func (n cmdNode) completed() []string {
	if len(n.subs) == 0 && strings.Contains(n.args, "|") {
		return strings.Split(n.args, "|")
	}
	return n.subNames()
}

func writeBashValue(b *strings.Builder, path string, o cmdOption) {
	var patterns []string
	for _, name := range o.names {
		patterns = append(patterns, fmt.Sprintf("%q", path+" "+name))
	}
	switch o.valueKind() {
	case "words":
		fmt.Fprintf(b, "        %s) COMPREPLY=($(compgen -W %q -- \"$cur\")); return ;;\n", strings.Join(patterns, "|"), strings.Join(o.words, " "))
	case "dir":
		fmt.Fprintf(b, "        %s) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n", strings.Join(patterns, "|"))
	case "file":
		fmt.Fprintf(b, "        %s) compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n", strings.Join(patterns, "|"))
	case "text":
		fmt.Fprintf(b, "        %s) COMPREPLY=(); compopt +o default +o bashdefault 2>/dev/null; return ;;\n", strings.Join(patterns, "|"))
	}
}

// zsh has a function for each command with commands below it.
func (n cmdNode) zsh() string {
	var b strings.Builder
	b.WriteString("#compdef magento-optiply\n# written by \"magento-optiply completion zsh\"\n")
	for _, c := range n.all() {
		c.writeZsh(&b)
	}
	b.WriteString("\nif [[ $zsh_eval_context[-1] == loadautofunc ]]; then\n    _magento-optiply \"$@\"\nelse\n    compdef _magento-optiply magento-optiply\nfi\n")
	return b.String()
}

func (n cmdNode) zshName() string {
	return strings.TrimSuffix("_magento-optiply-"+strings.ReplaceAll(n.path, " ", "-"), "-")
}

func (n cmdNode) writeZsh(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s() {\n    local context state line\n    _arguments -C \\\n        '--help[what this command does]' \\\n", n.zshName())
	for _, o := range n.options {
		for _, name := range o.names {
			fmt.Fprintf(b, "        %s \\\n", zshQuote(name+o.zshMark(name)+"["+strings.NewReplacer("[", "(", "]", ")", ":", ";").Replace(o.text)+"]"+o.zshValue()))
		}
	}
	words := n.completed()
	if len(words) == 0 {
		b.WriteString("        '*:file:_files'\n}\n")
		return
	}
	b.WriteString("        '1: :->command' '*:: :->rest'\n    case $state in\n    command)\n        local -a commands=(\n")
	for i, word := range words {
		text := word
		if len(n.subs) > 0 {
			text += ":" + strings.ReplaceAll(n.subs[i].usage, ":", ";")
		}
		fmt.Fprintf(b, "            %s\n", zshQuote(text))
	}
	b.WriteString("        )\n        _describe command commands ;;\n    rest)\n        case $line[1] in\n")
	for _, sub := range n.subs {
		fmt.Fprintf(b, "        %s) %s ;;\n", sub.name(), sub.zshName())
	}
	b.WriteString("        esac ;;\n    esac\n}\n")
}

// zshMark says that a long option takes its value behind "=" too.
func (o cmdOption) zshMark(name string) string {
	if o.placeholder == "" {
		return ""
	}
	if strings.HasPrefix(name, "--") {
		return "="
	}
	return "+"
}

func (o cmdOption) zshValue() string {
	label := ":" + strings.ToLower(o.placeholder)
	switch o.valueKind() {
	case "words":
		return label + ":(" + strings.Join(o.words, " ") + ")"
	case "dir":
		return label + ":_files -/"
	case "file":
		return label + ":_files"
	case "text":
		return label + ": "
	}
	return ""
}

func zshQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// fish has a line an option, each with the command for which it holds.
func (n cmdNode) fish() string {
	var b strings.Builder
	b.WriteString(`# fish completion for magento-optiply; written by "magento-optiply completion fish"
function __magento_optiply_path
    set -l words (commandline -opc) --
    set -l path
    set -l skip 0
    for word in $words[2..-2]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case ` + strings.Join(n.takingValues(), " ") + `
                set skip 1
            case '-*'
            case '*'
                set -l longer (string trim "$path $word")
                contains -- $longer ` + fishList(n.all()[1:]) + `; and set path $longer
        end
    end
    echo "$path"
end
function __magento_optiply_at
    test (__magento_optiply_path) = "$argv[1]"
end
complete -c magento-optiply -f
`)
	for _, c := range n.all() {
		at := fmt.Sprintf("complete -c magento-optiply -n %s", fishQuote("__magento_optiply_at '"+c.path+"'"))
		for _, sub := range c.subs {
			fmt.Fprintf(&b, "%s -a %s -d %s\n", at, sub.name(), fishQuote(sub.usage))
		}
		if len(c.subs) == 0 {
			for _, word := range c.completed() {
				fmt.Fprintf(&b, "%s -a %s\n", at, word)
			}
		}
		fmt.Fprintf(&b, "%s -l help -s h -d 'what this command does'\n", at)
		for _, o := range c.options {
			fmt.Fprintf(&b, "%s%s -d %s\n", at, o.fish(), fishQuote(o.text))
		}
	}
	return b.String()
}

func (o cmdOption) fish() string {
	var b strings.Builder
	for _, name := range o.names {
		if long, ok := strings.CutPrefix(name, "--"); ok {
			b.WriteString(" -l " + long)
		} else {
			b.WriteString(" -s " + strings.TrimPrefix(name, "-"))
		}
	}
	switch o.valueKind() {
	case "words":
		b.WriteString(" -x -a " + fishQuote(strings.Join(o.words, " ")))
	case "dir":
		b.WriteString(" -x -a '(__fish_complete_directories)'")
	case "file":
		b.WriteString(" -r -F")
	case "text":
		b.WriteString(" -x")
	}
	return b.String()
}

func fishList(nodes []cmdNode) string {
	var paths []string
	for _, c := range nodes {
		paths = append(paths, fishQuote(c.path))
	}
	return strings.Join(paths, " ")
}

func fishQuote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
