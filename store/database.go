package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	duckdb "github.com/marcboeker/go-duckdb/v2"
)

// memoryLimit keeps DuckDB from taking 80 % of the machine, its default. It spills to the shop's folder beyond that.
const memoryLimit = "1GB"

// Access says how a file is opened.
type Access int

// The ways to open a file.
const (
	None Access = iota
	Read
	Write
)

// open starts an in-memory DuckDB, to which files are attached. Every connection of the pool begins with init.
func (s *Shop) open(init func() []string) (*sql.DB, error) {
	connector, err := duckdb.NewConnector("", func(ex driver.ExecerContext) error {
		for _, q := range append(s.session(), init()...) {
			if _, err := ex.ExecContext(context.Background(), q, nil); err != nil {
				return fmt.Errorf("start DuckDB (%s): %w", q, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("start DuckDB: %w", err)
	}
	return sql.OpenDB(connector), nil
}

// session are the settings of every connection: UTC whatever the machine says, nothing fetched from a network, page
// files found from the runs folder.
func (s *Shop) session() []string {
	return []string{
		"SET autoinstall_known_extensions = false",
		"SET autoload_known_extensions = false",
		"SET TimeZone = 'UTC'",
		"SET memory_limit = '" + memoryLimit + "'",
		"SET temp_directory = " + quote(filepath.Join(s.Dir, "tmp")),
		"SET file_search_path = " + quote(s.runsDir()),
	}
}

// attach opens a file under a name in an in-memory DuckDB and tells DuckDB's errors in our words.
func attach(ctx context.Context, db *sql.DB, path, name string, access Access) error {
	mode := ""
	if access == Read {
		mode = " (READ_ONLY)"
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("open %s: %w", path, err)
		}
	}
	if _, err := db.ExecContext(ctx, "ATTACH "+quote(path)+" AS "+name+mode); err != nil {
		return explain(path, err)
	}
	return nil
}

// BusyError means that another process has the file open. DuckDB locks a file for one writer or several readers.
type BusyError struct {
	Path string
	Err  error
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("%s is open in another process: close that one (a run in progress, or a `sql` prompt) and try again", e.Path)
}

func (e *BusyError) Unwrap() error { return e.Err }

// explain gives DuckDB's errors a sentence that says what to do.
func explain(path string, err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, "Could not set lock"):
		return &BusyError{Path: path, Err: err}
	case strings.Contains(text, "No space left"):
		return fmt.Errorf("%s: the disk is full; free some space and run again with --resume: %w", path, err)
	case strings.Contains(text, "with version number"):
		return fmt.Errorf("%s was written by a newer DuckDB: use the program version that wrote it: %w", path, err)
	case strings.Contains(text, "not a valid DuckDB database"):
		return fmt.Errorf("%s is not a DuckDB file or is damaged: move it away, or put a backup back: %w", path, err)
	}
	return fmt.Errorf("open %s: %w", path, err)
}

// quote makes a SQL text literal.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// IsBusy tells whether an error is DuckDB's lock.
func IsBusy(err error) bool {
	var busy *BusyError
	return errors.As(err, &busy)
}

// exec runs statements one after another on one connection.
func exec(ctx context.Context, c interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}, statements ...string) error {
	for _, q := range statements {
		if _, err := c.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", firstLine(q), err)
		}
	}
	return nil
}

func firstLine(q string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(q), "\n")
	return line
}
