package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
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
