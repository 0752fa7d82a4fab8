package commands

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/peterh/liner"
	"golang.org/x/term"

	"magento-optiply/store"
)

// isTerminal tells whether a reader is one that a person types into.
func isTerminal(r io.Reader) bool {
	file, ok := r.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// lineReader is what a person types into.
type lineReader interface {
	Prompt(prompt string) (string, error)
	AppendHistory(item string)
}

// prompt answers what a person types, until .quit or the end of the input. A mistake ends a question, not the prompt.
func (a *app) prompt(ctx context.Context, reading *store.Reading, o *sqlOptions) error {
	s := &session{app: a, reading: reading, options: o}
	line := liner.NewLiner()
	defer line.Close()
	line.SetCtrlCAborts(true)
	line.SetTabCompletionStyle(liner.TabPrints)
	line.SetWordCompleter(s.completer(ctx))
	history := a.historyFile()
	if file, err := os.Open(history); err == nil {
		_, _ = line.ReadHistory(file)
		_ = file.Close()
	}
	defer saveHistory(line, history)
	fmt.Fprintln(a.env.Stderr, "Read-only SQL. A statement ends with ; and .help tells the rest.")
	return s.talk(ctx, line)
}

// session is what was typed so far.
type session struct {
	app     *app
	reading *store.Reading
	options *sqlOptions
	pending string
	done    bool
}

// talk reads line by line. What belongs together is one entry of the history.
func (s *session) talk(ctx context.Context, line lineReader) error {
	for !s.done && ctx.Err() == nil {
		text, err := typed(ctx, line, s.promptText())
		switch {
		case ctx.Err() != nil:
			fmt.Fprintln(s.app.env.Stderr)
			return ctx.Err()
		case errors.Is(err, liner.ErrPromptAborted):
			s.pending = ""
			continue
		case errors.Is(err, io.EOF):
			fmt.Fprintln(s.app.env.Stderr)
			return nil
		case err != nil:
			return fmt.Errorf("read from the terminal: %w", err)
		}
		whole := s.pending + text
		s.line(ctx, text)
		if s.pending == "" && strings.TrimSpace(whole) != "" {
			line.AppendHistory(oneLine(whole))
		}
	}
	return ctx.Err()
}

// typed waits for a line, or for the end of the program: a prompt that nobody types into must not hold it up.
func typed(ctx context.Context, line lineReader, prompt string) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := line.Prompt(prompt)
		got <- answer{text, err}
	}()
	select {
	case a := <-got:
		return a.text, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// oneLine is a statement of several lines as the one line that a history can hold: its comments would swallow the rest, so they
// become comments of the other kind.
func oneLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines[:len(lines)-1] {
		if before, comment, ok := strings.Cut(line, "--"); ok && strings.Count(before, "'")%2 == 0 {
			lines[i] = before + "/*" + strings.ReplaceAll(comment, "*/", "") + " */"
		}
	}
	return strings.Join(lines, " ")
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
		s.dot(ctx, strings.Fields(strings.TrimSuffix(strings.TrimSpace(text), ";")))
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

const promptHelp = `A statement ends with ; and may have several lines. Ctrl-C takes back what was begun
and ends a question that takes long, Ctrl-D ends the prompt.
  .tables           the tables and views
  .schema [TABLE]   the columns of a table, such as model.products, or of all
  .examples         the questions that are there by name
  .examples NAME    the text of one
  .ask NAME         the answer to one
  .help             this
  .quit             end
It only reads: SELECT, FROM, WITH, DESCRIBE, SHOW, SUMMARIZE, PIVOT, EXPLAIN and SET VARIABLE are answered.
`

func (s *session) dot(ctx context.Context, words []string) {
	one := len(words) == 2
	switch {
	case len(words) == 0 || len(words) > 2:
		s.say(errors.New("a command with a dot takes one word: .help tells them"))
	case words[0] == ".quit" || words[0] == ".exit":
		s.done = true
	case words[0] == ".help":
		fmt.Fprint(s.app.env.Stdout, promptHelp)
	case words[0] == ".tables":
		s.askFile(ctx, "prompt/tables.sql")
	case words[0] == ".schema" && one:
		s.ask(ctx, "DESCRIBE "+words[1])
	case words[0] == ".schema":
		s.askFile(ctx, "prompt/schema.sql")
	case words[0] == ".examples" && !one:
		s.say(listNamed(s.app.env.Stdout, min(terminalWidth(s.app.env), maxPage)))
	case words[0] == ".examples":
		q, err := findNamed(words[1])
		if err == nil {
			_, err = fmt.Fprintln(s.app.env.Stdout, q.Text)
		}
		s.say(err)
	case words[0] == ".ask" && one:
		s.askNamed(ctx, words[1])
	default:
		s.say(fmt.Errorf("there is no command %s: .help tells them", words[0]))
	}
}

// say tells a mistake.
func (s *session) say(err error) {
	if err != nil {
		fmt.Fprintln(s.app.env.Stderr, sentence(err))
	}
}

func (s *session) askFile(ctx context.Context, name string) {
	text, err := readQuery(name)
	if err != nil {
		s.say(err)
		return
	}
	s.ask(ctx, text)
}

// askNamed answers a named query, where this prompt is over as many runs as it is meant for.
func (s *session) askNamed(ctx context.Context, name string) {
	q, err := findNamed(name)
	switch {
	case err != nil:
		s.say(err)
	case q.Runs > 0 && s.options.runs == 0:
		s.say(fmt.Errorf("%s looks at several runs, and this prompt at one: begin it with `sql --runs %d`", q.Name, q.Runs))
	case q.Runs == 0 && s.options.runs > 0:
		s.say(fmt.Errorf("%s looks at one run, and this prompt at several: begin it with `sql`", q.Name))
	default:
		s.ask(ctx, q.Text)
	}
}

func (s *session) ask(ctx context.Context, statement string) {
	ctx, done := s.app.env.Signals.asking(ctx) // a Ctrl-C ends the question, not the prompt
	defer done()
	o := *s.options
	o.query, o.output = statement, ""
	if o.format == "parquet" {
		o.format = "table"
	}
	err := s.app.answerAll(ctx, s.reading, &o, "")
	if err != nil && ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	s.say(err)
}

// completer completes the word before the cursor: commands with a dot, names of tables, names of queries.
func (s *session) completer(ctx context.Context) liner.WordCompleter {
	words := []string{".ask", ".examples", ".help", ".quit", ".schema", ".tables"}
	if text, err := readQuery("prompt/tables.sql"); err == nil {
		if answer, err := s.reading.Ask(ctx, text); err == nil {
			_ = answer.Each(ctx, -1, func(row []sql.NullString) error {
				words = append(words, row[0].String)
				return nil
			})
		}
	}
	var names []string
	if list, err := namedQueries(); err == nil {
		for _, q := range list {
			names = append(names, q.Name)
		}
	}
	return func(line string, pos int) (head string, completions []string, tail string) {
		start := pos
		for start > 0 && (wordByte(line[start-1]) || line[start-1] == '.' || line[start-1] == '-') {
			start--
		}
		head, word, tail := line[:start], line[start:pos], line[pos:]
		from := words
		if strings.HasPrefix(line, ".ask ") || strings.HasPrefix(line, ".examples ") {
			from = names
		}
		for _, w := range from {
			if word != "" && strings.HasPrefix(w, word) {
				completions = append(completions, w)
			}
		}
		slices.Sort(completions)
		return head, completions, tail
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
