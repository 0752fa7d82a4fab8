package commands

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"magento-optiply/store"
)

// tableRows is how many rows a table on a terminal shows. All other output is complete.
const tableRows = 1000

// pagedRows is how many it shows in a pager.
const pagedRows = 10_000

// answerFormats are the values of --format.
func answerFormats() []string {
	return []string{"table", "csv", "json", "ndjson", "markdown", "parquet"}
}

// answerWriter writes an answer in one format. Width is that of the terminal, 0 where w is none; Limit is the most rows of a
// table, -1 for all.
type answerWriter struct {
	Format string
	Width  int
	Limit  int64
	Plain  bool
	Widen  func() bool // tells whether a table that is wider than Width may be all the same; nil: it may not
}

// write returns how many rows were left out.
func (f answerWriter) write(ctx context.Context, w io.Writer, a *store.Answer) (leftOut int64, err error) {
	if len(a.Columns) == 0 {
		return 0, nil
	}
	b := bufio.NewWriterSize(w, 64<<10)
	switch f.Format {
	case "csv":
		err = writeCSV(ctx, b, a)
	case "ndjson":
		err = writeJSON(ctx, b, a, "", "\n", "\n", "")
	case "json":
		err = writeJSON(ctx, b, a, "[\n", ",\n", "\n", "]\n")
	case "markdown":
		err = writeMarkdown(ctx, b, a)
	default:
		leftOut, err = f.writeTable(ctx, b, a)
	}
	if ferr := b.Flush(); err == nil {
		err = ferr
	}
	return leftOut, err
}

// writeTable prints NULL as NULL, so that it can be told from an empty text. The plan of an EXPLAIN is printed as it is drawn.
func (f answerWriter) writeTable(ctx context.Context, w io.Writer, a *store.Answer) (leftOut int64, err error) {
	if len(a.Columns) == 2 && a.Columns[0].Name == "explain_key" {
		return 0, a.Each(ctx, -1, func(row []sql.NullString) error {
			_, err := fmt.Fprintln(w, strings.TrimRight(row[1].String, "\n"))
			return err
		})
	}
	g := grid{Width: f.Width, Plain: f.Plain}
	for _, c := range a.Columns {
		g.Columns = append(g.Columns, column{Name: c.Name, Right: c.Kind == store.Number})
	}
	err = a.Each(ctx, f.Limit, func(row []sql.NullString) error {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = orNull(v)
		}
		g.Rows = append(g.Rows, cells)
		return nil
	})
	if err != nil {
		return 0, err
	}
	if f.Widen != nil && g.tooWide() && f.Widen() {
		g.Width = 0
	}
	return a.Rows - int64(len(g.Rows)), g.print(w)
}

func orNull(v sql.NullString) string {
	if !v.Valid {
		return "NULL"
	}
	return v.String
}

// writeCSV writes RFC 4180 with "\n": NULL is nothing between two commas, an empty text is "".
func writeCSV(ctx context.Context, w *bufio.Writer, a *store.Answer) error {
	for i, c := range a.Columns {
		writeField(w, i, sql.NullString{String: c.Name, Valid: true})
	}
	_ = w.WriteByte('\n') // a bufio.Writer keeps its first error for Flush
	return a.Each(ctx, -1, func(row []sql.NullString) error {
		for i, v := range row {
			if len(row) == 1 && !v.Valid {
				v.Valid = true // an empty line would be no row to most readers
			}
			writeField(w, i, v)
		}
		return w.WriteByte('\n')
	})
}

func writeField(w *bufio.Writer, i int, v sql.NullString) {
	if i > 0 {
		_ = w.WriteByte(',')
	}
	switch {
	case !v.Valid:
	case v.String == "" || strings.ContainsAny(v.String, "\",\r\n") || strings.TrimSpace(v.String) != v.String:
		_, _ = w.WriteString(`"` + strings.ReplaceAll(v.String, `"`, `""`) + `"`)
	default:
		_, _ = w.WriteString(v.String)
	}
}

// writeJSON writes an object a row, its keys in the order of the columns. Numbers keep their digits, JSON and nested values
// stay JSON, NULL is null.
func writeJSON(ctx context.Context, w *bufio.Writer, a *store.Answer, begin, between, last, end string) error {
	keys := make([]string, len(a.Columns))
	for i, c := range a.Columns {
		keys[i] = jsonText(c.Name)
	}
	_, _ = w.WriteString(begin)
	n := 0
	err := a.Each(ctx, -1, func(row []sql.NullString) error {
		if n++; n > 1 {
			_, _ = w.WriteString(between)
		}
		_ = w.WriteByte('{')
		for i, v := range row {
			if i > 0 {
				_ = w.WriteByte(',')
			}
			_, _ = w.WriteString(keys[i] + ":" + jsonValue(a.Columns[i].Kind, v))
		}
		return w.WriteByte('}')
	})
	if n > 0 {
		_, _ = w.WriteString(last)
	}
	_, _ = w.WriteString(end)
	return err
}

func jsonValue(kind store.Kind, v sql.NullString) string {
	switch {
	case !v.Valid:
		return "null"
	case kind == store.Text, !json.Valid([]byte(v.String)): // such as a DOUBLE that is inf, which JSON has no number for
		return jsonText(v.String)
	}
	return v.String
}

// jsonText leaves <, > and & as they are, unlike json.Marshal.
func jsonText(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string can be encoded
	return strings.TrimSuffix(b.String(), "\n")
}

// writeMarkdown writes a table for an issue or a chat.
func writeMarkdown(ctx context.Context, w *bufio.Writer, a *store.Answer) error {
	line := func(cells []string) error {
		_, err := w.WriteString("| " + strings.Join(cells, " | ") + " |\n")
		return err
	}
	names, rules := []string{}, []string{}
	for _, c := range a.Columns {
		names = append(names, markdownCell(c.Name))
		if c.Kind == store.Number {
			rules = append(rules, "---:")
		} else {
			rules = append(rules, "---")
		}
	}
	_, _ = line(names), line(rules)
	return a.Each(ctx, -1, func(row []sql.NullString) error {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = markdownCell(orNull(v))
		}
		return line(cells)
	})
}

func markdownCell(s string) string {
	return strings.NewReplacer("|", `\|`, "\r\n", "<br>", "\n", "<br>").Replace(s)
}
