package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
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

	opCreate = "create"
	opUpdate = "update"
	opDelete = "delete"
)

// entry is one line of the journal: one write, whole. Attributes stand as they are answered; an update has only those
// it changed.
type entry struct {
	Seq        int64                      `json:"seq"`
	At         string                     `json:"at"`
	Op         string                     `json:"op"`
	Type       string                     `json:"type"`
	ID         int64                      `json:"id"`
	Attributes map[string]json.RawMessage `json:"attributes,omitempty"`
	Lines      []lineEntry                `json:"lines,omitempty"`

	values map[string]any
}

// lineEntry is an order line that was created inside its order.
type lineEntry struct {
	ID         int64                      `json:"id"`
	Attributes map[string]json.RawMessage `json:"attributes"`

	values map[string]any
}

// header is the first line of a journal.
type header struct {
	Sandbox string `json:"sandbox"`
	Version int    `json:"version"`
}

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

func checkHeader(line []byte) error {
	var h header
	if err := strict(line, &h); err != nil || h.Sandbox != "optiply" {
		return errors.New("not a sandbox journal")
	}
	if h.Version != journalVersion {
		return fmt.Errorf("journal version %d, this program knows %d", h.Version, journalVersion)
	}
	return nil
}

func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	return nil
}

// parseEntry reads one line, and its attributes by what the kind says of them.
func parseEntry(line []byte) (entry, error) {
	var e entry
	if err := strict(line, &e); err != nil {
		return entry{}, fmt.Errorf("broken line: %w", err)
	}
	k, ok := kindOf(e.Type)
	if !ok || k.readOnly {
		return entry{}, fmt.Errorf("unknown type %q", e.Type)
	}
	if len(e.Lines) > 0 && (!k.withLines || e.Op != opCreate) {
		return entry{}, errors.New("lines in an entry that cannot have them")
	}
	var err error
	if e.values, err = restoreValues(k, e.Attributes); err != nil {
		return entry{}, err
	}
	for i := range e.Lines {
		if e.Lines[i].values, err = restoreValues(sellOrderLines, e.Lines[i].Attributes); err != nil {
			return entry{}, fmt.Errorf("line %d: %w", e.Lines[i].ID, err)
		}
	}
	return e, nil
}

func restoreValues(k *kind, attributes map[string]json.RawMessage) (map[string]any, error) {
	values := make(map[string]any, len(attributes))
	for name, raw := range attributes {
		a, ok := k.attribute(name)
		if !ok || a.form == identifier {
			return nil, fmt.Errorf("unknown attribute %q", name)
		}
		v, err := a.restore(raw)
		if err != nil {
			return nil, err
		}
		values[name] = v
	}
	return values, nil
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

func rawValues(values map[string]any) map[string]json.RawMessage {
	out := make(map[string]json.RawMessage, len(values))
	for name, v := range values {
		out[name] = encode(v)
	}
	return out
}

// encode leaves < and & as they are, for the person who reads the journal, and ends with a line break. What it is given
// can always be encoded: text, numbers, flags and maps of them.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
	return b.Bytes()
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
