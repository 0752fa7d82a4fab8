package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

//go:embed schema/run.sql schema/state/*.sql
var schema embed.FS

// NewerError means that a file was written by a newer version of this program.
type NewerError struct {
	Path       string
	Has, Knows int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s has schema version %d, and this program knows up to %d: use the newer program that wrote it", e.Path, e.Has, e.Knows)
}

// attachState attaches the state file as "state". For Write it is made or migrated first; for Read, where a run holds
// the file, the copy that the run published is taken instead, and stale tells so.
func (s *Shop) attachState(ctx context.Context, db *sql.DB, access Access) (stale bool, err error) {
	switch access {
	case None:
		return false, nil
	case Write:
		if err := attach(ctx, db, s.statePath(), "state", Write); err != nil {
			return false, err
		}
		return false, s.migrate(ctx, db)
	}
	err = attach(ctx, db, s.statePath(), "state", Read)
	if err == nil || !IsBusy(err) {
		return false, err
	}
	if cerr := attach(ctx, db, s.readPath(), "state", Read); cerr != nil {
		return false, err
	}
	return true, nil
}

// migrate brings the attached state file to the newest schema, each step in a transaction of its own, after a copy of
// the file as state.duckdb.bak. A newer file is refused.
func (s *Shop) migrate(ctx context.Context, db *sql.DB) error {
	if err := exec(ctx, db, "CREATE TABLE IF NOT EXISTS state.meta (name VARCHAR PRIMARY KEY, value VARCHAR NOT NULL)"); err != nil {
		return err
	}
	has := 0
	var text string
	err := db.QueryRowContext(ctx, "SELECT value FROM state.meta WHERE name = 'schema_version'").Scan(&text)
	if err == nil {
		has, err = strconv.Atoi(text)
	}
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read the schema version of %s: %w", s.statePath(), err)
	}
	steps, err := migrations(schema)
	if err != nil {
		return err
	}
	if has > len(steps) {
		return &NewerError{Path: s.statePath(), Has: has, Knows: len(steps)}
	}
	if has == len(steps) {
		return nil
	}
	if has > 0 {
		if err := s.backupState(ctx, db); err != nil {
			return err
		}
	}
	for i, step := range steps[has:] {
		if err := applyStep(ctx, db, step, has+i+1); err != nil {
			return fmt.Errorf("migrate %s to version %d: %w", s.statePath(), has+i+1, err)
		}
	}
	return nil
}

// migrations are the files of schema/state in order; their number is the version they lead to.
func migrations(fsys fs.FS) ([]string, error) {
	names, err := fs.Glob(fsys, "schema/state/*.sql")
	if err != nil {
		return nil, err
	}
	var steps []string
	for i, name := range names {
		if !strings.HasPrefix(path.Base(name), fmt.Sprintf("%03d_", i+1)) {
			return nil, fmt.Errorf("migration %s: expected number %03d", name, i+1)
		}
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		steps = append(steps, string(text))
	}
	return steps, nil
}

func applyStep(ctx context.Context, db *sql.DB, step string, version int) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	err = exec(ctx, conn, "USE state", "BEGIN", step,
		fmt.Sprintf("INSERT OR REPLACE INTO state.meta VALUES ('schema_version', '%d')", version), "COMMIT")
	if err != nil {
		_, _ = conn.ExecContext(ctx, "ROLLBACK")
	}
	return errors.Join(err, exec(ctx, conn, "USE memory"))
}

// backupState keeps the state file as it was before a migration.
func (s *Shop) backupState(ctx context.Context, db *sql.DB) error {
	if err := exec(ctx, db, "CHECKPOINT state"); err != nil {
		return fmt.Errorf("write the state file out before its backup: %w", err)
	}
	if err := copyFile(s.statePath(), s.statePath()+".bak"); err != nil {
		return fmt.Errorf("back up the state file: %w", err)
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to + ".tmp")
	if err != nil {
		return err
	}
	defer os.Remove(to + ".tmp")
	if _, err := io.Copy(out, in); err != nil {
		return errors.Join(err, out.Close())
	}
	if err := errors.Join(out.Sync(), out.Close()); err != nil {
		return err
	}
	return os.Rename(to+".tmp", to)
}

// publishState writes a copy of the attached state for readers. It is made by DuckDB, because a copy of a file that is
// being written can tear, and renamed into place, so that a reader keeps the copy it has.
func (s *Shop) publishState(ctx context.Context, db *sql.DB) error {
	tmp := s.readPath() + ".tmp"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	err := exec(ctx, db, "ATTACH "+quote(tmp)+" AS published", "COPY FROM DATABASE state TO published", "DETACH published")
	if err != nil {
		_, _ = db.ExecContext(ctx, "DETACH published")
		_ = os.Remove(tmp)
		return fmt.Errorf("copy the state for readers: %w", explain(tmp, err))
	}
	return os.Rename(tmp, s.readPath())
}
