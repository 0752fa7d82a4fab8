package adopt

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// Row is a line of a snapshot: this thing of the shop has this id at Optiply.
type Row struct {
	Entity    string `json:"entity"` // products, sell_orders
	RemoteID  string `json:"remote_id"`
	OptiplyID string `json:"optiply_id"`
	Place     string `json:"place"` // file and line
}

// SnapshotError is a snapshot that cannot be read.
type SnapshotError struct {
	File         string
	Line, Column int // from 1; 0 where it is about the whole file. Column counts bytes, as editors do for plain text
	Reason       string
}

func (e *SnapshotError) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Reason
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Reason)
}

// ReadSnapshots reads products.snapshot.csv and sell_orders.snapshot.csv of a folder of the notebook; one of them is enough.
// Only the ids are taken: a snapshot can be stale, and Optiply is asked for the attributes. withoutID counts the lines that
// the notebook could not send.
func ReadSnapshots(dir fs.FS) (rows []Row, withoutID int, err error) {
	found := false
	for _, entity := range []string{"products", "sell_orders"} {
		name := entity + ".snapshot.csv"
		data, err := fs.ReadFile(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", name, err)
		}
		found = true
		list, without, err := ParseSnapshot(entity, name, data)
		if err != nil {
			return nil, 0, err
		}
		rows, withoutID = append(rows, list...), withoutID+without
	}
	if !found {
		return nil, 0, errors.New("there is neither a products.snapshot.csv nor a sell_orders.snapshot.csv")
	}
	return rows, withoutID, nil
}

var (
	remoteForm = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)
	// pandas makes 28666283.0 of an id in a column that has gaps.
	pandasForm = regexp.MustCompile(`^([0-9]+)\.0+$`)
)

// noID are the ways in which pandas and the notebook write that there is no id.
func noID(s string) bool {
	return slices.Contains([]string{"", "nan", "none", "null", "<na>", "nat"}, strings.ToLower(s))
}

// ParseSnapshot reads one file: CSV with a header, separated by commas, semicolons or tabs, in UTF-8 with or without a byte
// order mark. Of its columns only remoteId and optiply_id are needed. Errors are *SnapshotError.
func ParseSnapshot(entity, file string, data []byte) (rows []Row, withoutID int, err error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	r, remote, optiply, err := openSnapshot(file, data)
	if err != nil {
		return nil, 0, err
	}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, withoutID, nil
		}
		if err != nil {
			return nil, 0, broken(file, err)
		}
		at := func(column int, reason string, args ...any) error {
			line, position := r.FieldPos(column)
			return &SnapshotError{File: file, Line: line, Column: position, Reason: fmt.Sprintf(reason, args...)}
		}
		id, there := plainID(fields[remote]), plainID(fields[optiply])
		switch line, _ := r.FieldPos(0); {
		case noID(there):
			withoutID++
		case !remoteForm.MatchString(id):
			return nil, 0, at(remote, "remoteId %q is no Magento id (entity_id, digits only)", short(fields[remote]))
		case !remoteForm.MatchString(there):
			return nil, 0, at(optiply, "optiply_id %q is no id of Optiply (digits only)", short(fields[optiply]))
		default:
			rows = append(rows, Row{Entity: entity, RemoteID: id, OptiplyID: there, Place: fmt.Sprintf("%s:%d", file, line)})
		}
	}
}

// openSnapshot reads the header, by which the separator is known.
func openSnapshot(file string, data []byte) (r *csv.Reader, remote, optiply int, err error) {
	for _, comma := range []rune{',', ';', '\t'} {
		r = csv.NewReader(bytes.NewReader(data))
		r.Comma, r.ReuseRecord = comma, true
		header, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil, 0, 0, &SnapshotError{File: file, Reason: "it is empty; its first line names the columns, remoteId and optiply_id among them"}
		}
		if err != nil {
			if comma == '\t' {
				return nil, 0, 0, broken(file, err)
			}
			continue
		}
		remote, optiply = slices.Index(header, "remoteId"), slices.Index(header, "optiply_id")
		if remote < 0 || optiply < 0 {
			continue
		}
		if slices.Index(header[remote+1:], "remoteId") >= 0 || slices.Index(header[optiply+1:], "optiply_id") >= 0 {
			return nil, 0, 0, &SnapshotError{File: file, Line: 1, Column: 1, Reason: "remoteId or optiply_id is there twice"}
		}
		return r, remote, optiply, nil
	}
	return nil, 0, 0, &SnapshotError{File: file, Line: 1, Column: 1, Reason: "its first line does not name the columns remoteId and optiply_id, separated by commas, semicolons or tabs"}
}

// broken gives an error of encoding/csv its place.
func broken(file string, err error) error {
	var p *csv.ParseError
	if !errors.As(err, &p) {
		return &SnapshotError{File: file, Reason: err.Error()}
	}
	reason := p.Err.Error()
	if errors.Is(p.Err, csv.ErrFieldCount) {
		reason = "it has another number of columns than the first line"
	}
	return &SnapshotError{File: file, Line: p.Line, Column: max(p.Column, 1), Reason: reason}
}

func plainID(s string) string {
	s = strings.TrimSpace(s)
	if m := pandasForm.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return s
}

// short keeps a value that is shown to a few characters.
func short(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
