package commands

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// namedQuery is a file of queries/named: a question that people really ask.
type namedQuery struct {
	Name    string
	Purpose string // a sentence
	Runs    int    // how many of the last runs it looks at; 0: it looks at one
	Text    string
}

var (
	purposeLine = regexp.MustCompile(`(?s)^-- purpose: (.*?)\n-- inputs:`)
	overLine    = regexp.MustCompile(`(?m)^-- over:\s+(\d+) runs$`)
)

// namedQueries are all of them, by name.
func namedQueries() ([]namedQuery, error) {
	entries, err := queryFiles.ReadDir("queries/named")
	if err != nil {
		return nil, err
	}
	var list []namedQuery
	for _, e := range entries {
		text, err := readQuery("named/" + e.Name())
		if err != nil {
			return nil, err
		}
		q := namedQuery{Name: strings.TrimSuffix(e.Name(), ".sql"), Text: text}
		m := purposeLine.FindStringSubmatch(text)
		if m == nil {
			return nil, fmt.Errorf("the named query %s does not begin with its purpose", q.Name)
		}
		q.Purpose = strings.Join(strings.Fields(strings.ReplaceAll(m[1], "\n--", "\n")), " ")
		if m := overLine.FindStringSubmatch(text); m != nil {
			q.Runs, _ = strconv.Atoi(m[1]) // it is digits
		}
		list = append(list, q)
	}
	return list, nil
}

// findNamed is the query of a name.
func findNamed(name string) (q namedQuery, err error) {
	list, err := namedQueries()
	if err != nil {
		return q, err
	}
	i := slices.IndexFunc(list, func(q namedQuery) bool { return q.Name == name })
	if i < 0 {
		return q, usageError(fmt.Errorf("there is no named query %s; `sql --named` lists them", name))
	}
	return list[i], nil
}

// takeNamed puts a named query in the place of a text.
func (o *sqlOptions) takeNamed(given bool) error {
	if given {
		return usageError(errors.New("--named asks a question of its own: leave out the query"))
	}
	q, err := findNamed(o.named)
	if err != nil {
		return err
	}
	switch {
	case q.Runs == 0 && o.runs > 0:
		return usageError(fmt.Errorf("%s looks at one run: leave out --runs, or choose the run with --run", q.Name))
	case q.Runs > 0 && o.runID != "":
		return usageError(fmt.Errorf("%s looks at several runs: leave out --run, or say how many with --runs", q.Name))
	case q.Runs > 0 && o.runs == 0:
		o.runs = q.Runs
	}
	o.query = q.Text
	return nil
}

// listNamed prints the names, each with its sentence.
func listNamed(w io.Writer, width int) error {
	list, err := namedQueries()
	if err != nil {
		return err
	}
	longest := 0
	for _, q := range list {
		longest = max(longest, len(q.Name))
	}
	for _, q := range list {
		sentence := q.Purpose
		if q.Runs > 0 {
			sentence += fmt.Sprintf(" (the last %d runs, or --runs N)", q.Runs)
		}
		lines := strings.Split(text.WrapSoft(sentence, max(width-longest-2, 20)), "\n")
		for i, line := range lines {
			name := ""
			if i == 0 {
				name = q.Name
			}
			if _, err := fmt.Fprintf(w, "%-*s  %s\n", longest, name, strings.TrimRight(line, " ")); err != nil {
				return err
			}
		}
	}
	return nil
}

// sqlArgs lets sql take what the parser would misread: a query that begins with a comment, and --named without a name.
func sqlArgs(args []string) []string {
	if !slices.Contains(args, "sql") {
		return args
	}
	args = slices.Clone(args)
	for i, arg := range args {
		switch {
		case strings.HasPrefix(arg, "-- ") || strings.HasPrefix(arg, "--\n"):
			args[i] = "\n" + arg
		case arg == "--named" && (i+1 == len(args) || strings.HasPrefix(args[i+1], "-")):
			args[i] = "--named="
		}
	}
	return args
}
