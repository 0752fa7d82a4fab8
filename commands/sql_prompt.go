package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/peterh/liner"
	"golang.org/x/term"

	"magento-optiply/store"
)

// tablesQuery is what .tables shows.
const tablesQuery = `SELECT CASE database_name WHEN 'state' THEN 'state.' || table_name ELSE schema_name || '.' || table_name END AS "table", kind
FROM (SELECT database_name, schema_name, table_name, 'table' AS kind FROM duckdb_tables()
      UNION ALL SELECT database_name, schema_name, view_name, 'view' FROM duckdb_views() WHERE NOT internal)
WHERE database_name IN ('runfile', 'state') ORDER BY database_name, schema_name, table_name`

// isTerminal tells whether a reader is one that a person types into.
func isTerminal(r io.Reader) bool {
	file, ok := r.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// prompt answers what a person types, until .quit or the end of the input. A mistake ends a question, not the prompt.
func (a *app) prompt(ctx context.Context, reading *store.Reading, o *sqlOptions) error {
	line := liner.NewLiner()
	defer line.Close()
	line.SetCtrlCAborts(true)
	history := a.historyFile()
	if file, err := os.Open(history); err == nil {
		_, _ = line.ReadHistory(file)
		_ = file.Close()
	}
	defer saveHistory(line, history)
	fmt.Fprintln(a.env.Stderr, "Read-only SQL. A statement ends with ; and .tables, .schema NAME and .quit help.")
	s := &session{app: a, reading: reading, options: o}
	for !s.done && ctx.Err() == nil {
		text, err := line.Prompt(s.promptText())
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			s.pending = ""
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(a.env.Stderr)
			return nil
		case err != nil:
			return fmt.Errorf("read from the terminal: %w", err)
		}
		if strings.TrimSpace(text) != "" {
			line.AppendHistory(text)
		}
		s.line(ctx, text)
	}
	return ctx.Err()
}

// session is what was typed so far.
type session struct {
	app     *app
	reading *store.Reading
	options *sqlOptions
	pending string
	done    bool
}

func (s *session) promptText() string {
	if s.pending != "" {
		return "   > "
	}
	return "sql> "
}

// line takes one line: a command with a dot, or a part of a statement.
func (s *session) line(ctx context.Context, text string) {
	if s.pending == "" && strings.HasPrefix(strings.TrimSpace(text), ".") {
		s.dot(ctx, strings.Fields(text))
		return
	}
	statements, rest, open := splitSQL(s.pending + text + "\n")
	for _, statement := range statements {
		s.ask(ctx, statement)
	}
	s.pending = rest
	if !open && blankSQL(rest) {
		s.pending = ""
	}
}

func (s *session) dot(ctx context.Context, words []string) {
	switch {
	case words[0] == ".quit" || words[0] == ".exit":
		s.done = true
	case words[0] == ".tables":
		s.ask(ctx, tablesQuery)
	case words[0] == ".schema" && len(words) == 2:
		s.ask(ctx, "DESCRIBE "+strings.TrimSuffix(words[1], ";"))
	default:
		fmt.Fprintln(s.app.env.Stderr, ".tables lists the tables, .schema NAME the columns of one, .quit ends")
	}
}

func (s *session) ask(ctx context.Context, statement string) {
	o := *s.options
	o.query, o.output = statement, ""
	if o.format == "parquet" {
		o.format = "table"
	}
	if err := s.app.answerAll(ctx, s.reading, &o, ""); err != nil {
		fmt.Fprintln(s.app.env.Stderr, sentence(err))
	}
}

// historyFile is in the user's home; empty where there is none.
func (a *app) historyFile() string {
	home, ok := a.env.LookupEnv("HOME")
	if !ok || home == "" {
		return ""
	}
	return filepath.Join(home, ".magento-optiply_history")
}

// saveHistory keeps what was typed, for its owner only. Where that is not possible, nothing is lost.
func saveHistory(line *liner.State, path string) {
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	_, _ = line.WriteHistory(file)
	_ = file.Close()
}
