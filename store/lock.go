package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// Holder says who holds a shop's lock.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Run   string    `json:"run"`
	Since time.Time `json:"since"`
}

// LockedError means that another process works on this shop (invariant 9: one run a shop at a time).
type LockedError struct {
	Path   string
	Holder Holder // zero where the holder could not be read
}

func (e *LockedError) Error() string {
	if e.Holder.PID == 0 {
		return fmt.Sprintf("another run holds the lock %s: wait for it to end", e.Path)
	}
	return fmt.Sprintf("another run holds the lock %s: %s, process %d on %s, since %s. Wait for it to end, or stop that process",
		e.Path, e.Holder.Run, e.Holder.PID, e.Holder.Host, e.Holder.Since.UTC().Format(time.RFC3339))
}

// Lock is a held lock of a shop. The kernel drops it when the process dies, so a kill leaves none behind.
type Lock struct{ file *flock.Flock }

// Lock takes the shop's lock without waiting. It returns a *LockedError when another process has it.
func (s *Shop) Lock(what string, now time.Time) (*Lock, error) {
	path := filepath.Join(s.Dir, "lock")
	f := flock.New(path)
	ok, err := f.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the shop: %w", err)
	}
	if !ok {
		locked := &LockedError{Path: path}
		if data, err := os.ReadFile(path); err == nil {
			_ = json.Unmarshal(data, &locked.Holder) // a holder that is being written is shown without its name
		}
		return nil, locked
	}
	host, _ := os.Hostname()
	data, err := json.Marshal(Holder{PID: os.Getpid(), Host: host, Run: what, Since: now.UTC()})
	if err == nil {
		err = os.WriteFile(path, append(data, '\n'), 0o640)
	}
	if err != nil {
		_ = f.Unlock()
		return nil, fmt.Errorf("write the lock file: %w", explain(path, err))
	}
	s.sweep()
	return &Lock{file: f}, nil
}

// Holder tells who holds the lock, without taking it: a run that starts meanwhile must not find it held.
func (s *Shop) Holder() (holder Holder, held bool, err error) {
	path := filepath.Join(s.Dir, "lock")
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Holder{}, false, nil
	}
	if err != nil {
		return Holder{}, false, fmt.Errorf("read the lock file: %w", err)
	}
	if json.Unmarshal(data, &holder) != nil {
		return Holder{}, false, nil // empty: it was given back
	}
	if host, _ := os.Hostname(); holder.Host == host && !alive(holder.PID) {
		return Holder{}, false, nil // its process was killed, and the lock went with it
	}
	// The number of a process that was killed can be another's by now: the lock itself knows.
	f := flock.New(path)
	free, err := f.TryRLock()
	if err != nil {
		return Holder{}, false, fmt.Errorf("look at the lock: %w", err)
	}
	if free {
		return Holder{}, false, f.Close()
	}
	return holder, true, nil
}

// spillDir is where one DuckDB of a process puts what does not fit into memory; it makes and removes the folder itself.
func (s *Shop) spillDir(pid int, tag string) string {
	host, _ := os.Hostname()
	return filepath.Join(s.Dir, fmt.Sprintf("tmp-%s-%d-%s", host, pid, tag))
}

// sweep removes what processes of this machine spilled before they were killed.
func (s *Shop) sweep() {
	host, _ := os.Hostname()
	dirs, _ := filepath.Glob(filepath.Join(s.Dir, "tmp-*"))
	for _, dir := range dirs {
		rest, ours := strings.CutPrefix(filepath.Base(dir), "tmp-"+host+"-")
		pid, err := strconv.Atoi(strings.Split(rest, "-")[0])
		if ours && err == nil && !alive(pid) {
			_ = os.RemoveAll(dir)
		}
	}
}

// alive tells whether a process of this machine runs. One of another user counts as alive.
func alive(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	err = p.Signal(syscall.Signal(0))
	return !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH)
}

// Release gives the lock back. The file stays, empty, so that nobody deletes a lock that another has just taken.
func (l *Lock) Release() error {
	if err := os.Truncate(l.file.Path(), 0); err != nil {
		return fmt.Errorf("clear the lock file: %w", err)
	}
	return l.file.Unlock()
}
