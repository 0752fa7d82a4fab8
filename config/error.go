package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is everything that is wrong with a configuration, as far as one reading
// can tell. It never holds a secret.
type Error struct {
	File     string
	Problems []Problem // in the order of the file; at least one
	// Err is the cause when the file itself could not be read, for errors.Is.
	Err error
}

// Problem is one thing wrong in a configuration.
type Problem struct {
	// Line and Column count from 1, and are 0 when nothing in the file can be
	// pointed at, as for a setting that is not there.
	Line, Column int
	// Setting is the name with its section, such as magento.access_token.
	Setting string
	Message string
	// Unset is the environment variable (NAME) or the file (file:PATH) that is not there; empty for all other problems.
	Unset string
}

// Error gives one line a problem, each with file, line and column.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.Place(e.File)
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the cause, such as fs.ErrNotExist for a file that is not there.
func (e *Error) Unwrap() error { return e.Err }

// Place is the message behind file, line and column.
func (p Problem) Place(file string) string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", file, p.Message)
	}
	return fmt.Sprintf("%s:%d:%d: %s", file, p.Line, p.Column, p.Message)
}

// sortProblems puts problems in the order of the file; what has no place there
// comes last.
func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		if (a.Line == 0) != (b.Line == 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
