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
	"time"
)

//go:embed schema/run/*.sql schema/state/*.sql
var schema embed.FS

// NewerError means that a file was written by a newer version of this program.
type NewerError struct {
	Path       string
	Has, Knows int
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s has schema version %d, and this program knows up to %d: use the newer program that wrote it", e.Path, e.Has, e.Knows)
}

// attachState attaches the state file as "state". For Write it is made or migrated first. For Read, the copy for readers
// is taken where it is the newest state or a run holds the file; stale tells that there is a newer state.
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
	stale, err = s.attachForReading(ctx, db)
	if err != nil {
		return stale, err
	}
	has, err := stateVersion(ctx, db)
	if err != nil {
		return stale, explain(s.statePath(), err)
	}
	steps, err := migrations(s.schema(), "state")
	if err == nil && has > len(steps) {
		err = &NewerError{Path: s.statePath(), Has: has, Knows: len(steps)}
	}
	return stale, err
}

// attachForReading prefers the copy, because DuckDB's lock works both ways: whoever reads the file itself, a prompt that
// was left open overnight, keeps the next run from starting.
func (s *Shop) attachForReading(ctx context.Context, db *sql.DB) (stale bool, err error) {
	if s.copyIsCurrent() && attach(ctx, db, s.readPath(), "state", Read) == nil {
		return false, nil
	}
	err = attach(ctx, db, s.statePath(), "state", Read)
	if !IsBusy(err) {
		return false, err
	}
	if cerr := attach(ctx, db, s.readPath(), "state", Read); cerr != nil {
		return false, err
	}
	return true, nil
}

// schema holds the migrations of run files and of the state file.
func (s *Shop) schema() fs.FS {
	if s.otherSchema != nil {
		return s.otherSchema
	}
	return schema
}

// migrate brings the attached state file to the newest schema, each step in a transaction of its own, after a copy of
// the file as state.duckdb.bak. A newer file is refused.
func (s *Shop) migrate(ctx context.Context, db *sql.DB) error {
	steps, err := migrations(s.schema(), "state")
	if err != nil {
		return err
	}
	has, err := stateVersion(ctx, db)
	switch {
	case err != nil:
		return explain(s.statePath(), err)
	case has > len(steps):
		return &NewerError{Path: s.statePath(), Has: has, Knows: len(steps)}
	case has == len(steps):
		return nil
	case has > 0:
		if err := s.backupState(ctx, db); err != nil {
			return fmt.Errorf("back up the state file: %w", err)
		}
	}
	for i, step := range steps[has:] {
		if err := applyStep(ctx, db, step, has+i+1); err != nil {
			return fmt.Errorf("migrate the state to version %d: %w", has+i+1, explain(s.statePath(), err))
		}
	}
	return nil
}

// stateVersion is the number of the last migration of the attached state; 0 for a new file.
func stateVersion(ctx context.Context, db *sql.DB) (int, error) {
	var known bool
	err := db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM duckdb_tables() WHERE database_name = 'state' AND table_name = 'meta'").Scan(&known)
	if err != nil || !known {
		return 0, err
	}
	var text string
	err = db.QueryRowContext(ctx, "SELECT value FROM state.meta WHERE name = 'schema_version'").Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	version, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("its schema version %q is no number", text)
	}
	return version, nil
}

// migrations are the files of schema/run or schema/state in order; their number is the version they lead to.
func migrations(fsys fs.FS, of string) ([]string, error) {
	names, err := fs.Glob(fsys, path.Join("schema", of, "*.sql"))
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
	err = exec(ctx, conn, "USE state", "BEGIN", "CREATE TABLE IF NOT EXISTS state.meta (name VARCHAR PRIMARY KEY, value VARCHAR NOT NULL)", step,
		fmt.Sprintf("INSERT OR REPLACE INTO state.meta VALUES ('schema_version', '%d')", version), "COMMIT")
	after := context.WithoutCancel(ctx)
	if err != nil {
		_, _ = conn.ExecContext(after, "ROLLBACK")
	}
	return errors.Join(err, exec(after, conn, "USE memory"))
}

