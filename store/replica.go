package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Replica copies a finished run file into dir and opens the copy for writing, with the run itself attached read-only as
// "night" and the state for readers, where there is one, as "state". What is done to the copy reaches no other file of the
// shop. The page files are not copied: the views find them where they are. The caller closes the run and removes dir.
func (s *Shop) Replica(ctx context.Context, ref RunRef, dir string) (*Run, error) {
	r := &Run{ID: ref.ID, shop: s, file: filepath.Join(dir, ref.ID+".duckdb")}
	night := s.runPath(ref.ID, false)
	// While it is open for reading here, no other process writes to it.
	held, err := s.OpenRun(ctx, ref, Options{Run: Read})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(copyInto(night, r.file), held.Close()); err != nil {
		return nil, fmt.Errorf("copy run %s: %w", ref.ID, err)
	}
	opts := Options{Run: Write}
	if _, err := os.Stat(s.statePath()); err == nil {
		opts.State = Read
	}
	if r, err = s.openRun(ctx, r, opts); err != nil {
		return nil, err
	}
	if err := attach(ctx, r.DB, night, "night", Read); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// HasState tells whether the state is attached.
func (r *Run) HasState() bool { return r.state != None }

// copyInto copies a file to a new one. What it leaves after an error is the caller's to remove.
func copyInto(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	return writeNew(to, in)
}

// writeNew writes a file that is not there yet. What it leaves after an error is the caller's to remove.
func writeNew(path string, in io.Reader) error {
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
