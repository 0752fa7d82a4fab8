package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// newRuns makes finished runs, each with one product whose id is its number, and statements of its own.
func newRuns(t *testing.T, each ...[]string) *Shop {
	t.Helper()
	shop, err := Open(t.TempDir(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	for i, statements := range each {
		now := time.Date(2026, 11, 21+i, 2, 0, 0, 0, time.UTC)
		run, err := shop.CreateRun(t.Context(), now.Format(RunIDLayout), "test", now)
		if err != nil {
			t.Fatal(err)
		}
		err = run.SavePage(t.Context(), Page{Stream: "products", Part: "full", File: "000001.json", Rows: 1, FetchedAt: now, Body: fmt.Appendf(nil, `{"items":[{"id":%d}]}`, i+1)})
		for _, q := range statements {
			if err == nil {
				_, err = run.DB.ExecContext(t.Context(), q)
			}
		}
		if err := errors.Join(err, run.Finish(t.Context()), run.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return shop
}

// openRuns opens all of a shop's runs, each under its id.
func openRuns(t *testing.T, shop *Shop) *Reading {
	t.Helper()
	reading, because, err := shop.OpenReading(t.Context())
	if err != nil || because != nil {
		t.Fatal(because, err)
	}
	t.Cleanup(func() {
		if err := reading.Close(); err != nil {
			t.Error(err)
		}
	})
	refs, err := shop.Runs()
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range refs {
		if err := reading.Attach(t.Context(), ref, "run_"+ref.ID); err != nil {
			t.Fatal(err)
		}
	}
	return reading
}

// answer is an answer as one text: cells by commas, rows by semicolons.
func answer(t *testing.T, q *Reading, text string) string {
	t.Helper()
	a, err := q.Ask(t.Context(), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	var lines []string
	err = a.Each(context.Background(), -1, func(row []sql.NullString) error {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = v.String
		}
		lines = append(lines, strings.Join(cells, ","))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, ";")
}

func TestSeveral_EachRunReadsItsOwnTablesAndPages(t *testing.T) {
	q := openRuns(t, newRuns(t, []string{"CREATE TABLE model.products AS SELECT '1' AS remote_id"}, []string{"CREATE TABLE model.products AS SELECT '2' AS remote_id"}))
	if err := q.Lock(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"run_20261121T020000Z": "1,1", "run_20261122T020000Z": "2,2"} {
		if err := q.Use(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if got := answer(t, q, "SELECT (SELECT key FROM raw.products), (SELECT remote_id FROM model.products)"); got != want {
			t.Errorf("%s answers %s, want %s", name, got, want)
		}
	}
	for _, text := range []string{"USE memory", "ATTACH 'x.duckdb'", "INSERT INTO run_20261121T020000Z.model.products VALUES ('3')", "FROM read_text('/etc/hostname')"} {
		if _, err := q.Ask(t.Context(), text); err == nil {
			t.Errorf("%s is answered", text)
		}
	}
}

// An older file lacks tables and columns that a newer one has, and may have another type.
func TestSeveral_UnionTakesRunsThatLackSomething(t *testing.T) {
	q := openRuns(t, newRuns(t,
		[]string{"CREATE TABLE model.products AS SELECT '1' AS remote_id, 7 AS stock_level", "DROP TABLE before.bookmarks"},
		[]string{"CREATE TABLE model.products AS SELECT '2' AS remote_id, 8.5 AS stock_level, 'new' AS way", "CREATE TABLE model.extra AS SELECT 9 AS n",
			"INSERT INTO before.bookmarks (stream, store_code, value, run_id) VALUES ('orders', '', TIMESTAMP '2026-11-01 00:00:00', 'earlier')"}))
	if err := errors.Join(q.Union(t.Context(), "raw", "model", "before", "run"), q.Lock(t.Context(), "")); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"SELECT run_id, remote_id, stock_level, way FROM model.products ORDER BY run_id": "20261121T020000Z,1,7.0,;20261122T020000Z,2,8.5,new",
		"FROM model.extra": "20261122T020000Z,9",
		"SELECT run_id, its_run_id FROM before.bookmarks":           "20261122T020000Z,earlier",
		"SELECT run_id, key FROM raw.products ORDER BY run_id":      "20261121T020000Z,1;20261122T020000Z,2",
		"SELECT count(DISTINCT run_id) FROM run.info":               "2",
		"SELECT remote_id FROM run_20261121T020000Z.model.products": "1",
		"SELECT count(*) FROM duckdb_columns() WHERE database_name = 'memory' AND schema_name = 'run' AND table_name = 'info' AND column_name LIKE '%run_id'": "1",
	} {
		if got := answer(t, q, query); got != want {
			t.Errorf("%s answers %q, want %q", query, got, want)
		}
	}
}

func TestSeveral_WithoutAStateAnEmptyOneStandsIn(t *testing.T) {
	shop, err := Open(t.TempDir(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	q, because, err := shop.OpenReading(t.Context())
	if err != nil || because == nil {
		t.Fatalf("because %v, error %v; want to be told why", because, err)
	}
	defer q.Close()
	if got := answer(t, q, "SELECT count(*) FROM state.ledger"); got != "0" {
		t.Errorf("rows of the ledger: %s", got)
	}
}
