package sandbox

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

const (
	journalName    = "journal.ndjson"
	journalVersion = 1
)

// journal is the append-only file behind the state; nil stands for none.
type journal struct {
	mu     sync.Mutex // guards file and what follows
	file   *os.File
	size   int64
	seq    int64
	broken error // after a failure nothing more is written, or a torn line would end up in the middle

	syncing sync.Mutex // held during fsync; writers that wait for it are served by the next one together
	synced  int64
}

// openJournal replays the file in dir through apply and returns it ready for appending, with a notice when a torn last
// line was dropped.
func openJournal(dir string, apply func(entry) error) (j *journal, notice string, err error) {
	path := filepath.Join(dir, journalName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, "", fmt.Errorf("open sandbox journal: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	j = &journal{file: file}
	rest, err := j.replay(path, apply)
	if err != nil {
		return nil, "", err
	}
	if len(rest) > 0 {
		notice = fmt.Sprintf("%s: dropped a torn last line of %d bytes, written when the sandbox was killed", path, len(rest))
		if err = file.Truncate(j.size); err != nil {
			return nil, "", fmt.Errorf("drop torn line: %w", err)
		}
	}
	if _, err = file.Seek(j.size, io.SeekStart); err != nil {
		return nil, "", fmt.Errorf("open sandbox journal: %w", err)
	}
	if j.size == 0 {
		if err = j.write(encode(header{Sandbox: "optiply", Version: journalVersion})); err == nil {
			err = errors.Join(file.Sync(), syncDir(dir))
		}
	}
	j.synced = j.seq
	return j, notice, err
}

// syncDir makes the file's name durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// replay reads all whole lines, and returns what follows the last line break. Such a rest was never answered: an answer
// leaves after its line is durable, the line break included.
func (j *journal) replay(path string, apply func(entry) error) (rest []byte, err error) {
	r := bufio.NewReaderSize(j.file, 1<<20)
	for number := 1; ; number++ {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			return line, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if err := j.replayLine(number, line, apply); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number, err)
		}
		j.size += int64(len(line))
	}
}

func (j *journal) replayLine(number int, line []byte, apply func(entry) error) error {
	if number == 1 {
		return checkHeader(line)
	}
	e, err := parseEntry(line)
	if err != nil {
		return err
	}
	if e.Seq != j.seq+1 {
		return fmt.Errorf("seq %d follows %d: a line is missing or repeated", e.Seq, j.seq)
	}
	j.seq = e.Seq
	return apply(e)
}

// append writes e's line to the file, under the next number, and returns the number; sync makes it durable.
func (j *journal) append(e entry) (int64, error) {
	if j == nil {
		return 0, nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Seq = j.seq + 1
	e.Attributes = rawValues(e.values)
	for i := range e.Lines {
		e.Lines[i].Attributes = rawValues(e.Lines[i].values)
	}
	if err := j.write(encode(e)); err != nil {
		return 0, err
	}
	j.seq = e.Seq
	return j.seq, nil
}

func (j *journal) write(line []byte) error {
	if j.broken != nil {
		return j.broken
	}
	if _, err := j.file.Write(line); err != nil {
		if j.file.Truncate(j.size) != nil {
			j.broken = fmt.Errorf("sandbox journal: %w", err)
		} else if _, seekErr := j.file.Seek(j.size, io.SeekStart); seekErr != nil {
			j.broken = fmt.Errorf("sandbox journal: %w", seekErr)
		}
		return fmt.Errorf("sandbox journal: %w", err)
	}
	j.size += int64(len(line))
	return nil
}

// sync returns when line seq is durable. One fsync serves all who wait for it.
func (j *journal) sync(seq int64) error {
	if j == nil {
		return nil
	}
	j.syncing.Lock()
	defer j.syncing.Unlock()
	if j.synced >= seq {
		return nil
	}
	j.mu.Lock()
	upTo, err := j.seq, j.broken
	j.mu.Unlock()
	if err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		j.mu.Lock()
		j.broken = fmt.Errorf("sandbox journal: %w", err)
		j.mu.Unlock()
		return fmt.Errorf("sandbox journal: %w", err)
	}
	j.synced = upTo
	return nil
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken == nil {
		j.broken = errors.New("sandbox journal: closed")
	}
	return j.file.Close()
}
