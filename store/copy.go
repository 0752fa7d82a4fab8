package store

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Pack writes a compact copy of the shop: the state file, and the newest finished run with its page files, as a compressed
// archive. It takes the shop's lock, so that nothing is written meanwhile. What the next run needs is in the state; the run
// file is there for those who look into the night.
func (s *Shop) Pack(w io.Writer, now time.Time) (err error) {
	lock, err := s.Lock("copy", now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	files := []string{s.statePath(), s.statePath() + ".wal"}
	if ref, err := s.Latest(); err == nil {
		files = append(files, s.runPath(ref.ID, false), s.runPath(ref.ID, false)+".wal")
		err := filepath.WalkDir(s.PagesDir(ref.ID), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				files = append(files, path)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("list the pages of run %s: %w", ref.ID, err)
		}
	} else if !errors.Is(err, ErrNoRun) {
		return err
	}
	packer, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	archive := tar.NewWriter(packer)
	for _, path := range files {
		if err := s.packFile(archive, path); err != nil {
			_ = packer.Close()
			return err
		}
	}
	return errors.Join(archive.Close(), packer.Close())
}

// packFile leaves out a file that is not there: a log, or the state of a shop that never ran.
func (s *Shop) packFile(archive *tar.Writer, path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("copy the shop: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("copy the shop: %w", err)
	}
	name, err := filepath.Rel(s.Dir, path)
	if err != nil {
		return err
	}
	err = archive.WriteHeader(&tar.Header{Name: filepath.ToSlash(name), Mode: 0o640, Size: info.Size(), ModTime: info.ModTime(), Format: tar.FormatPAX})
	if err == nil {
		_, err = io.CopyN(archive, f, info.Size())
	}
	if err != nil {
		return fmt.Errorf("copy %s: %w", name, explain(path, err))
	}
	return nil
}

// Unpack puts a copy in the place of the shop's state. Finished runs that are here stay, for those who look into them; one
// that was not finished is removed, because it began with another state. It takes the shop's lock. Nothing is changed before
// the whole copy has been read.
func (s *Shop) Unpack(r io.Reader, now time.Time) (err error) {
	lock, err := s.Lock("copy", now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	fresh := filepath.Join(s.Dir, "unpacked")
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("unpack the copy: %w", err)
	}
	defer os.RemoveAll(fresh)
	if err := os.Mkdir(fresh, 0o750); err != nil { // the copy of a shop without a state is empty
		return fmt.Errorf("unpack the copy: %w", err)
	}
	if err := unpackInto(fresh, r); err != nil {
		return err
	}
	if err := s.forget(); err != nil {
		return err
	}
	return filepath.WalkDir(fresh, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(fresh, path)
		if err != nil {
			return err
		}
		to := filepath.Join(s.Dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
			return fmt.Errorf("unpack the copy: %w", err)
		}
		if err := os.Rename(path, to); err != nil {
			return fmt.Errorf("unpack the copy: %w", err)
		}
		return nil
	})
}

// Forget removes the state, and runs that were not finished, under the shop's lock: they are of a time before another machine
// had the shop, of which there is no copy.
func (s *Shop) Forget(now time.Time) (err error) {
	lock, err := s.Lock("copy", now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	return s.forget()
}

func (s *Shop) forget() error {
	refs, err := s.Runs()
	if err != nil {
		return err
	}
	for _, ref := range refs {
		if ref.Partial {
			if err := s.Remove(ref); err != nil {
				return err
			}
		}
	}
	for _, path := range []string{s.statePath() + ".wal", s.readPath(), s.statePath()} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove the old state: %w", err)
		}
	}
	return nil
}

func unpackInto(dir string, r io.Reader) error {
	unpacker, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer unpacker.Close()
	archive := tar.NewReader(unpacker)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the copy: %w", err)
		}
		name := filepath.FromSlash(header.Name)
		if !filepath.IsLocal(name) || header.Typeflag != tar.TypeReg || name != "state.duckdb" && name != "state.duckdb.wal" && !strings.HasPrefix(header.Name, "runs/") {
			return fmt.Errorf("read the copy: it holds %q, which is nothing of a shop", header.Name)
		}
		if err := unpackFile(filepath.Join(dir, name), archive); err != nil {
			return err
		}
	}
}

func unpackFile(path string, from io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return fmt.Errorf("unpack the copy: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return fmt.Errorf("unpack the copy: %w", err)
	}
	_, err = io.Copy(f, from)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("unpack the copy: %w", explain(path, err))
	}
	return nil
}
