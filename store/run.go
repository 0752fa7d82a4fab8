package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Run is an open run file, the default database of DB, with the state attached as "state" where it was asked for.
type Run struct {
	ID      string
	DB      *sql.DB
	Partial bool
	// StateStale is true when the state is the copy that a run in progress published, and that run has gone on since.
	StateStale bool

	shop       *Shop
	file       string      // where the run file is, if not in the shop's folder: a replica
	attached   atomic.Bool // whether new connections can make the run file their default
	run, state Access
	closed     bool
	pages      pageWriter
	raised     int  // how often DuckDB was given more memory
	single     bool // DuckDB has one thread, by OneThread
	lean       int  // MB that DuckDB is to get by with for a while; 0: what is usual
	// stateFile is a handle that PublishState reads. Closing it would take away DuckDB's lock of the file, which the system drops
	// when the process closes any handle of it, so it stays open as long as DuckDB's.
	stateFile *os.File
}

// Options say which files a Run opens, and how.
type Options struct {
	Run   Access
	State Access
}

// CreateRun makes a new, partial run file with its tables, and opens it and the state for writing.
func (s *Shop) CreateRun(ctx context.Context, id, programVersion string, startedAt time.Time) (*Run, error) {
	r := &Run{ID: id, Partial: true, shop: s}
	if _, err := os.Stat(r.path()); err == nil {
		return nil, fmt.Errorf("make run file %s: it is there already", id)
	}
	if err := os.MkdirAll(s.PagesDir(id), 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of the page files: %w", err)
	}
	if err := r.open(ctx, Options{Run: Write, State: Write}); err != nil {
		return nil, errors.Join(err, s.Remove(RunRef{ID: id, Partial: true}))
	}
	if err := r.makeTables(ctx, programVersion, startedAt); err != nil {
		err = fmt.Errorf("make run file %s: %w", id, explain(r.path(), err))
		return nil, errors.Join(err, r.Close(), s.Remove(RunRef{ID: id, Partial: true}))
	}
	return r, nil
}

// makeTables fills a new run file, all or nothing.
func (r *Run) makeTables(ctx context.Context, programVersion string, startedAt time.Time) error {
	steps, err := migrations(r.shop.schema(), "run")
	if err != nil {
		return err
	}
	return r.inTransaction(ctx, slices.Concat(steps, streamViews(r.ID), []string{
		fmt.Sprintf("INSERT INTO run.info (run_id, shop, schema_version, program_version, started_at) VALUES (%s, %s, %d, %s, %s)",
			quote(r.ID), quote(r.shop.Name), len(steps), quote(programVersion), timestamp(startedAt))})...)
}

// OpenRun opens a run file that is there, finished or partial.
func (s *Shop) OpenRun(ctx context.Context, ref RunRef, opts Options) (*Run, error) {
	return s.openRun(ctx, &Run{ID: ref.ID, Partial: ref.Partial, shop: s}, opts)
}

