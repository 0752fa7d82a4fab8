package transform

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Staging runs the files that only read the pages of the shop before the others, several at a time, and while the shop is still
// being read: as soon as the streams that they name are there whole. Reading JSON is most of a transformation's work, and one
// statement does it with one thread. DuckDB has no other thread meanwhile: one that has nothing to do looks for work without a
// pause, and takes a third of two hyperthreads from those that have some.
//
// Only files as they are embedded are run so; a file of a shop's own, which may read anything, waits for its turn. One that fails
// here runs again in its turn, and fails there.
//
// Meanwhile no commit writes the log into the file. DuckDB 1.4.1 lets others read while one does, and these read what they need of
// the file's own metadata only then, from blocks that are being written: a crash (duckdb/duckdb#19424, mended in 1.4.2). The
// rows are in the file anyway, and the log has their places.
type Staging struct {
	// Free gives back to the system what DuckDB has freed and its allocator keeps. It is called before the files that run in their
	// turn, and after each file that took a while; nil: nothing is.
	Free func(context.Context) error

	db         *sql.DB
	fsys       fs.FS
	threads    int      // of DuckDB
	checkpoint string   // how long a log is written into the file by a commit, else
	most       int      // files at a time
	own        bool     // some files are a shop's own
	outputs    []string // the tables of those that are not run early
	work       sync.WaitGroup

	mu    sync.Mutex
	files []*staged
	whole map[string]bool // streams
	free  []*sql.Conn     // connections without work; nil: not opened yet

	settled bool // DuckDB is set as is best for staging, until Wait
}

// staged is a file that is run early.
type staged struct {
	name, text string
	output     string   // its table
	needs      []string // page.<stream> and tables of files before it
	begun      bool
	step       *Step // what it did, when it is done
}

// settingsFile is run on every connection first.
const settingsFile = "000_settings.sql"

// NewStaging finds the files of fsys that can be run early. Each stream is named by Whole when it is.
func NewStaging(ctx context.Context, db *sql.DB, fsys fs.FS) (*Staging, error) {
	s := &Staging{db: db, fsys: fsys, whole: map[string]bool{}}
	if err := db.QueryRowContext(ctx, "SELECT current_setting('threads'), current_setting('wal_autocheckpoint')").Scan(&s.threads, &s.checkpoint); err != nil {
		return nil, fmt.Errorf("read how many threads there are: %w", err)
	}
	s.most = s.threads
	if most := db.Stats().MaxOpenConnections / 2; most > 0 {
		s.most = min(s.most, most) // they are kept until Wait, and the reading of the shop needs some, too
	}
	s.free = make([]*sql.Conn, s.most)
	chain, err := Explain(fsys)
	if err != nil {
		return nil, err
	}
	s.own = slices.ContainsFunc(chain, func(link Link) bool { return link.Own })
	made := map[string]bool{}
	for _, link := range chain {
		if link.Own && link.File < "2" && link.File != settingsFile {
			break // what is behind it may be made from it
		}
		f := &staged{name: link.File, output: link.Output, needs: tableName.FindAllString(link.Inputs, -1)}
		f.needs = slices.DeleteFunc(f.needs, func(table string) bool { return table == "run.streams" }) // of a stream that is read whole it is told there
		early := strings.HasPrefix(f.output, "stage.") && !slices.ContainsFunc(f.needs, func(table string) bool {
			return !strings.HasPrefix(table, "page.") && !made[table]
		})
		if !early {
			if tableName.FindString(f.output) == f.output && f.output != "" { // and not a sentence
				s.outputs = append(s.outputs, f.output)
			}
			continue
		}
		text, err := fs.ReadFile(fsys, f.name)
		if err != nil {
			return nil, &SQLError{File: f.name, Err: err}
		}
		f.text, made[f.output] = string(text), true
		s.files = append(s.files, f)
	}
	return s, nil
}

var tableName = regexp.MustCompile(`\b[a-z]+\.[a-z_]+\b`)

// Whole says that streams have been read to their end, and runs the files that have only waited for them.
func (s *Staging) Whole(ctx context.Context, streams ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stream := range streams {
		s.whole[stream] = true
	}
	s.runReady(ctx)
}

// all says that every stream has been.
func (s *Staging) all(ctx context.Context) {
	var streams []string
	for _, f := range s.files {
		for _, table := range f.needs {
			if stream, ok := strings.CutPrefix(table, "page."); ok {
				streams = append(streams, stream)
			}
		}
	}
	s.Whole(ctx, streams...)
}

