package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// FileVersion is what a file of the shop says of itself.
type FileVersion struct {
	Name  string // state.duckdb, or the run file's
	Has   int    // schema version of the file
	Knows int    // the newest that this program knows
	Err   error  // why it cannot be read: *BusyError, *NewerError, or that it is damaged
}

// Versions looks at the schema versions of the state and of the newest run files, without migrating one. most bounds how many run
// files are opened.
func (s *Shop) Versions(ctx context.Context, most int) (list []FileVersion, err error) {
	refs, err := s.Runs()
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	state, err := s.stateFileVersion(ctx)
	if err != nil {
		return nil, err
	}
	if state != nil {
		list = append(list, *state)
	}
	slices.Reverse(refs)
	for _, ref := range refs[:min(len(refs), most)] {
		v, err := s.runFileVersion(ctx, ref)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// stateFileVersion is nil where there is no state yet.
func (s *Shop) stateFileVersion(ctx context.Context) (*FileVersion, error) {
	steps, err := migrations(s.schema(), "state")
	if err != nil {
		return nil, err
	}
	v := &FileVersion{Name: filepath.Base(s.statePath()), Knows: len(steps)}
	state, err := s.OpenState(ctx, Read)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		v.Err = err
		return v, nil
	}
	if v.Has, err = stateVersion(ctx, state.DB); err != nil {
		v.Err = explain(s.statePath(), err)
	}
	return v, state.Close()
}

func (s *Shop) runFileVersion(ctx context.Context, ref RunRef) (FileVersion, error) {
	path := s.runPath(ref.ID, ref.Partial)
	steps, err := migrations(s.schema(), "run")
	if err != nil {
		return FileVersion{}, err
	}
	v := FileVersion{Name: filepath.Base(path), Knows: len(steps)}
	db, err := s.open(func() []string { return nil })
	if err != nil {
		return v, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if v.Err = attach(ctx, db, path, "runfile", Read); v.Err != nil {
		return v, nil
	}
	err = db.QueryRowContext(ctx, "SELECT schema_version FROM runfile.run.info").Scan(&v.Has)
	switch {
	case err != nil && strings.HasPrefix(err.Error(), "Catalog Error"):
		v.Err = fmt.Errorf("%s holds no run", path)
	case err != nil:
		v.Err = explain(path, err)
	case v.Has > v.Knows:
		v.Err = &NewerError{Path: path, Has: v.Has, Knows: v.Knows}
	}
	return v, nil
}
