// Package transform works out, with the SQL files of transform/sql, what Optiply should hold and what has to change for
// that. The files are the product: this code only runs them over a run file, in the order of their names, and then the
// checks beside them. It reaches no network and knows no rule.
package transform

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"
)

//go:embed sql/*.sql
var embedded embed.FS

// SQL returns the embedded files.
func SQL() fs.FS {
	fsys, err := fs.Sub(embedded, "sql")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return fsys
}

// Step is one file that ran.
type Step struct {
	File    string
	Table   string // its output, empty where that is no table
	Rows    int64
	Seconds float64
}

// Broken is a check that found something. A plan with one is not loaded.
type Broken struct {
	File   string
	Rows   int64
	Sample string // the first rows, for people
}

// Result is what a transformation did.
type Result struct {
	Steps    []Step
	Broken   []Broken
	PlanHash string
	Changes  int64

	ran []ran
}

// ran is a row of run.steps.
type ran struct {
	file    string
	checked bool
	rows    int64
	seconds float64
	sample  *string // nil of a file that is no check
	text    string
}

// SQLError is a file that did not run.
type SQLError struct {
	File string
	Err  error
}

func (e *SQLError) Error() string { return fmt.Sprintf("transform/sql/%s: %v", e.File, e.Err) }
func (e *SQLError) Unwrap() error { return e.Err }

// Run runs the files over the run file that db has as its default database, in the order of their names. A file that fails leaves
// the tables of the last transformation as they were: they run in one transaction. Where there was none, and no file is a shop's
// own, each commits what it makes, which takes a tenth of the time less, and a failure leaves none of their tables. Those that only
// read pages are run first, several at a time, where that changes nothing about it (Staging). report is called before each file.
func Run(ctx context.Context, db *sql.DB, fsys fs.FS, now time.Time, report func(file string, done, all int)) (*Result, error) {
	s, err := NewStaging(ctx, db, fsys)
	if err != nil {
		return nil, err
	}
	if err := s.Again(ctx); err != nil {
		return nil, err
	}
	return s.Run(ctx, now, report)
}

// Run runs the files that are left.
func (s *Staging) Run(ctx context.Context, now time.Time, report func(file string, done, all int)) (*Result, error) {
	s.Wait()
	s.giveBack(ctx) // what reading the shop has taken
	names, err := fs.Glob(s.fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	// Variables belong to a connection, so everything runs on one.
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	result, err := s.runAll(ctx, conn, names, now, report)
	if err != nil {
		return nil, err
	}
	// A bulk replace leaves its old blocks in the file until a checkpoint.
	if _, err := conn.ExecContext(ctx, "CHECKPOINT"); err != nil {
		return nil, fmt.Errorf("write the run file out: %w", err)
	}
	return result, nil
}

func (s *Staging) runAll(ctx context.Context, conn *sql.Conn, names []string, now time.Time, report func(string, int, int)) (*Result, error) {
	var again bool
	if err := conn.QueryRowContext(ctx, "SELECT transformed_at IS NOT NULL OR EXISTS (FROM run.steps) FROM run.info").Scan(&again); err != nil {
		return nil, fmt.Errorf("find out whether the run was transformed: %w", err)
	}
	if again || s.own {
		return inTransaction(ctx, conn, func() (*Result, error) {
			result, err := s.runFiles(ctx, conn, names, report)
			if err == nil {
				err = result.keep(ctx, conn, now)
			}
			return result, err
		})
	}
	result, err := s.runFiles(ctx, conn, names, report)
	if err == nil {
		_, err = inTransaction(ctx, conn, func() (*Result, error) { return result, result.keep(ctx, conn, now) })
	}
	if err != nil {
		return nil, errors.Join(err, s.drop(context.WithoutCancel(ctx), conn))
	}
	return result, nil
}

// drop removes what files have made that were not run early.
func (s *Staging) drop(ctx context.Context, conn *sql.Conn) error {
	statements := []string{"DELETE FROM run.issues WHERE phase = 'transform'"}
	for _, output := range s.outputs {
		statements = append(statements, "DROP TABLE IF EXISTS "+output)
	}
	for _, q := range statements {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("remove what a transformation made that failed (%s): %w", q, err)
		}
	}
	return nil
}