// runReady begins what can begin. The lock is held.
func (s *Staging) runReady(ctx context.Context) {
	for len(s.free) > 0 {
		f := s.next()
		if f == nil {
			return
		}
		conn := s.free[len(s.free)-1]
		s.free = s.free[:len(s.free)-1]
		f.begun = true
		s.work.Go(func() {
			step, conn, err := s.take(ctx, conn, f)
			s.mu.Lock()
			defer s.mu.Unlock()
			if err == nil { // else it is run again in its turn
				f.step = step
			}
			s.free = append(s.free, conn)
			s.runReady(ctx)
		})
	}
}

// next is what is best begun now: first what other files wait for, so that these are not left over when there is nothing else to
// do; nil where nothing can be begun.
func (s *Staging) next() (next *staged) {
	for _, f := range s.files {
		if f.begun || !s.ready(f) {
			continue
		}
		if slices.ContainsFunc(s.files, func(o *staged) bool { return slices.Contains(o.needs, f.output) }) {
			return f
		}
		next = cmp.Or(next, f)
	}
	return next
}

func (s *Staging) ready(f *staged) bool {
	for _, table := range f.needs {
		stream, isPage := strings.CutPrefix(table, "page.")
		if isPage && !s.whole[stream] || !isPage && !slices.ContainsFunc(s.files, func(o *staged) bool { return o.output == table && o.step != nil }) {
			return false
		}
	}
	return true
}

// take runs one file on a connection, which it opens where there is none yet.
func (s *Staging) take(ctx context.Context, conn *sql.Conn, f *staged) (*Step, *sql.Conn, error) {
	if conn == nil {
		var err error
		if conn, err = s.connect(ctx); err != nil {
			return nil, nil, err
		}
	}
	start := time.Now()
	step, err := inTransaction(ctx, conn, func() (*Step, error) { return runFile(ctx, conn, f.name, f.text) })
	s.freeAfter(ctx, start)
	return step, conn, err
}

// freeAfter gives memory back that what began then may have taken, which takes 10 to 30 ms itself.
func (s *Staging) freeAfter(ctx context.Context, start time.Time) {
	if time.Since(start) > 100*time.Millisecond {
		s.giveBack(ctx)
	}
}

func (s *Staging) giveBack(ctx context.Context) {
	if s.Free != nil {
		_ = s.Free(ctx) // that it stays taken is no reason to stop
	}
}

// connect opens a connection that knows the settings.
func (s *Staging) connect(ctx context.Context) (*sql.Conn, error) {
	text, err := fs.ReadFile(s.fsys, settingsFile)
	if err != nil {
		return nil, err
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.settled = true
	s.mu.Unlock()
	for _, q := range []string{"SET GLOBAL wal_autocheckpoint = '1TB'", "SET GLOBAL threads = 1", string(text)} {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

// Wait waits until nothing is run any more, and gives the connections back. The run file must not be let go of before.
func (s *Staging) Wait() {
	s.work.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, conn := range s.free {
		if conn != nil {
			_ = conn.Close() // what it did is committed
			s.free[i] = nil
		}
	}
	if s.settled {
		// Where that fails, the log is written when the file is let go of.
		_, _ = s.db.ExecContext(context.Background(), "SET GLOBAL wal_autocheckpoint = '"+s.checkpoint+"'")
		_, _ = s.db.ExecContext(context.Background(), "SET GLOBAL threads = "+strconv.Itoa(s.threads))
		s.settled = false
	}
}

// done is what a file did that has been run early; nil where it was not.
func (s *Staging) done(name, text string) *Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		if f.name == name && f.text == text {
			return f.step
		}
	}
	return nil
}

// Again runs what can be run early of a run whose streams are all there.
func (s *Staging) Again(ctx context.Context) error {
	if s.most == 1 {
		return nil
	}
	if err := s.unchanged(ctx); err != nil {
		return err
	}
	s.all(ctx)
	return nil
}

// unchanged leaves only those files that were run with the same text for the transformation before, so that what they make is
// what is there: where a later file fails, the tables of that transformation stay as they were. Of a first one there are none.
func (s *Staging) unchanged(ctx context.Context) error {
	last, err := stored(ctx, s.db)
	if err != nil || len(last) == 0 {
		return err
	}
	settings, err := fs.ReadFile(s.fsys, settingsFile)
	s.files = slices.DeleteFunc(s.files, func(f *staged) bool { return last[f.name] != f.text || last[settingsFile] != string(settings) })
	return err
}

// inTransaction does something on a connection, or nothing of it.
func inTransaction[T any](ctx context.Context, conn *sql.Conn, do func() (T, error)) (T, error) {
	var none T
	// Stopped in the middle of this, it could be begun all the same, and the connection would go back so.
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "BEGIN"); err != nil {
		return none, err
	}
	result, err := do()
	if err == nil {
		// Stopped in the middle of this, it could have committed all the same.
		_, err = conn.ExecContext(context.WithoutCancel(ctx), "COMMIT")
	}
	if err != nil {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return none, err
	}
	return result, nil
}