// backupState keeps the state file as it was before a migration. The file is let go for it: its lock is one of those
// that the system drops when the process closes any handle of the file, a copier's too.
func (s *Shop) backupState(ctx context.Context, db *sql.DB) error {
	if err := exec(ctx, db, "CHECKPOINT state", "DETACH state"); err != nil {
		return explain(s.statePath(), err)
	}
	if err := copyFile(s.statePath(), s.statePath()+".bak"); err != nil {
		return explain(s.statePath()+".bak", err)
	}
	return attach(ctx, db, s.statePath(), "state", Write)
}

// copyFile puts a copy in the place of a file, when the copy is on the disk whole.
func copyFile(from, to string) error {
	tmp := to + ".tmp"
	if err := removeIfThere(tmp); err != nil { // of a copy that was killed
		return err
	}
	defer os.Remove(tmp)
	if err := copyInto(from, tmp); err != nil {
		return err
	}
	return settle(to)
}

// PublishState writes the copy of the state that readers see while this process holds the file, and renames it into place, so that
// a reader keeps the copy it has. Nothing may be written to the state meanwhile.
func (r *Run) PublishState(ctx context.Context) error {
	tmp := r.shop.readPath() + ".tmp"
	err := r.publishState(ctx, tmp)
	if err == nil {
		return nil
	}
	_, _ = r.DB.ExecContext(context.WithoutCancel(ctx), "DETACH DATABASE IF EXISTS published")
	_, _ = os.Remove(tmp), os.Remove(tmp+".wal")
	return fmt.Errorf("copy the state for readers: %w", explain(r.shop.readPath(), err))
}

// publishState copies the file and its log as they are, and lets DuckDB put the log into the copy: that costs a tenth of copying
// the rows, and a checkpoint of the state itself would give each of its tables a block more.
func (r *Run) publishState(ctx context.Context, tmp string) error {
	path := r.shop.statePath()
	for _, p := range []string{tmp, tmp + ".wal"} { // of a publication that was killed
		if err := removeIfThere(p); err != nil {
			return err
		}
	}
	if r.stateFile == nil {
		var err error
		if r.stateFile, err = os.Open(path); err != nil {
			return err
		}
	}
	if _, err := r.stateFile.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if err := writeNew(tmp, r.stateFile); err != nil {
		return err
	}
	if err := copyInto(path+".wal", tmp+".wal"); err != nil && !errors.Is(err, fs.ErrNotExist) { // without one all is in the file
		return err
	}
	if err := exec(ctx, r.DB, "ATTACH "+quote(tmp)+" AS published", "CHECKPOINT published", "DETACH published"); err != nil {
		return err
	}
	if err := olderThan(path, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, r.shop.readPath())
}

// olderThan dates a copy before its file, so that it is not taken for one of what the run ended with (copyIsCurrent): both can be
// written within one tick of the file system's clock.
func olderThan(path, tmp string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	before := info.ModTime().Add(-time.Second)
	return os.Chtimes(tmp, before, before)
}

// refreshCopy makes the copy for readers equal to the state file, which must be closed: no handle of this process may be
// open in it (see backupState). Its time says which state it is of. Without it readers take the file itself, so that a
// failure is none of the run's.
func (s *Shop) refreshCopy() {
	state, err := os.Stat(s.statePath())
	if err != nil || copyFile(s.statePath(), s.readPath()) != nil {
		return
	}
	_ = os.Chtimes(s.readPath(), state.ModTime(), state.ModTime())
}

// copyIsCurrent tells whether the copy for readers is of the state as it is now.
func (s *Shop) copyIsCurrent() bool {
	state, err := os.Stat(s.statePath())
	if err != nil {
		return false
	}
	if _, err := os.Stat(s.statePath() + ".wal"); err == nil {
		return false // a run writes, or was killed
	}
	made, err := os.Stat(s.readPath())
	return err == nil && made.ModTime().Equal(state.ModTime()) && made.Size() == state.Size()
}
