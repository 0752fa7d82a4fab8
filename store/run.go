package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// Run is an open run file, the default database of DB, with the state attached as "state" where it was asked for.
type Run struct {
	ID      string
	DB      *sql.DB
	Partial bool
	// StateStale is true when the state is the copy that a run in progress published, not the live file.
	StateStale bool

	shop     *Shop
	attached atomic.Bool // whether new connections can make the run file their default
	state    Access
}

// Options say which files a Run opens, and how.
type Options struct {
	Run   Access
	State Access
}

// CreateRun makes a new, partial run file with its tables, and opens it and the state for writing.
func (s *Shop) CreateRun(ctx context.Context, id, programVersion string, startedAt time.Time) (*Run, error) {
	r := &Run{ID: id, Partial: true, shop: s}
	if err := os.MkdirAll(s.PagesDir(id), 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of the page files: %w", err)
	}
	if err := r.open(ctx, Options{Run: Write, State: Write}); err != nil {
		return nil, err
	}
	text, err := schema.ReadFile("schema/run.sql")
	if err == nil {
		err = exec(ctx, r.DB, "BEGIN; "+string(text)+strings.Join(streamViews(id), ";\n")+"; COMMIT")
	}
	if err == nil {
		_, err = r.DB.ExecContext(ctx, `INSERT INTO run.info (run_id, shop, schema_version, program_version, started_at)
			VALUES (?, ?, ?, ?, ?)`, id, s.Name, SchemaVersion, programVersion, startedAt.UTC())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make run file %s: %w", id, err), r.Close())
	}
	return r, nil
}

// OpenRun opens a run file that is there, finished or partial.
func (s *Shop) OpenRun(ctx context.Context, ref RunRef, opts Options) (*Run, error) {
	r := &Run{ID: ref.ID, Partial: ref.Partial, shop: s}
	if err := r.open(ctx, opts); err != nil {
		return nil, err
	}
	var version int
	if err := r.DB.QueryRowContext(ctx, "SELECT schema_version FROM run.info").Scan(&version); err != nil {
		return nil, errors.Join(fmt.Errorf("run file %s has no run.info: it was killed before its first row; remove it with `runs prune`: %w", ref.ID, err), r.Close())
	}
	if version > SchemaVersion {
		return nil, errors.Join(&NewerError{Path: s.runPath(ref.ID, ref.Partial), Has: version, Knows: SchemaVersion}, r.Close())
	}
	return r, nil
}

// OpenState opens the state file alone, for history and bookmarks.
func (s *Shop) OpenState(ctx context.Context, access Access) (*Run, error) {
	r := &Run{shop: s}
	return r, r.open(ctx, Options{State: access})
}

func (r *Run) open(ctx context.Context, opts Options) error {
	db, err := r.shop.open(func() []string {
		if r.attached.Load() {
			return []string{"USE runfile"}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.DB, r.state = db, opts.State
	// One connection while attaching, so that none is opened that does not know the run file.
	db.SetMaxOpenConns(1)
	r.StateStale, err = r.shop.attachState(ctx, db, opts.State)
	if err == nil && opts.Run != None {
		err = attach(ctx, db, r.shop.runPath(r.ID, r.Partial), "runfile", opts.Run)
		if err == nil {
			err = exec(ctx, db, "USE runfile")
			r.attached.Store(true)
		}
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	db.SetMaxOpenConns(8)
	return nil
}

// PublishState writes the copy of the state that readers see while this process holds the file.
func (r *Run) PublishState(ctx context.Context) error { return r.shop.publishState(ctx, r.DB) }

// PagesDir is the folder of this run's page files.
func (r *Run) PagesDir() string { return r.shop.PagesDir(r.ID) }

// Finish turns a partial run file into a finished one: written out, closed, renamed, and opened again.
func (r *Run) Finish(ctx context.Context) error {
	if !r.Partial {
		return nil
	}
	if err := r.Close(); err != nil {
		return err
	}
	from, to := r.shop.runPath(r.ID, true), r.shop.runPath(r.ID, false)
	if _, err := os.Stat(from + ".wal"); err == nil {
		return fmt.Errorf("finish run %s: DuckDB left a write-ahead log beside %s", r.ID, from)
	}
	if err := os.Rename(from, to); err != nil {
		return fmt.Errorf("finish run %s: %w", r.ID, err)
	}
	r.Partial = false
	r.attached.Store(false)
	return r.open(ctx, Options{Run: Write, State: r.state})
}

// Close writes both files out and closes them.
func (r *Run) Close() error {
	ctx := context.Background()
	var err error
	if r.attached.Swap(false) {
		// DETACH and CHECKPOINT want no other connection in the files.
		r.DB.SetMaxOpenConns(1)
		if cerr := exec(ctx, r.DB, "USE memory", "DETACH runfile"); cerr != nil {
			err = fmt.Errorf("close run file %s: %w", r.ID, explain(r.shop.runPath(r.ID, r.Partial), cerr))
		}
	}
	if cerr := r.DB.Close(); cerr != nil {
		err = errors.Join(err, fmt.Errorf("close DuckDB: %w", cerr))
	}
	return err
}
