package store

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Room tells the free space for the shop's folder, in bytes, as far as this user may use it.
func (s *Shop) Room() (uint64, error) {
	var fs syscall.Statfs_t
	dir := s.existing()
	if err := syscall.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("ask for the free space at %s: %w", dir, err)
	}
	return fs.Bavail * uint64(fs.Bsize), nil
}

// Writable is nil where files can be made in the shop's folder, or in the nearest folder above it that is there. It leaves nothing.
func (s *Shop) Writable() error {
	f, err := os.CreateTemp(s.existing(), ".check-*")
	if err != nil {
		return err
	}
	_ = f.Close()
	return os.Remove(f.Name())
}

// Exists tells whether the shop's folder is there.
func (s *Shop) Exists() bool { return s.existing() == s.Dir }

// existing is the shop's folder, or the nearest folder above it that is there.
func (s *Shop) existing() string {
	dir := s.Dir
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}
