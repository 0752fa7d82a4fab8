package commands

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/peterh/liner"
)

// typist types lines, and remembers the prompts that it saw and the history that was kept. "^C" takes back what was begun.
type typist struct {
	lines            []string
	prompts, history []string
}

func (p *typist) Prompt(prompt string) (string, error) {
	p.prompts = append(p.prompts, prompt)
	if len(p.lines) == 0 {
		return "", io.EOF
	}
	line := p.lines[0]
	p.lines = p.lines[1:]
	if line == "^C" {
		return "", liner.ErrPromptAborted
	}
	return line, nil
}

func (p *typist) AppendHistory(item string) { p.history = append(p.history, item) }

// newSession is a prompt over the latest run, or over the last runs.
func newSession(t *testing.T, o *sqlOptions) (s *session, stdout, stderr *bytes.Buffer) {
	t.Helper()
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	a := &app{env: Env{Stdout: stdout, Stderr: stderr, Now: time.Now, LookupEnv: func(string) (string, bool) { return "", false }}, configPath: defaultConfig}
	a.log = textLogger(a.env, 8)
	reading, _, err := a.openReading(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reading.Close() })
	return &session{app: a, reading: reading, options: o}, stdout, stderr
}

func TestPrompt_AnswersWhatIsTyped(t *testing.T) {
	newShop(t)
	s, stdout, stderr := newSession(t, &sqlOptions{format: "csv"})
	p := &typist{lines: []string{"SELECT 1 AS a, -- it's one", "'x' AS b", ";", "SELECT 2 AS c; SELECT 3", "^C", "FROM nope;", "INSERT INTO run.settings VALUES ('a', 'b');",
		"SET VARIABLE x = 7;", "SELECT getvariable('x') AS x;", "", ".quit", "SELECT 9;"}}
	if err := s.talk(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if want := "a,b\n1,x\nc\n2\nx\n7\n"; stdout.String() != want {
		t.Errorf("stdout %q, want %q", stdout, want)
	}
	for _, part := range []string{"Table with name nope does not exist", "INSERT is refused: sql only reads"} {
		if !strings.Contains(stderr.String(), part) {
			t.Errorf("stderr does not say %q: %s", part, stderr)
		}
	}
	if diff := cmp.Diff([]string{"SELECT 1 AS a, /* it's one */ 'x' AS b ;", "FROM nope;", "INSERT INTO run.settings VALUES ('a', 'b');", "SET VARIABLE x = 7;",
		"SELECT getvariable('x') AS x;", ".quit"}, p.history); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"sql> ", "   > ", "   > ", "sql> ", "   > ", "sql> "}, p.prompts[:6]); diff != "" {
		t.Errorf("prompts (-want +got):\n%s", diff)
	}
}

func TestPrompt_KnowsItsCommands(t *testing.T) {
	newShop(t)
	s, stdout, stderr := newSession(t, &sqlOptions{format: "table"})
	for line, want := range map[string]string{
		".help":                   ".examples NAME",
		".tables":                 "plan.changes ",
		".schema plan.summary":    "hash         VARCHAR",
		".schema":                 "plan.summary            hash VARCHAR, changes BIGINT",
		".examples":               "price-changes         prices that change in this run",
		".examples price-changes": "-- purpose: prices that change in this run",
		".ask price-changes;":     "SKU  12          34.00  35.00      2.9",
		".ask nights":             "nights looks at several runs, and this prompt at one: begin it with `sql --runs 7`",
		".ask nope":               "there is no named query nope",
		".schema nope":            "Table with name nope does not exist",
		".nope":                   "there is no command .nope: .help tells them",
		".ask":                    "there is no command .ask: .help tells them",
		".schema a b":             "a command with a dot takes one word",
	} {
		stdout.Reset()
		stderr.Reset()
		s.line(t.Context(), line)
		if !strings.Contains(stdout.String()+stderr.String(), want) {
			t.Errorf("%s says:\n%s%s\nwant %q", line, stdout, stderr, want)
		}
	}
	complete := s.completer(t.Context())
	for line, want := range map[string][]string{"SELECT * FROM plan.s": {"plan.summary"}, ".ask price": {"price-changes"}, ".sch": {".schema"}, "": nil} {
		if _, got, _ := complete(line, len(line)); !cmp.Equal(got, want) {
			t.Errorf("%q is completed by %v, want %v", line, got, want)
		}
	}
}

func TestPrompt_OverSeveralRuns(t *testing.T) {
	newShop(t)
	s, stdout, stderr := newSession(t, &sqlOptions{format: "csv", runs: 7})
	s.line(t.Context(), "SELECT run_id FROM run.info ORDER BY run_id;")
	s.line(t.Context(), ".ask price-changes")
	if want := "run_id\n" + oldRun + "\n" + knownRun + "\n" + latestRun + "\n"; stdout.String() != want || !strings.Contains(stderr.String(), "price-changes looks at one run") {
		t.Errorf("stdout %q, stderr %q", stdout, stderr)
	}
}
