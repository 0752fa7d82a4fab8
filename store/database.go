package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	duckdb "github.com/marcboeker/go-duckdb/v2"
)

// MemoryLimitMB keeps DuckDB from taking 80 % of the machine, its default. It spills to the shop's folder beyond that. It is
// enough for a night of a million products; the process has up to 250 MB more, for what DuckDB does not count and for the
// program itself (bench/RESULTS.md).
const MemoryLimitMB = 250

// moreMemoryMB is what a question is given, one after another, that does not get by with that.
var moreMemoryMB = [...]int{1000, 4000}

// defaultThreads is two: one reads pages, which DuckDB does with one thread a statement, while another reads those of another
// stream. Each thread more needs memory of its own.
const defaultThreads = 2

// Limits are what DuckDB may take of the machine for a shop. Zero means MemoryLimitMB, and defaultThreads.
type Limits struct {
	MemoryMB int
	Threads  int
}

// Access says how a file is opened.
type Access int

// The ways to open a file.
const (
	None Access = iota
	Read
	Write
)

// maxConnections is more than the workers that use a run file at once.
const maxConnections = 8

// open starts an in-memory DuckDB, to which files are attached. Every connection of the pool begins with session and init.
func (s *Shop) open(init func() []string) (*sql.DB, error) {
	connector, err := duckdb.NewConnector("?"+s.instance().Encode(), func(ex driver.ExecerContext) error {
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

// instance are the settings of one DuckDB, given once: after it has spilled to its folder, naming the folder again is an
// error. Nothing is fetched from a network. The folder is its own, because two that spill into one crash.
func (s *Shop) instance() url.Values {
	settings := url.Values{
		"autoinstall_known_extensions": {"false"},
		"autoload_known_extensions":    {"false"},
		// Memory that is freed goes back to the system: DuckDB's allocator kept 300 MB of it from one statement to the next.
		"allocator_flush_threshold":                   {"8MB"},
		"allocator_bulk_deallocation_flush_threshold": {"32MB"},
		"allocator_background_threads":                {"true"},
		// What has no ORDER BY need not be held back to be written in the order in which it was read.
		"preserve_insertion_order": {"false"},
		"threads":                  {strconv.Itoa(s.threads())},
		"memory_limit":             {s.memoryLimit(0)},
		"temp_directory":           {s.spillDir(os.Getpid(), rand.Text()[:8])},
	}
	return settings
}

// session are the settings of every connection: UTC whatever the machine says, and page files found from the runs folder.
func (s *Shop) session() []string {
	return []string{"SET TimeZone = 'UTC'", "SET file_search_path = " + quote(s.runsDir())}
}

// MoreMemory tells whether a statement failed for want of memory and may have more, now that it was raised. It never is beyond
// what Limits say.
func (r *Run) MoreMemory(ctx context.Context, failure error) bool {
	if failure == nil || !strings.Contains(failure.Error(), "Out of Memory Error") || r.shop.Limits.MemoryMB > 0 || r.raised == len(moreMemoryMB) {
		return false
	}
	r.raised++
	return r.FreeMemory(ctx) == nil
}

// OneThread leaves DuckDB a single thread until restore is called, where little is asked of it: another one that finds nothing to do
// looks for work without a pause, and takes a third of two hyperthreads from what else there is to do. Where it cannot be set, it
// only takes more. Called while it holds, it does nothing; it is for the goroutine that leads the run.
func (r *Run) OneThread(ctx context.Context) (restore func()) {
	if r.single {
		return func() {}
	}
	r.single = true
	_ = r.setThreads(ctx, 1)
	return func() {
		r.single = false
		_ = r.setThreads(context.WithoutCancel(ctx), r.shop.threads())
	}
}

// FreeMemory gives back to the system what DuckDB has freed and its allocator keeps, up to 150 MB after a large statement: setting
// the limit, to what it is, is the one command that does (BufferPool::SetLimit).
func (r *Run) FreeMemory(ctx context.Context) error {
	limit := r.shop.memoryLimit(r.raised)
	if r.lean > 0 && r.raised == 0 {
		limit = fmt.Sprintf("%dMB", r.lean)
	}
	_, err := r.DB.ExecContext(ctx, "SET memory_limit = "+quote(limit))
	return err
}

// Lean gives DuckDB one thread and so many MB for a while, where it has as much as is usual and nobody said how much; 0 gives all
// of it back.
func (r *Run) Lean(ctx context.Context, limitMB int) error {
	if r.shop.Limits != (Limits{}) {
		return nil
	}
	threads := r.shop.threads()
	if r.lean = limitMB; limitMB > 0 && r.raised == 0 {
		threads = 1
	}
	return errors.Join(r.setThreads(ctx, threads), r.FreeMemory(ctx))
}

func (r *Run) setThreads(ctx context.Context, threads int) error {
	return exec(ctx, r.DB, fmt.Sprintf("SET GLOBAL threads = %d", threads))
}

// threads is how many DuckDB has as a rule.
func (s *Shop) threads() int { return cmp.Or(s.Limits.Threads, defaultThreads) }

// memoryLimit is what DuckDB may take, raised so often.
func (s *Shop) memoryLimit(raised int) string {
	limit := cmp.Or(s.Limits.MemoryMB, MemoryLimitMB)
	if raised > 0 {
		limit = moreMemoryMB[raised-1]
	}
	return fmt.Sprintf("%dMB", limit)
}

// attach opens a file under a name in an in-memory DuckDB and tells DuckDB's errors in our words.
func attach(ctx context.Context, db execer, path, name string, access Access, more ...string) error {
	mode := strings.Join(more, " ")
	if access == Read {
		mode = " (READ_ONLY)"
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("open a file of the shop: %w", err)
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
	process := "another process"
	if e.Err != nil {
		if m := lockHolder.FindStringSubmatch(e.Err.Error()); m != nil {
			process = "process " + m[1]
		}
	}
	return fmt.Sprintf("%s is open in %s (a run in progress, or a `sql` prompt): wait for it to end, or close it, and try again", e.Path, process)
}

// lockHolder finds in DuckDB's error who has the file.
var lockHolder = regexp.MustCompile(`\(PID (\d+)\)`)

func (e *BusyError) Unwrap() error { return e.Err }

// explain gives DuckDB's and the system's errors about a file a sentence that says what to do.
func explain(path string, err error) error {
	text := err.Error()
	has := func(marks ...string) bool {
		for _, mark := range marks {
			if strings.Contains(text, mark) {
				return true
			}
		}
		return false
	}
	switch {
	case has("Could not set lock"):
		return &BusyError{Path: path, Err: err}
	case errors.Is(err, syscall.ENOSPC), has("No space left"):
		return &FullError{Path: path, Err: err}
	case has("with version number"):
		return fmt.Errorf("%s was written by a newer DuckDB: use the program version that wrote it: %w", path, err)
	case has("not a valid DuckDB database", "Corrupt database file", "Could not read enough bytes", "replaying WAL file"):
		return fmt.Errorf("%s is damaged, or no DuckDB file: move it away, or put a backup back: %w", path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// FullError means that the disk is full. What was durable before is still there.
type FullError struct {
	Path string
	Err  error
}

func (e *FullError) Error() string {
	return fmt.Sprintf("%s: the disk is full; free some space and run the same command again; `run` and `extract` go on with --resume", e.Path)
}

func (e *FullError) Unwrap() error { return e.Err }

// quote makes a SQL text literal.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// IsBusy tells whether an error is DuckDB's lock.
func IsBusy(err error) bool {
	var busy *BusyError
	return errors.As(err, &busy)
}

// execer is a *sql.DB or one connection of it.
type execer interface {
	ExecContext(context.Context, string, ...any) (sql.Result, error)
}

// exec runs statements one after another on one connection. Its errors are DuckDB's, without the statement.
func exec(ctx context.Context, c execer, statements ...string) error {
	for _, q := range statements {
		if _, err := c.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return nil
}
