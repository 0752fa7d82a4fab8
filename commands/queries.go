package commands

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"magento-optiply/store"
)

// queryFiles are the questions that commands ask, one a file, each to be read and run by hand.
//
//go:embed queries
var queryFiles embed.FS

// readQuery is the text of a file below queries/.
func readQuery(name string) (string, error) {
	data, err := queryFiles.ReadFile(path.Join("queries", name))
	return strings.TrimSpace(string(data)), err
}

// rows is an answer in memory: for questions whose answer is short.
type rows struct {
	Columns []store.Column
	Cells   [][]sql.NullString
}

// askRows asks a question and keeps its rows.
func askRows(ctx context.Context, reading *store.Reading, text string) (r rows, err error) {
	answer, err := reading.Ask(ctx, text)
	if err != nil {
		return r, err
	}
	r.Columns = answer.Columns
	err = answer.Each(ctx, -1, func(row []sql.NullString) error {
		r.Cells = append(r.Cells, slices.Clone(row))
		return nil
	})
	return r, err
}

// at is the text of a cell; empty where it is NULL, or there is no such row or column.
func (r rows) at(i int, name string) string {
	c := slices.IndexFunc(r.Columns, func(c store.Column) bool { return c.Name == name })
	if c < 0 || i >= len(r.Cells) {
		return ""
	}
	return r.Cells[i][c].String
}

// MarshalJSON writes a list of objects, as sql --format json does.
func (r rows) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('[')
	for i, row := range r.Cells {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('{')
		for j, v := range row {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteString(jsonText(r.Columns[j].Name) + ":" + jsonValue(r.Columns[j].Kind, v))
		}
		b.WriteByte('}')
	}
	b.WriteByte(']')
	return []byte(b.String()), nil
}

var _ json.Marshaler = rows{}

// setVariable gives a query its value; "" is NULL.
func setVariable(ctx context.Context, reading *store.Reading, name, value string) error {
	literal := "NULL::VARCHAR"
	if value != "" {
		literal = "'" + strings.ReplaceAll(value, "'", "''") + "'"
	}
	_, err := reading.Ask(ctx, "SET VARIABLE "+name+" = "+literal)
	return err
}

// severalRuns are a shop's finished runs opened together, the newest first.
type severalRuns struct {
	app     *app
	reading *store.Reading
	Open    []store.RunRef
	Skipped []string // why a run is not among them
}

// openSeveral opens the state for questions over runs that are added one by one.
func (a *app) openSeveral(ctx context.Context, shop *store.Shop) (*severalRuns, error) {
	reading, because, err := shop.OpenReading(ctx)
	if err != nil {
		return nil, err
	}
	if because != nil {
		a.log.Warn("the runs are looked into without the state", "because", because)
	}
	if reading.StateStale() {
		a.log.Info("a run is going on: the state is the copy that it published")
	}
	return &severalRuns{app: a, reading: reading}, nil
}

// runName is the name of a run's database among several.
func runName(ref store.RunRef) string { return "run_" + ref.ID }

// add opens one more run. A file that is being written, has gone meanwhile or is of a newer program is passed over, by name.
func (s *severalRuns) add(ctx context.Context, ref store.RunRef) (ok bool, err error) {
	err = s.reading.Attach(ctx, ref, runName(ref))
	var newer *store.NewerError
	switch {
	case store.IsBusy(err), errors.Is(err, fs.ErrNotExist):
		s.skip(ref, "another process has its file open")
		return false, nil
	case errors.As(err, &newer):
		s.skip(ref, "a newer program wrote its file")
		return false, nil
	case err != nil:
		return false, err
	}
	s.Open = append(s.Open, ref)
	return true, nil
}

func (s *severalRuns) skip(ref store.RunRef, why string) {
	s.Skipped = append(s.Skipped, ref.ID+": "+why)
	s.app.log.Warn("a run is passed over: "+why, "run", ref.ID)
}

// finishedRuns are the refs of the finished runs, the newest first; up to and with one where it is named.
func finishedRuns(shop *store.Shop, upTo string) ([]store.RunRef, error) {
	if upTo != "" {
		if _, err := findWhole(shop, upTo); err != nil {
			return nil, err
		}
	}
	refs, err := shop.Runs()
	if err != nil {
		return nil, err
	}
	refs = slices.DeleteFunc(refs, func(r store.RunRef) bool { return r.Partial || upTo != "" && r.ID > upTo })
	slices.Reverse(refs)
	return refs, nil
}

// lacksTable tells that a question failed because this run's file has no such table or column: it was not transformed, or an
// older program wrote it.
func lacksTable(err error) bool {
	var q *store.QuestionError
	return errors.As(err, &q) && (strings.HasPrefix(q.Text, "Catalog Error") || strings.HasPrefix(q.Text, "Binder Error"))
}
