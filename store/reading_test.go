package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const readingRun = "20261123T020000Z"

// newReading opens a small finished run and its state for questions.
func newReading(t *testing.T, export string) (*Reading, *Shop) {
	t.Helper()
	shop, err := Open(t.TempDir(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	run, err := shop.CreateRun(t.Context(), readingRun, "test", now)
	if err != nil {
		t.Fatal(err)
	}
	page := Page{Stream: "products", Part: "full", File: "000001.json", Rows: 1, FetchedAt: now, Body: []byte(`{"items":[{"id":12}]}`)}
	err = errors.Join(run.SavePage(t.Context(), page), run.Finish(t.Context()), run.Close())
	if err != nil {
		t.Fatal(err)
	}
	run, err = shop.OpenRun(t.Context(), RunRef{ID: readingRun}, Options{Run: Read, State: Read})
	if err != nil {
		t.Fatal(err)
	}
	reading, err := run.Reading(t.Context(), export)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := reading.Close(); err != nil {
			t.Error(err)
		}
	})
	return reading, shop
}

// filesUnder are all files with their contents.
func filesUnder(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestReading_RefusesEverythingThatIsNoQuestion(t *testing.T) {
	reading, shop := newReading(t, "")
	pages := shop.PagesDir(readingRun)
	before := filesUnder(t, shop.Dir)
	for _, query := range []string{
		"INSERT INTO run.settings VALUES ('a', 'b')", "UPDATE run.settings SET value = 'x'", "DELETE FROM state.ledger", "DROP TABLE run.pages",
		"TRUNCATE state.ledger", "CREATE TABLE run.x (a INT)", "CREATE TEMP TABLE x (a INT)", "CREATE TABLE memory.x (a INT)", "CREATE MACRO m(a) AS a",
		"CREATE VIEW run.v AS SELECT 1", "ALTER TABLE run.pages ADD COLUMN x INT", "COMMENT ON TABLE run.pages IS 'x'",
		"ATTACH 'x.duckdb'", "ATTACH ':memory:' AS x", "DETACH state", "USE state",
		"COPY run.pages TO 'x.csv'", "COPY run.pages TO '" + pages + "/x.csv'", "COPY run.pages TO '" + readingRun + ".pages/products/000001.json'",
		"COPY run.pages FROM '" + pages + "/products/000001.json'", "EXPORT DATABASE 'x'", "IMPORT DATABASE 'x'",
		"EXPLAIN ANALYZE COPY run.pages TO '" + pages + "/x.csv'", "EXPLAIN COPY run.pages TO '" + pages + "/x.csv'",
		"SELECT 1) ; COPY run.pages TO '" + pages + "/x.csv' ; SELECT (1", "PIVOT run.pages ON file; COPY run.pages TO '" + pages + "/x.csv'",
		"INSTALL httpfs", "LOAD httpfs", "SET threads = 1", "SET GLOBAL enable_external_access = true", "RESET lock_configuration", "SET SESSION threads = 1",
		"PRAGMA enable_profiling", "PRAGMA threads = 1", "PRAGMA profiling_output = 'x'", "CALL enable_logging(storage = 'file')",
		"FROM enable_logging(storage = 'file', storage_config = {'path': '" + pages + "/log'})", `SELECT (SELECT count(*) FROM "enable_logging"())`,
		"SET VARIABLE x = (SELECT count(*) FROM enable_logging())", "FROM query('FROM enable_logging()')", "PIVOT (FROM enable_logging()) ON x",
		"CHECKPOINT state", "FROM checkpoint('state')", "FORCE CHECKPOINT", "VACUUM", "ANALYZE", "BEGIN", "COMMIT", "PREPARE p AS SELECT 1", "EXECUTE p", "CREATE SECRET (TYPE s3)",
		"FROM read_text('/etc/passwd')", "FROM '/etc/passwd'", "FROM read_csv('lock')", "FROM glob('/etc/*')", "FROM read_text('" + readingRun + ".pages/../../lock')",
		"FROM read_text('https://shop.example/')", "", ";", "-- nothing", "SELECT 1; SELECT 2", "SELEC 1", "FROM nope",
	} {
		_, err := reading.Ask(t.Context(), query)
		var question *QuestionError
		if !errors.As(err, &question) {
			t.Errorf("%s: %v, want a QuestionError", query, err)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than one line: %q", query, err)
		}
	}
	after := filesUnder(t, shop.Dir)
	for path, data := range after {
		if before[path] != data {
			t.Errorf("%s was written", path)
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files, were %d", len(after), len(before))
	}
	wantCells(t, reading, "SELECT count(*), min(key) FROM raw.products", "1", "12") // it still answers
}

// wantCells wants one row.
func wantCells(t *testing.T, reading *Reading, query string, want ...string) {
	t.Helper()
	answer, err := reading.Ask(t.Context(), query)
	if err != nil {
		t.Errorf("%s: %v", query, err)
		return
	}
	rows := 0
	err = answer.Each(t.Context(), -1, func(row []sql.NullString) error {
		rows++
		for i, v := range row {
			if i >= len(want) || v.String != want[i] {
				t.Errorf("%s: column %d is %q, want %q", query, i, v.String, want)
			}
		}
		return nil
	})
	if err != nil || rows != 1 || answer.Rows != 1 {
		t.Errorf("%s: %d rows, said to be %d, %v; want 1", query, rows, answer.Rows, err)
	}
}

func TestReading_AnswersQuestions(t *testing.T) {
	reading, _ := newReading(t, "")
	wantCells(t, reading, "SELECT run_id FROM run.info;", readingRun)
	wantCells(t, reading, "SELECT count(*) FROM state.meta", "1")
	wantCells(t, reading, "SELECT 1 AS a, 2 AS a -- twice\n;", "1", "2")
	wantCells(t, reading, "PIVOT (SELECT 'k' AS k) ON k USING count(*)", "1")
	wantCells(t, reading, "SELECT count(*) > 5 FROM (DESCRIBE run.pages)", "true")
	wantCells(t, reading, "SELECT max(a) FROM (SUMMARIZE run.pages) t(a)", "stream")
	if _, err := reading.Ask(t.Context(), "SET VARIABLE x = 7"); err != nil {
		t.Error(err)
	}
	wantCells(t, reading, "SELECT getvariable('x')", "7")
	for _, query := range []string{"SHOW TABLES", "DESCRIBE run.pages", "SUMMARIZE run.pages", "EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1", "PRAGMA table_info('run.pages')", "VALUES (1)"} {
		if answer, err := reading.Ask(t.Context(), query); err != nil || answer.Rows == 0 {
			t.Errorf("%s: %v, %v", query, answer, err)
		}
	}
}

func TestReading_GivesRowsInOrderPageByPage(t *testing.T) {
	reading, _ := newReading(t, "")
	answer, err := reading.Ask(t.Context(), "SELECT 30000 - range AS n FROM range(30001) ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int64{-1, 0, 1, pageOfAnswer, pageOfAnswer + 1, 99999} {
		n, last := int64(0), ""
		err := answer.Each(t.Context(), limit, func(row []sql.NullString) error {
			if n == 12345 && row[0].String != "12345" {
				t.Errorf("row %d is %s", n, row[0].String)
			}
			n, last = n+1, row[0].String
			return nil
		})
		want := answer.Rows
		if limit >= 0 && limit < want {
			want = limit
		}
		if err != nil || n != want {
			t.Errorf("limit %d: %d rows to %s, %v", limit, n, last, err)
		}
	}
	stop := errors.New("stop")
	if err := answer.Each(t.Context(), -1, func([]sql.NullString) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an error of the caller came back as %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := reading.Ask(ctx, "SELECT 1"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestReading_ExportsOnlyToItsFile(t *testing.T) {
	export := filepath.Join(t.TempDir(), "x.parquet")
	reading, _ := newReading(t, export)
	answer, err := reading.Ask(t.Context(), "SELECT 1.50::DECIMAL(9,2) AS d, [1] AS l, 170141183460469231731687303715884105::HUGEINT AS h")
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.ExportParquet(t.Context(), export); err != nil {
		t.Fatal(err)
	}
	wantCells(t, reading, "SELECT typeof(d), typeof(l), h::VARCHAR FROM read_parquet('"+export+"')", "DECIMAL(9,2)", "INTEGER[]", "170141183460469231731687303715884105")
	if err := answer.ExportParquet(t.Context(), export+"2"); err == nil {
		t.Error("wrote another file")
	}
	if _, err := reading.Ask(t.Context(), "COPY run.pages TO '"+export+"'"); err == nil {
		t.Error("a question wrote the export")
	}
}
