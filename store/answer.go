package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Answer is the result of a question: its columns, and rows to be gone through. It is kept by DuckDB, which writes to disk
// what does not fit in memory; only a part of it is in ours.
type Answer struct {
	Columns []Column
	Rows    int64

	reading *Reading
	lines   [][]sql.NullString // of an answer that DuckDB keeps no table of
}

// Column is one of an answer's columns.
type Column struct {
	Name string
	Type string // DuckDB's name of the type, such as DECIMAL(18,2)
	Kind Kind
}

// Kind says how a column's text is to be read.
type Kind int

// The kinds of columns.
const (
	Text   Kind = iota
	Number      // an exact number, as digits
	Bool        // true or false
	JSON        // a JSON text; lists, structs and maps are given so too
)

// answerTable is where DuckDB keeps the answer to the last question.
const answerTable = `temp.main."the answer"`

// pageOfAnswer is how many rows are in our memory at once.
const pageOfAnswer = 10_000

var (
	nestedType = regexp.MustCompile(`^(STRUCT|MAP|UNION)\(|\]$`)
	numberType = regexp.MustCompile(`^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(.*|FLOAT|DOUBLE)$`)
)

func kindOf(name string) Kind {
	switch {
	case name == "JSON" || nestedType.MatchString(name):
		return JSON
	case numberType.MatchString(name):
		return Number
	case name == "BOOLEAN":
		return Bool
	}
	return Text
}

// keep lets DuckDB answer into a table of its own. A question's result would be held in memory whole otherwise.
func (q *Reading) keep(ctx context.Context, text string) (*Answer, error) {
	a := &Answer{reading: q}
	_, err := q.conn.ExecContext(ctx, "CREATE OR REPLACE TEMP TABLE "+answerTable+" AS SELECT * FROM (\n"+text+"\n)")
	if err != nil {
		return nil, question(err)
	}
	if err := q.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+answerTable).Scan(&a.Rows); err != nil {
		return nil, fmt.Errorf("count the rows of the answer: %w", err)
	}
	rows, err := q.conn.QueryContext(ctx, "SELECT column_name, column_type FROM (DESCRIBE "+answerTable+")")
	if err != nil {
		return nil, fmt.Errorf("read the columns of the answer: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c Column
		if err := rows.Scan(&c.Name, &c.Type); err != nil {
			return nil, fmt.Errorf("read the columns of the answer: %w", err)
		}
		c.Kind = kindOf(c.Type)
		a.Columns = append(a.Columns, c)
	}
	return a, rows.Err()
}

// direct answers a statement that cannot stand in FROM, such as EXPLAIN. Its answer is short.
func (q *Reading) direct(ctx context.Context, text string) (*Answer, error) {
	rows, err := q.conn.QueryContext(ctx, text)
	if err != nil {
		return nil, question(err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	a := &Answer{reading: q}
	for _, name := range names {
		a.Columns = append(a.Columns, Column{Name: name, Type: "VARCHAR"})
	}
	for rows.Next() {
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		line := make([]sql.NullString, len(names))
		for i, v := range values {
			line[i] = sql.NullString{String: fmt.Sprint(v), Valid: v != nil}
		}
		a.lines = append(a.lines, line)
	}
	a.Rows = int64(len(a.lines))
	return a, rows.Err()
}

// Each calls f with the rows in order, as text: decimals exact, times as 2026-11-23 22:00:00 (UTC). At most limit rows, all
// when it is negative. The slice is used again for the next row.
func (a *Answer) Each(ctx context.Context, limit int64, f func([]sql.NullString) error) error {
	if limit < 0 || limit > a.Rows {
		limit = a.Rows
	}
	if a.lines != nil {
		for _, line := range a.lines[:limit] {
			if err := f(line); err != nil {
				return err
			}
		}
		return nil
	}
	for from := int64(0); from < limit; from += pageOfAnswer {
		if err := a.page(ctx, from, min(from+pageOfAnswer, limit), f); err != nil {
			return err
		}
	}
	return nil
}

func (a *Answer) page(ctx context.Context, from, to int64, f func([]sql.NullString) error) (err error) {
	rows, err := a.reading.conn.QueryContext(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE rowid >= %d AND rowid < %d ORDER BY rowid",
		a.columns(asText), answerTable, from, to))
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	line, into := make([]sql.NullString, len(a.Columns)), make([]any, len(a.Columns))
	for i := range line {
		into[i] = &line[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		if err := f(line); err != nil {
			return err
		}
	}
	return rows.Err()
}

// ExportParquet writes the answer to the file that Reading was given, with its types.
func (a *Answer) ExportParquet(ctx context.Context, path string) error {
	if a.lines != nil {
		return &QuestionError{"the answer to this statement has no types to keep: choose another format than parquet"}
	}
	_, err := a.reading.conn.ExecContext(ctx, "COPY (SELECT "+a.columns(asStored)+" FROM "+answerTable+") TO "+quote(path)+" (FORMAT parquet)")
	if err != nil {
		return fmt.Errorf("write parquet: %w", explain(path, err))
	}
	return nil
}

// columns are the answer's columns as SQL.
func (a *Answer) columns(as func(Column, string) string) string {
	list := make([]string, len(a.Columns))
	for i, c := range a.Columns {
		name := identifier(c.Name)
		list[i] = as(c, name) + " AS " + name
	}
	return strings.Join(list, ", ")
}

func asText(c Column, name string) string {
	if c.Kind == JSON && c.Type != "JSON" {
		return "to_json(" + name + ")::VARCHAR"
	}
	return name + "::VARCHAR"
}

// asStored keeps whole numbers of 128 bits whole: parquet would make them floating point.
func asStored(c Column, name string) string {
	if c.Type == "HUGEINT" {
		return name + "::DECIMAL(38, 0)"
	}
	return name
}
