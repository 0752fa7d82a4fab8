package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	duckdb "github.com/marcboeker/go-duckdb/v2"
)

// Reading is a run file, the state, or both, opened for questions and nothing else. Three things see to it: the files are
// attached read-only; DuckDB may reach no other file than the pages of its runs, and its settings are locked; and a statement
// that is no question is refused before it runs, because what may be read could otherwise be overwritten.
type Reading struct {
	run  *Run
	conn *sql.Conn // the only one: settings are locked, so that no other can be made
	runs []attached
}

// Reading turns a run that was opened with Read into one for questions. An export names a file that Export may write.
// The run must not be used for anything else then; close the Reading, not the run.
func (r *Run) Reading(ctx context.Context, export string) (*Reading, error) {
	r.DB.SetMaxOpenConns(1)
	conn, err := r.DB.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open for reading: %w", err)
	}
	q := &Reading{run: r, conn: conn}
	if r.ID != "" {
		q.runs = []attached{{RunRef{ID: r.ID, Partial: r.Partial}, "runfile"}}
	}
	if err := q.Lock(ctx, export); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return q, nil
}

// Lock lets DuckDB reach no other file than the pages of the runs that are open, and the export where one is named. It cannot
// be taken back: no run can be added afterwards.
func (q *Reading) Lock(ctx context.Context, export string) error {
	var statements, dirs []string
	for _, r := range q.runs {
		// The views name their pages relative to the runs folder, and DuckDB compares a path as it is written.
		dirs = append(dirs, quote(r.ref.ID+".pages/"), quote(q.run.shop.PagesDir(r.ref.ID)+"/"))
	}
	if len(dirs) > 0 {
		statements = append(statements, "SET allowed_directories = ["+strings.Join(dirs, ", ")+"]")
	}
	if export != "" {
		statements = append(statements, "SET allowed_paths = ["+quote(export)+"]")
	}
	statements = append(statements, "SET enable_external_access = false", "SET lock_configuration = true")
	if err := exec(ctx, q.conn, statements...); err != nil {
		return fmt.Errorf("open for reading: %w", err)
	}
	return nil
}

// Close closes the files.
func (q *Reading) Close() error { return errors.Join(q.conn.Close(), q.run.Close()) }

// QuestionError is a question that DuckDB does not understand, or that is not answered because it is none.
type QuestionError struct{ Text string }

func (e *QuestionError) Error() string { return e.Text }

// Ask answers one statement. The answer is valid until the next question.
func (q *Reading) Ask(ctx context.Context, text string) (*Answer, error) {
	// The driver does not look at a context that is over already before it answers.
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	text = strings.TrimRight(strings.TrimSpace(text), "; \n\t\r")
	kind, err := q.check(text)
	if err != nil {
		return nil, err
	}
	switch kind {
	case setVariable:
		_, err := q.conn.ExecContext(ctx, text)
		return &Answer{}, question(err)
	case explains:
		return q.direct(ctx, text)
	}
	a, err := q.keep(ctx, text)
	if err != nil && strings.HasPrefix(err.Error(), "Parser Error") {
		return q.direct(ctx, text) // a PRAGMA that is a question, such as table_info, cannot stand in FROM
	}
	return a, err
}

// Check refuses statements that Ask would refuse, without answering any.
func (q *Reading) Check(texts ...string) error {
	for _, text := range texts {
		if _, err := q.check(strings.TrimRight(strings.TrimSpace(text), "; \n\t\r")); err != nil {
			return err
		}
	}
	return nil
}

// statement is what a text is.
type statement int

const (
	selects statement = iota
	explains
	setVariable
)

var (
	explainWords  = regexp.MustCompile(`(?i)^\s*EXPLAIN\s+(ANALYZE\s+)?`)
	variableWords = regexp.MustCompile(`(?i)^\s*SET\s+VARIABLE\s`)
	pivotWord     = regexp.MustCompile(`(?i)\b(UN)?PIVOT(_WIDER|_LONGER)?\b`)
)

