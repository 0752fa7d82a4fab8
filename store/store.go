// Package store is a shop's folder on disk: the state file that outlives runs, one DuckDB file a run with its page
// files, the lock, and the migrations. It is the only package that names the DuckDB driver.
//
// A run file and the state file are opened together in one in-memory DuckDB, the run file as the default database and
// the state attached as "state", so that the same SQL text works here and in a hand-opened run file.
package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Shop is the folder of one shop: <data_dir>/<shop>.
type Shop struct {
	Name string
	Dir  string
	// Limits count for what is opened from then on.
	Limits Limits

	otherSchema fs.FS // nil: the embedded one
}

// Open makes the shop's folder where it is missing and returns it. Errors are those of the file system.
func Open(dataDir, name string) (*Shop, error) {
	s, err := At(dataDir, name)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.runsDir(), 0o750); err != nil {
		return nil, fmt.Errorf("make the shop's folder: %w", err)
	}
	return s, nil
}

// At is Open without making the folder: for looking at what there is, perhaps as another user than the one of the nights.
func At(dataDir, name string) (*Shop, error) {
	s := &Shop{Name: name, Dir: filepath.Join(dataDir, name)}
	dir, err := filepath.Abs(s.Dir)
	if err != nil {
		return nil, fmt.Errorf("open shop folder %s: %w", s.Dir, err)
	}
	if strings.ContainsAny(dir, ",?*") {
		// It takes them for a list, a query or a pattern, and finds no page files without a word.
		return nil, fmt.Errorf("the shop's folder %s: DuckDB reads no files where a path has a comma, a question mark or an asterisk: choose another data_dir", dir)
	}
	s.Dir = dir
	return s, nil
}

// SandboxDir is where the sandbox keeps its state for this shop.
func (s *Shop) SandboxDir() string { return filepath.Join(s.Dir, "sandbox") }

func (s *Shop) runsDir() string   { return filepath.Join(s.Dir, "runs") }
func (s *Shop) statePath() string { return filepath.Join(s.Dir, "state.duckdb") }

// readPath is a copy of the state file for readers, because DuckDB's lock lets nobody read a file that is being written.
func (s *Shop) readPath() string { return filepath.Join(s.Dir, "state.read.duckdb") }

func (s *Shop) runPath(id string, partial bool) string {
	if partial {
		return filepath.Join(s.runsDir(), id+".partial.duckdb")
	}
	return filepath.Join(s.runsDir(), id+".duckdb")
}

// PagesDir is the folder of a run's page files. It keeps its name when the run file loses its ".partial".
func (s *Shop) PagesDir(id string) string { return filepath.Join(s.runsDir(), id+".pages") }

// RunRef names a run file that is there.
type RunRef struct {
	ID      string
	Partial bool // being extracted, or killed while it was
	Bytes   int64
}

// Runs lists the run files, oldest first. Ids sort by time. A file with another name, somebody's copy, is none.
func (s *Shop) Runs() ([]RunRef, error) {
	entries, err := os.ReadDir(s.runsDir())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("list runs: %w: call it as the user who runs the nights", err)
	case err != nil:
		return nil, fmt.Errorf("list runs: %w", err)
	}
	var refs []RunRef
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), ".duckdb")
		if !ok || e.IsDir() {
			continue
		}
		id, partial := strings.CutSuffix(base, ".partial")
		if _, err := time.Parse(RunIDLayout, id); err != nil {
			continue
		}
		ref := RunRef{ID: id, Partial: partial}
		if info, err := e.Info(); err == nil {
			ref.Bytes = info.Size()
		}
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, func(a, b RunRef) int { return strings.Compare(a.ID, b.ID) })
	return refs, nil
}

// Latest is the newest finished run; ErrNoRun where there is none.
func (s *Shop) Latest() (RunRef, error) { return s.newest(false) }

// LatestPartial is the newest run whose extraction did not finish; ErrNoRun where there is none.
func (s *Shop) LatestPartial() (RunRef, error) { return s.newest(true) }

func (s *Shop) newest(partial bool) (RunRef, error) {
	refs, err := s.Runs()
	if err != nil {
		return RunRef{}, err
	}
	for _, r := range slices.Backward(refs) {
		if r.Partial == partial {
			return r, nil
		}
	}
	return RunRef{}, ErrNoRun
}

// ErrNoRun means that the shop has no run file of the kind asked for.
var ErrNoRun = errors.New("this shop has no run yet: start one with `run` or `extract`")

// NotFoundError means that a run id has no file.
type NotFoundError struct{ ID, Dir string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("run %s: no such run in %s (the `runs` command lists them)", e.ID, e.Dir)
}

// Find returns the run file of an id.
func (s *Shop) Find(id string) (RunRef, error) {
	refs, err := s.Runs()
	if err != nil {
		return RunRef{}, err
	}
	for _, r := range refs {
		if r.ID == id {
			return r, nil
		}
	}
	return RunRef{}, &NotFoundError{ID: id, Dir: s.runsDir()}
}

// RunIDLayout is the time layout of a run id: UTC, to the second, so that ids sort by time.
const RunIDLayout = "20060102T150405Z"

// NewRunID returns the id of a run that starts now, later than every id there is.
func (s *Shop) NewRunID(now time.Time) (string, error) {
	refs, err := s.Runs()
	if err != nil {
		return "", err
	}
	if len(refs) == 0 {
		return now.UTC().Format(RunIDLayout), nil
	}
	last, err := time.Parse(RunIDLayout, refs[len(refs)-1].ID)
	if err != nil {
		return "", err
	}
	if next := last.Add(time.Second); now.Before(next) {
		now = next
	}
	return now.UTC().Format(RunIDLayout), nil
}

// ReportPath is the page that tells of a run, beside its file.
func (s *Shop) ReportPath(id string) string { return filepath.Join(s.runsDir(), id+".html") }

// Remove deletes a run's file, its page files and its report.
func (s *Shop) Remove(ref RunRef) error {
	path := s.runPath(ref.ID, ref.Partial)
	// The log first: one without its file would be taken for the log of a run that is given the id again.
	for _, p := range []string{path + ".wal", path, s.ReportPath(ref.ID)} {
		if err := os.Remove(p); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove run %s: %w", ref.ID, err)
		}
	}
	if err := os.RemoveAll(s.PagesDir(ref.ID)); err != nil {
		return fmt.Errorf("remove the page files of run %s: %w", ref.ID, err)
	}
	return nil
}
