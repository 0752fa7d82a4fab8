package transform

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
)

// Overlay returns the embedded files with those of dir in place of, or beside, them: a file of the same name replaces,
// another runs where its name sorts. A folder without any .sql file is an error, since it is a wrong path.
func Overlay(dir string) (fs.FS, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("the folder of your own SQL, %s, is not there, or is no folder", dir)
	}
	names, err := fs.Glob(os.DirFS(dir), "*.sql")
	if err != nil {
		return nil, fmt.Errorf("read the folder of your own SQL, %s: %w", dir, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("there is no .sql file in the folder of your own SQL, %s", dir)
	}
	return overlay{top: os.DirFS(dir), base: SQL()}, nil
}

// overlay is a file system of two layers.
type overlay struct{ top, base fs.FS }

func (o overlay) Open(name string) (fs.File, error) {
	f, err := o.top.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return o.base.Open(name)
	}
	return f, err
}

func (o overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	entries := map[string]fs.DirEntry{}
	for _, layer := range []fs.FS{o.base, o.top} {
		list, err := fs.ReadDir(layer, name)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			entries[e.Name()] = e
		}
	}
	return sortedEntries(entries), nil
}

// sortedEntries are directory entries in the order of their names, as fs.ReadDir promises.
func sortedEntries(entries map[string]fs.DirEntry) []fs.DirEntry {
	var list []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		list = append(list, entries[name])
	}
	return list
}