// check refuses what is no question. DuckDB's own parser decides what a statement is.
func (q *Reading) check(text string) (statement, error) {
	kind, err := q.typeOf(text)
	var broken *duckdb.Error
	switch {
	case errors.As(err, &broken):
		return 0, question(err)
	case err != nil && text == "":
		return 0, &QuestionError{"there is no query"}
	case err != nil && !strings.Contains(text, ";") && pivotWord.MatchString(text):
		// DuckDB makes several statements of a PIVOT. Without a semicolon there is no other among them.
		return selects, q.checkFunctions(text)
	case err != nil:
		return 0, &QuestionError{"that is more than one statement, or none: ask one at a time"}
	}
	switch kind {
	case duckdb.STATEMENT_TYPE_SELECT:
		return selects, q.checkFunctions(text)
	case duckdb.STATEMENT_TYPE_EXPLAIN:
		inner, err := q.check(explainWords.ReplaceAllString(text, ""))
		if err == nil && inner != selects {
			err = refused("EXPLAIN of anything but a SELECT")
		}
		if err != nil {
			return 0, err
		}
		return explains, nil
	}
	if variableWords.MatchString(text) {
		return setVariable, q.checkFunctions(text)
	}
	word, _, _ := strings.Cut(strings.TrimSpace(text), " ")
	return 0, refused(strings.ToUpper(printable(word)))
}

func refused(what string) error {
	return &QuestionError{what + " is refused: sql only reads, and answers SELECT, FROM, WITH, DESCRIBE, SHOW, SUMMARIZE, PIVOT, EXPLAIN and SET VARIABLE"}
}

// printable keeps what a person typed to one short word.
func printable(word string) string {
	word, _, _ = strings.Cut(word, "\n")
	return word[:min(len(word), 20)]
}

// typeOf prepares one statement, without running it.
func (q *Reading) typeOf(text string) (kind duckdb.StmtType, err error) {
	err = q.conn.Raw(func(c any) error {
		prepared, err := c.(*duckdb.Conn).Prepare(text)
		if err != nil {
			return err
		}
		kind, err = prepared.(*duckdb.Stmt).StatementType()
		return errors.Join(err, prepared.Close())
	})
	return kind, err
}

// unsafeFunctions do something, although a SELECT may call them, or run a text that check has not seen.
func unsafeFunctions() []string {
	return []string{"enable_logging", "disable_logging", "truncate_duckdb_logs", "checkpoint", "force_checkpoint", "query", "query_table",
		"json_execute_serialized_sql"}
}

// checkFunctions refuses a question that calls an unsafe function. What DuckDB cannot take apart may not even name one.
func (q *Reading) checkFunctions(text string) error {
	var names sql.Null[[]any]
	row := q.conn.QueryRowContext(context.Background(), `SELECT CASE WHEN parsed ->> 'error' = 'false' THEN parsed ->> '$..function_name' END
		FROM (SELECT json_serialize_sql(?::VARCHAR) AS parsed)`, text)
	if err := row.Scan(&names); err != nil {
		return fmt.Errorf("check the query: %w", err)
	}
	lower := strings.ToLower(text)
	for _, name := range unsafeFunctions() {
		used := slices.ContainsFunc(names.V, func(v any) bool { return strings.EqualFold(fmt.Sprint(v), name) })
		if used || !names.Valid && regexp.MustCompile(`\b`+name+`\b`).MatchString(lower) {
			return refused(name + "()")
		}
	}
	return nil
}

// question makes DuckDB's words one sentence, and turns the limits of a Reading into ours.
func question(err error) error {
	var e *duckdb.Error
	if err == nil || !errors.As(err, &e) || errors.Is(err, context.Canceled) {
		return err
	}
	sentence, place, _ := strings.Cut(e.Error(), "\n\nLINE ")
	sentence = strings.Join(strings.Fields(sentence), " ")
	if line, _, ok := strings.Cut(place, ":"); ok && line != "1" {
		sentence += " (line " + line + ")"
	}
	switch {
	case strings.Contains(sentence, "operations are disabled"), strings.Contains(sentence, "through configuration"):
		sentence += ": sql reads the run and the state, and no other file"
	case strings.Contains(sentence, "read-only mode"):
		sentence += ": sql only reads"
	}
	return &QuestionError{sentence}
}
