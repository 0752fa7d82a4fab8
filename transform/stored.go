package transform

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
)

// Stored returns the files that a run was transformed with, as the run file keeps them, so that its plan can be made again
// by the same SQL, an overlay's included.
func Stored(ctx context.Context, db *sql.DB) (fs.FS, error) { return stored(ctx, db) }

func stored(ctx context.Context, db *sql.DB) (texts, error) {
	rows, err := db.QueryContext(ctx, "SELECT file, text FROM run.steps")
	if err != nil {
		return nil, fmt.Errorf("read the SQL of the run: %w", err)
	}
	defer rows.Close()
	files := texts{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, fmt.Errorf("read the SQL of the run: %w", err)
		}
		files[name] = text
	}
	return files, rows.Err()
}

// texts are files in memory. They are read whole, never opened.
type texts map[string]string

func (t texts) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
}

func (t texts) ReadFile(name string) ([]byte, error) {
	text, ok := t[name]
	if !ok {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

func (t texts) Glob(pattern string) (names []string, err error) {
	for _, name := range slices.Sorted(maps.Keys(t)) {
		ok, err := path.Match(pattern, name)
		if err != nil {
			return nil, err
		}
		if ok {
			names = append(names, name)
		}
	}
	return names, nil
}
