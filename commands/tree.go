package commands

import (
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// A cmdNode is a command as its documentation and the shells' completion see it.
type cmdNode struct {
	path    string // "runs show"; empty for the program itself
	usage   string
	more    string // a longer description
	args    string // such as [QUERY]
	options []cmdOption
	subs    []cmdNode
}

// cmdOption is an option. A switch has no placeholder.
type cmdOption struct {
	names       []string // with their dashes, the long one first
	placeholder string   // of the value
	text        string   // what it does, without marks
	fallback    string   // the value that it has by itself
	words       []string // the only values, where the text names them
	global      bool
}

// commandTree reads the commands of the program.
func (a *app) commandTree() cmdNode {
	c := a.cli()
	root := cmdNode{usage: c.Usage, options: optionsOf(c.Flags)}
	for _, sub := range c.Commands {
		if !sub.Hidden {
			root.subs = append(root.subs, nodeOf("", sub))
		}
	}
	return root
}

func nodeOf(above string, c *cli.Command) cmdNode {
	n := cmdNode{path: strings.TrimSpace(above + " " + c.Name), usage: c.Usage, more: c.Description, args: c.ArgsUsage, options: optionsOf(c.Flags)}
	for _, sub := range c.Subcommands {
		if !sub.Hidden {
			n.subs = append(n.subs, nodeOf(n.path, sub))
		}
	}
	return n
}

// all lists a node and what is below it.
func (n cmdNode) all() []cmdNode {
	list := []cmdNode{n}
	for _, sub := range n.subs {
		list = append(list, sub.all()...)
	}
	return list
}

// own are the options that are not every command's.
func (n cmdNode) own() []cmdOption {
	return slices.DeleteFunc(slices.Clone(n.options), func(o cmdOption) bool { return o.global })
}

var (
	placeholderMark = regexp.MustCompile("`([^`]*)`")
	// namedWords finds the values that a text names: "FORMAT: table, csv or json".
	namedWords = regexp.MustCompile("^[^`]*`[A-Z]+`[^:;]*: ((?:[a-z_]+, )*[a-z_]+(?: or |, )[a-z_]+)(?:$|[;,. ])")
	separators = regexp.MustCompile(` or |, `)
)

func optionsOf(flags []cli.Flag) []cmdOption {
	var list []cmdOption
	for _, f := range flags {
		d, ok := f.(cli.DocGenerationFlag)
		if v, hides := f.(cli.VisibleFlag); !ok || hides && !v.IsVisible() || f == cli.HelpFlag || f == cli.VersionFlag {
			continue
		}
		o := cmdOption{text: strings.ReplaceAll(d.GetUsage(), "`", "")}
		for _, name := range f.Names() {
			o.names = append(o.names, strings.Repeat("-", min(len(name), 2))+name)
		}
		if d.TakesValue() {
			o.placeholder, o.fallback = "VALUE", d.GetValue()
			if m := placeholderMark.FindStringSubmatch(d.GetUsage()); m != nil {
				o.placeholder = m[1]
			}
			if m := namedWords.FindStringSubmatch(d.GetUsage()); m != nil {
				o.words = separators.Split(m[1], -1)
			}
		}
		if c, ok := f.(cli.CategorizableFlag); ok {
			o.global = c.GetCategory() == globalCategory
		}
		list = append(list, o)
	}
	return list
}
