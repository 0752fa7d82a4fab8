// Package transform works out, with the SQL files of transform/sql, what Optiply should hold and what has to change for
// that. The files are the product: this code only runs them over a run file, in the order of their names, and then the
// checks beside them. It reaches no network and knows no rule.
package transform

import (
	"context"
	"database/sql"
	"embed"
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
}

// SQLError is a file that did not run.
type SQLError struct {
	File string
	Err  error
}

func (e *SQLError) Error() string { return fmt.Sprintf("transform/sql/%s: %v", e.File, e.Err) }
func (e *SQLError) Unwrap() error { return e.Err }

// Run runs the files over the run file that db has as its default database: all of them in one transaction, so that a
// file that fails leaves the tables of the last transformation as they were. report is called before each file.
func Run(ctx context.Context, db *sql.DB, fsys fs.FS, now time.Time, report func(file string, done, all int)) (*Result, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	// Variables belong to a connection, so everything runs on one.
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return nil, fmt.Errorf("begin the transformation: %w", err)
	}
	result, err := runFiles(ctx, conn, fsys, names, now, report)
	if err == nil {
		_, err = conn.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return nil, err
	}
	// A bulk replace leaves its old blocks in the file until a checkpoint.
	if _, err := conn.ExecContext(ctx, "CHECKPOINT"); err != nil {
		return nil, fmt.Errorf("write the run file out: %w", err)
	}
	return result, nil
}

func runFiles(ctx context.Context, conn *sql.Conn, fsys fs.FS, names []string, now time.Time, report func(string, int, int)) (*Result, error) {
	result := &Result{}
	if _, err := conn.ExecContext(ctx, "DELETE FROM run.steps"); err != nil {
		return nil, err
	}
	for i, name := range names {
		report(name, i, len(names))
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, &SQLError{File: name, Err: err}
		}
		if strings.HasSuffix(name, "_check.sql") {
			err = result.check(ctx, conn, name, string(text))
		} else {
			err = result.step(ctx, conn, name, string(text))
		}
		if err != nil {
			return nil, &SQLError{File: name, Err: err}
		}
	}
	report("", len(names), len(names))
	if err := conn.QueryRowContext(ctx, "SELECT hash, changes FROM plan.summary").Scan(&result.PlanHash, &result.Changes); err != nil {
		return nil, fmt.Errorf("read plan.summary: %w", err)
	}
	_, err := conn.ExecContext(ctx, "UPDATE run.info SET transformed_at = ?, plan_hash = ?", now.UTC(), result.PlanHash)
	return result, err
}

var outputLine = regexp.MustCompile(`(?m)^-- output: +([a-z]+\.[a-z_]+)$`)

func (r *Result) step(ctx context.Context, conn *sql.Conn, name, text string) error {
	start := time.Now()
	if _, err := conn.ExecContext(ctx, text); err != nil {
		return err
	}
	s := Step{File: name, Seconds: time.Since(start).Seconds()}
	if m := outputLine.FindStringSubmatch(text); m != nil {
		s.Table = m[1]
		if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM "+s.Table).Scan(&s.Rows); err != nil {
			return fmt.Errorf("its header promises the table %s: %w", s.Table, err)
		}
	}
	r.Steps = append(r.Steps, s)
	_, err := conn.ExecContext(ctx, "INSERT INTO run.steps VALUES (?, false, ?, ?, NULL, ?)", name, s.Rows, s.Seconds, text)
	return err
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
	_, err = conn.ExecContext(ctx, "INSERT INTO run.steps VALUES (?, true, ?, ?, ?, ?)", name, broken.Rows, time.Since(start).Seconds(), broken.Sample, text)
	return err
}
