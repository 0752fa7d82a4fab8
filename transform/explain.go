package transform

import (
	"bytes"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// Link is one file of the chain, as its header tells it.
type Link struct {
	File    string
	Purpose string
	Inputs  string
	Output  string
	Grain   string
	Check   bool // it finds what is broken, and makes no table
	Own     bool // it is a file of the shop's own, or one that this program does not have
}

// Explain reads the headers of the files, in the order in which they run.
func Explain(fsys fs.FS) ([]Link, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var chain []Link
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, &SQLError{File: name, Err: err}
		}
		head := header(string(text))
		embedded, err := fs.ReadFile(SQL(), name)
		chain = append(chain, Link{File: name, Purpose: head["purpose"], Inputs: head["inputs"], Output: head["output"], Grain: head["grain"],
			Check: strings.HasSuffix(name, "_check.sql"), Own: err != nil || !bytes.Equal(embedded, text)})
	}
	return chain, nil
}

var headerLine = regexp.MustCompile(`^-- ([a-z]+):\s+(.*)$`)

// header reads the comment at the top of a file: a word and what it says, which may go on over lines that are indented.
func header(text string) map[string]string {
	head, word := map[string]string{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if m := headerLine.FindStringSubmatch(line); m != nil {
			word = m[1]
			head[word] = m[2]
			continue
		}
		more, ok := strings.CutPrefix(line, "-- ")
		if !ok || word == "" {
			break
		}
		head[word] += " " + strings.TrimSpace(more)
	}
	return head
}