func (s *Shop) openRun(ctx context.Context, r *Run, opts Options) (*Run, error) {
	if err := r.open(ctx, opts); err != nil {
		return nil, err
	}
	steps, err := migrations(s.schema(), "run")
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	var version int
	err = r.DB.QueryRowContext(ctx, "SELECT schema_version FROM run.info").Scan(&version)
	switch {
	case err != nil && strings.HasPrefix(err.Error(), "Catalog Error"), errors.Is(err, sql.ErrNoRows):
		err = fmt.Errorf("%s holds no run: it was made by another program, or by a run that was killed in its first second; remove it", r.path())
	case err != nil:
		err = explain(r.path(), err)
	case version > len(steps):
		err = &NewerError{Path: r.path(), Has: version, Knows: len(steps)}
	case opts.Run == Write:
		if err = r.migrate(ctx, steps, version); err == nil {
			err = r.checkPages(ctx)
		}
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// migrate brings an older run file to the newest schema, all or nothing. One that is only read stays as it is.
func (r *Run) migrate(ctx context.Context, steps []string, has int) error {
	if has >= len(steps) {
		return nil
	}
	// With the views of streams that it did not have.
	err := r.inTransaction(ctx, append(slices.Concat(steps[has:], streamViews(r.ID)), fmt.Sprintf("UPDATE run.info SET schema_version = %d", len(steps)))...)
	if err != nil {
		return fmt.Errorf("migrate run file %s to version %d: %w", r.ID, len(steps), explain(r.path(), err))
	}
	return nil
}

// OpenState opens the state file alone, for history and bookmarks.
func (s *Shop) OpenState(ctx context.Context, access Access) (*Run, error) {
	r := &Run{shop: s}
	if err := r.open(ctx, Options{State: access}); err != nil {
		return nil, err
	}
	return r, nil
}

// path is the run file.
func (r *Run) path() string {
	if r.file != "" {
		return r.file
	}
	return r.shop.runPath(r.ID, r.Partial)
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
		err = r.attachRun(ctx, opts.Run)
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	r.widen()
	return nil
}

// smallShop is how many products a shop has at the most for whose run files small blocks are better: every table has some of its
// own. Of 10,000 products a file has 7 MB instead of 12, of 100,000 it would have a quarter more.
const smallShop = 30_000

// products is how many products Optiply holds; 0 where nothing is known yet, which can be a large shop, too.
func (r *Run) products(ctx context.Context) (n int64, err error) {
	err = r.DB.QueryRowContext(ctx, "SELECT coalesce(max(estimated_size), 0) FROM duckdb_tables() WHERE database_name = 'state' AND table_name = 'products'").Scan(&n)
	return n, err
}

// attachRun makes the run file the default database of the one connection there is, and of those to come.
func (r *Run) attachRun(ctx context.Context, access Access) error {
	var options string
	if access == Write {
		products, err := r.products(ctx)
		if err != nil {
			return fmt.Errorf("count the products of the state: %w", err)
		}
		if products > smallShop {
			// Looking for texts that occur again takes a fifth of the time of writing a large table, and would save a fifth of the file.
			if err := exec(ctx, r.DB, "SET GLOBAL disabled_compression_methods = 'dictionary'"); err != nil {
				return fmt.Errorf("open run file %s: %w", r.ID, err)
			}
		}
		// A shop of which nothing is known yet can be a large one. The storage version is left at its default: with 'v1.1.0' DuckDB 1.4.1
		// crashes on keys that it has read from the file (ARTOperator::Insert).
		if _, err := os.Stat(r.path()); err != nil && products > 0 && products <= smallShop {
			options = " (BLOCK_SIZE 65536)"
		}
	}
	if err := attach(ctx, r.DB, r.path(), "runfile", access, options); err != nil {
		return err
	}
	if err := exec(ctx, r.DB, "USE runfile"); err != nil {
		return fmt.Errorf("open run file %s: %w", r.ID, err)
	}
	r.attached.Store(true)
	r.run = access
	return nil
}

// widen lets several goroutines in again after a time with one connection.
func (r *Run) widen() {
	r.DB.SetMaxOpenConns(maxConnections)
	r.DB.SetMaxIdleConns(maxConnections)
}

// detachRun writes the run file out and lets go of it. It leaves one connection.
func (r *Run) detachRun(ctx context.Context) error {
	r.attached.Store(false)
	// CHECKPOINT and DETACH want no other connection in the file.
	r.DB.SetMaxOpenConns(1)
	statements := []string{"USE memory", "DETACH runfile"}
	if r.run == Write {
		// DETACH writes out as well, and says nothing when it cannot.
		statements = append([]string{"CHECKPOINT runfile"}, statements...)
	}
	if err := exec(ctx, r.DB, statements...); err != nil {
		return explain(r.path(), err)
	}
	return nil
}

// PagesDir is the folder of this run's page files.
func (r *Run) PagesDir() string { return r.shop.PagesDir(r.ID) }

// Finish turns a partial run file into a finished one: written out, let go, renamed, and taken up again under its new
// name. On an error the run stays what it was.
func (r *Run) Finish(ctx context.Context) error {
	if !r.Partial {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	err := r.KeepPages(ctx)
	if err == nil {
		err = r.detachRun(ctx)
	}
	if err == nil {
		err = r.rename()
	}
	// After an error too, so that the run can say how it ended.
	if aerr := r.takeUp(ctx); err == nil {
		err = aerr
	}
	if err != nil {
		return fmt.Errorf("finish run %s: %w", r.ID, err)
	}
	return nil
}

// rename takes the ".partial" away, which makes the run a finished one.
func (r *Run) rename() error {
	from, to := r.shop.runPath(r.ID, true), r.shop.runPath(r.ID, false)
	if _, err := os.Stat(from + ".wal"); err == nil {
		return fmt.Errorf("DuckDB left a write-ahead log beside %s", from)
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	r.Partial = false
	return syncDir(r.shop.runsDir())
}

// takeUp attaches the run file again after detachRun, or keeps it where that failed before letting go.
func (r *Run) takeUp(ctx context.Context) error {
	defer r.widen()
	var there bool
	err := r.DB.QueryRowContext(ctx, "SELECT count(*) > 0 FROM duckdb_databases() WHERE database_name = 'runfile'").Scan(&there)
	if err != nil {
		return err
	}
	if !there {
		return r.attachRun(ctx, r.run)
	}
	r.attached.Store(true)
	return exec(ctx, r.DB, "USE runfile")
}

// Close writes both files out and closes them. A second Close does nothing.
func (r *Run) Close() error {
	if r.closed {
		return nil
	}
	r.closed = true
	ctx := context.Background()
	var errs []error
	if r.attached.Load() {
		if r.pages.broken() == nil {
			if err := r.KeepPages(ctx); err != nil {
				errs = append(errs, err)
			}
		}
		if err := r.detachRun(ctx); err != nil {
			errs = append(errs, fmt.Errorf("close run %s: %w", r.ID, err))
		}
	}
	if r.state == Write {
		if err := exec(ctx, r.DB, "CHECKPOINT state"); err != nil {
			errs = append(errs, fmt.Errorf("close the state: %w", explain(r.shop.statePath(), err)))
		} else if r.compactState(ctx) == nil { // what fails now is tried again the next time; the rows are safe
			_ = exec(ctx, r.DB, "CHECKPOINT state")
		}
	}
	if err := r.DB.Close(); err != nil {
		errs = append(errs, fmt.Errorf("close DuckDB: %w", err))
	}
	if r.stateFile != nil {
		_ = r.stateFile.Close() // only read
	}
	if r.state == Write && len(errs) == 0 {
		r.shop.refreshCopy()
	}
	return errors.Join(errs...)
}
