package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	duckdb "github.com/marcboeker/go-duckdb/v2"
	"golang.org/x/sync/errgroup"
)

// pagesTogether is how many pages share a commit, and pageWaits how long after one the pages that come wait for company: a
// commit costs as much as all the rest of a page, and about the same for one row and for six. A kill loses as much at most; it
// is read again. Their files go to the disk so many at a time, since the file system writes one entry of its journal for those
// that wait for it together.
const (
	pageWaits     = 100 * time.Millisecond
	pagesTogether = 6
	filesTogether = 4
)

// pageWriter holds the pages that are written and not durable yet.
type pageWriter struct {
	mu      sync.Mutex
	waiting []Page
	kept    time.Time // when there was a commit last
	failed  error     // of a commit; there is none after it

	keeping sync.Mutex // one commit at a time, in the order in which the pages came
}

// broken is why a commit has failed, which whoever added the pages was told.
func (w *pageWriter) broken() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// AddPage writes a page. It is durable with the next KeepPages, or with a page that is added later. Several goroutines may call
// it. Who notes that something was read whole has to call KeepPages before.
func (r *Run) AddPage(ctx context.Context, p Page) error {
	w := &r.pages
	if err := w.broken(); err != nil {
		return err
	}
	dir := filepath.Join(r.PagesDir(), p.Stream)
	path := filepath.Join(dir, p.File)
	err := os.MkdirAll(dir, 0o750)
	if err == nil {
		err = os.WriteFile(path+".tmp", p.Body, 0o640)
	}
	if err != nil {
		return fmt.Errorf("save a page of %s: %w", p.Stream, errors.Join(explain(path, err), removeIfThere(path+".tmp")))
	}
	w.mu.Lock()
	p.size, p.Body = len(p.Body), nil
	w.waiting = append(w.waiting, p)
	due := time.Since(w.kept) >= pageWaits || len(w.waiting) >= pagesTogether
	if due {
		w.kept = time.Now() // others need not come along
	}
	w.mu.Unlock()
	if due {
		return r.KeepPages(ctx)
	}
	return nil
}

// KeepPages makes the pages durable that were added: the files first, then their rows, in one commit. It is not cut short by a
// run that is being stopped: what was read is kept. Where it fails, the run takes no page any more, and all that follow are told why:
// a later page of the same part would be taken for a sign that those before it are there, and rows that DuckDB 1.4.1 adds to a table
// after a commit that found the disk full come out damaged.
func (r *Run) KeepPages(ctx context.Context) error {
	w := &r.pages
	w.keeping.Lock()
	defer w.keeping.Unlock()
	w.mu.Lock()
	pages, failed := w.waiting, w.failed
	w.waiting, w.kept = nil, time.Now()
	w.mu.Unlock()
	if len(pages) == 0 || failed != nil {
		return failed
	}
	err := r.keep(context.WithoutCancel(ctx), pages)
	if err != nil {
		err = fmt.Errorf("save a page of %s: %w", pages[0].Stream, err)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.failed = err
	}
	return err
}

func (r *Run) keep(ctx context.Context, pages []Page) error {
	dirs := map[string]bool{}
	var settled errgroup.Group
	settled.SetLimit(filesTogether)
	for _, p := range pages {
		path := filepath.Join(r.PagesDir(), p.Stream, p.File)
		settled.Go(func() error {
			if err := settle(path); err != nil {
				return explain(path, err)
			}
			return nil
		})
		dirs[filepath.Dir(path)] = true
	}
	if err := settled.Wait(); err != nil {
		return err
	}
	for dir := range dirs {
		if err := syncDir(dir); err != nil {
			return explain(dir, err)
		}
	}
	if err := r.appendRows(ctx, pages); err != nil {
		return explain(r.path(), err)
	}
	return nil
}

// appendRows adds the rows of pages, in one commit, in the order of the table's columns. An INSERT would be parsed and planned for
// each commit.
func (r *Run) appendRows(ctx context.Context, pages []Page) error {
	conn, err := r.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		rows, err := duckdb.NewAppender(c.(driver.Conn), "runfile", "run", "pages")
		if err != nil {
			return err
		}
		for _, p := range pages {
			var in any
			if p.Range > 0 {
				in = int32(p.Range)
			}
			err = rows.AppendRow(p.Stream, p.StoreCode, p.Part, p.File, int64(p.Rows), int64(p.size), p.Cursor, p.FetchedAt.UTC(), in)
			if err != nil {
				break
			}
		}
		return errors.Join(err, rows.Close())
	})
}

// settle gives a file its name when it is on the disk whole.
func settle(path string) error {
	f, err := os.Open(path + ".tmp")
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
