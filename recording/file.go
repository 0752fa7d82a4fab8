package recording

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// largeBytes is where a file of records is compressed: below it, one can be read with any editor.
const largeBytes = 1 << 20

// lineFile writes records, one a line, to <name>.ndjson, or compressed to <name>.ndjson.zst as soon as they are many. A file
// without a record is not made.
type lineFile struct {
	base    string // path without its ending
	begin   []byte // what is not written yet
	file    *os.File
	buffer  *bufio.Writer
	packer  *zstd.Encoder
	out     io.Writer
	records int
}

func newLineFile(dir, name string) *lineFile {
	return &lineFile{base: filepath.Join(dir, name+".ndjson")}
}

func (f *lineFile) add(record []byte) error {
	f.records++
	if f.out == nil {
		f.begin = append(append(f.begin, record...), '\n')
		if len(f.begin) < largeBytes {
			return nil
		}
		return f.open(true)
	}
	if _, err := f.out.Write(append(record, '\n')); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(f.base), err)
	}
	return nil
}

func (f *lineFile) open(large bool) (err error) {
	path := f.base
	if large {
		path += ".zst"
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	if f.file, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640); err != nil {
		return err
	}
	f.buffer = bufio.NewWriterSize(f.file, 1<<16)
	f.out = f.buffer
	if large {
		// One goroutine, so that the same records give the same bytes.
		if f.packer, err = zstd.NewWriter(f.buffer, zstd.WithEncoderConcurrency(1)); err != nil {
			return err
		}
		f.out = f.packer
	}
	_, err = f.out.Write(f.begin)
	f.begin = nil
	return err
}

// close has the file on the disk when it returns, and tells its size.
func (f *lineFile) close() (bytes int64, err error) {
	if f.out == nil && f.records > 0 {
		err = f.open(false)
	}
	if f.file == nil {
		return 0, err
	}
	if f.packer != nil {
		err = errors.Join(err, f.packer.Close())
	}
	err = errors.Join(err, f.buffer.Flush(), f.file.Sync())
	if info, serr := f.file.Stat(); serr == nil {
		bytes = info.Size()
	}
	if err = errors.Join(err, f.file.Close()); err != nil {
		return 0, fmt.Errorf("write %s: %w", filepath.Base(f.base), err)
	}
	return bytes, nil
}

// discard lets go of a file that is not finished.
func (f *lineFile) discard() {
	if f.packer != nil {
		_ = f.packer.Close()
	}
	if f.file != nil {
		_ = f.file.Close()
	}
}