func (s *Staging) runFiles(ctx context.Context, conn *sql.Conn, names []string, report func(string, int, int)) (*Result, error) {
	result := &Result{}
	for i, name := range names {
		report(name, i, len(names))
		start := time.Now()
		text, err := fs.ReadFile(s.fsys, name)
		if err != nil {
			return nil, &SQLError{File: name, Err: err}
		}
		if strings.HasSuffix(name, "_check.sql") {
			err = result.check(ctx, conn, name, string(text))
		} else {
			err = result.step(ctx, conn, name, string(text), s.done(name, string(text)))
		}
		if err != nil {
			return nil, &SQLError{File: name, Err: err}
		}
		s.freeAfter(ctx, start)
	}
	report("", len(names), len(names))
	if err := conn.QueryRowContext(ctx, "SELECT hash, changes FROM plan.summary").Scan(&result.PlanHash, &result.Changes); err != nil {
		return nil, fmt.Errorf("read plan.summary: %w", err)
	}
	return result, nil
}

// keep notes in the run which files made its plan.
func (r *Result) keep(ctx context.Context, conn *sql.Conn, now time.Time) error {
	if _, err := conn.ExecContext(ctx, "DELETE FROM run.steps"); err != nil {
		return err
	}
	for _, f := range r.ran {
		if _, err := conn.ExecContext(ctx, "INSERT INTO run.steps VALUES (?, ?, ?, ?, ?, ?)", f.file, f.checked, f.rows, f.seconds, f.sample, f.text); err != nil {
			return err
		}
	}
	_, err := conn.ExecContext(ctx, "UPDATE run.info SET transformed_at = ?, plan_hash = ?", now.UTC(), r.PlanHash)
	return err
}

var outputLine = regexp.MustCompile(`(?m)^-- output: +([a-z]+\.[a-z_]+)$`)

// step runs a file, unless it is done.
func (r *Result) step(ctx context.Context, conn *sql.Conn, name, text string, done *Step) (err error) {
	if done == nil {
		if done, err = runFile(ctx, conn, name, text); err != nil {
			return err
		}
	}
	r.Steps = append(r.Steps, *done)
	r.ran = append(r.ran, ran{file: name, rows: done.Rows, seconds: done.Seconds, text: text})
	return nil
}

// runFile runs a file and counts what it made.
func runFile(ctx context.Context, conn *sql.Conn, name, text string) (*Step, error) {
	start := time.Now()
	if _, err := conn.ExecContext(ctx, text); err != nil {
		return nil, err
	}
	s := &Step{File: name, Seconds: time.Since(start).Seconds()}
	if m := outputLine.FindStringSubmatch(text); m != nil {
		s.Table = m[1]
		if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM "+s.Table).Scan(&s.Rows); err != nil {
			return nil, fmt.Errorf("its header promises the table %s: %w", s.Table, err)
		}
	}
	return s, nil
}

// check runs a _check.sql, which returns no row when all is well.
func (r *Result) check(ctx context.Context, conn *sql.Conn, name, text string) error {
	start := time.Now()
	rows, err := conn.QueryContext(ctx, text)
	if err != nil {
		return err
	}
	defer rows.Close()
	broken := Broken{File: name}
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values := make([]any, len(columns))
	pointers := make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	var sample []string
	for rows.Next() {
		broken.Rows++
		if len(sample) == 5 {
			continue
		}
		if err := rows.Scan(pointers...); err != nil {
			return err
		}
		sample = append(sample, strings.TrimSpace(strings.ReplaceAll(fmt.Sprintln(values...), "<nil>", "")))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	broken.Sample = strings.Join(sample, "; ")
	if broken.Rows > 0 {
		r.Broken = append(r.Broken, broken)
	}
	r.ran = append(r.ran, ran{file: name, checked: true, rows: broken.Rows, seconds: time.Since(start).Seconds(), sample: &broken.Sample, text: text})
	return nil
}
