// Package storetest runs SQL files by themselves over a real run file with the state attached, and prints tables as
// text: the bench on which the tests of extract, transform and load prove their SQL, file by file. It stands beside store
// because all three need it and none of them may import another.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"magento-optiply/store"
)

// RunID is the id of a bench's run.
const RunID = "20261124T020000Z"

// Now is when everything on a bench happens, and what run.info calls shop_now.
func Now() time.Time { return time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC) }

// Bench is one run file with the state attached, used for one case after another. Variables of DuckDB belong to a
// connection, so all statements go through one.
type Bench struct {
	Run  *store.Run
	Conn *sql.Conn
}

// New opens a bench in a folder of its own, closed when the test ends.
func New(t testing.TB) *Bench {
	t.Helper()
	shop, err := store.Open(t.TempDir(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	run, err := shop.CreateRun(t.Context(), RunID, "test", Now())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := run.DB.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if err := run.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &Bench{Run: run, Conn: conn}
	b.Exec(t, "SET threads = 1") // a few rows each: sharing them out costs more than it gives
	b.Clear(t)
	return b
}

// Clear empties every table and takes away all pages: a finished full read of an empty shop with the default settings.
// Tables that an earlier case made stay, empty, and their problems are an empty list where a row does not give them.
func (b *Bench) Clear(t testing.TB) {
	t.Helper()
	if err := os.RemoveAll(b.Run.PagesDir()); err != nil {
		t.Fatal(err)
	}
	// A file each: a transaction writes to one, and a commit for each of fifty tables would be most of the time of a case.
	for _, file := range []string{"runfile", "state", "adopt"} {
		clear := []string{"BEGIN"}
		b.each(t, `SELECT 'DELETE FROM ' || database_name || '.' || schema_name || '.' || table_name FROM duckdb_tables()
			WHERE database_name = '`+file+`' AND NOT (schema_name = 'run' AND table_name = 'info') AND table_name <> 'meta' AND estimated_size > 0
			UNION ALL
			SELECT 'ALTER TABLE ' || schema_name || '.' || table_name || ' ALTER problems SET DEFAULT []' FROM duckdb_columns()
			WHERE database_name = '`+file+`' AND schema_name = 'stage' AND column_name = 'problems' AND column_default IS NULL`,
			func(q string) { clear = append(clear, q) })
		b.Exec(t, strings.Join(append(clear, "COMMIT"), ";\n"))
	}
	var settings []string
	for name, value := range Defaults() {
		settings = append(settings, "('"+name+"', '"+value+"')")
	}
	b.Exec(t, "BEGIN; INSERT INTO run.settings VALUES "+strings.Join(settings, ", ")+`;
		UPDATE run.info SET products_full = true, shop_now = TIMESTAMP '2026-11-24 02:00:00', state_changes = 0, transformed_at = NULL, plan_hash = NULL,
			loaded_at = NULL; COMMIT`)
}

// Defaults are the settings that the SQL reads, as a run without any configuration has them.
func Defaults() map[string]string {
	return map[string]string{
		"sync.map_stockLevel": "true", "sync.use_inventory_source_items": "false", "sync.use_stock_statuses": "true",
		"sync.use_salable_quantity": "true", "sync.warehouse_ids": "", "sync.pullAllOrders": "false", "sync.skip_order_states": "",
		"sync.sync_product_deletions": "false", "sync.create_disabled_products": "true", "sync.order_lines": "items",
		"sync.max_deletions_percent": "10", "load.recreate_missing": "false",
		"guards.band": "on", "guards.max_product_creates": "0", "guards.max_product_updates": "0", "guards.max_sell_orders": "0",
		"run.products": "true", "run.stocks": "true", "run.deletions": "true", "run.sell_orders": "true", "run.allow_deletions": "0",
	}
}

// Set changes a setting of the run. One that the SQL does not read is a mistake of the test.
func (b *Bench) Set(t testing.TB, name, value string) {
	t.Helper()
	if _, known := Defaults()[name]; !known {
		t.Fatalf("setting %q: no SQL reads it", name)
	}
	b.Exec(t, "INSERT OR REPLACE INTO run.settings VALUES (?, ?)", name, value)
}

// Page keeps one answer of Magento. Each is fetched a second after the one before it.
func (b *Bench) Page(t testing.TB, stream, file, body string) {
	t.Helper()
	var pages int
	if err := b.Conn.QueryRowContext(t.Context(), "SELECT count(*) FROM run.pages").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	err := b.Run.SavePage(t.Context(), store.Page{Stream: stream, Part: "full", File: file, FetchedAt: Now().Add(time.Duration(pages) * time.Second), Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
}

// Exec runs statements.
func (b *Bench) Exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := b.Conn.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%v, in:\n%s", err, query)
	}
}

// Table is the result of a query as text: a heading, and a row a line, in aligned columns.
func (b *Bench) Table(t testing.TB, query string, args ...any) string {
	t.Helper()
	table, err := b.table(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%v, in:\n%s", err, query)
	}
	return table
}

func (b *Bench) table(ctx context.Context, query string, args ...any) (string, error) {
	// As text by DuckDB, so that decimals, lists and structs look as they do in its prompt.
	query = "SELECT COLUMNS(*)::VARCHAR FROM (" + strings.TrimSuffix(strings.TrimSpace(query), ";") + "\n)"
	rows, err := b.Conn.QueryContext(ctx, query, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	lines := [][]string{columns}
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		pointers := make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			return "", err
		}
		line := make([]string, len(columns))
		for i, v := range values {
			line[i] = cell(v)
		}
		lines = append(lines, line)
	}
	return align(lines), rows.Err()
}

// cell shows NULL, and quotes a text whose ends or breaks could not be seen.
func cell(v sql.NullString) string {
	switch {
	case !v.Valid:
		return "NULL"
	case v.String == "", v.String == "NULL", v.String != strings.TrimSpace(v.String), strings.HasPrefix(v.String, `"`), strings.ContainsAny(v.String, "\r\n\t"):
		return strconv.Quote(v.String)
	}
	return v.String
}

func align(lines [][]string) string {
	width := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, text := range line {
			width[i] = max(width[i], utf8.RuneCountInString(text))
		}
	}
	var out strings.Builder
	for _, line := range lines {
		var row strings.Builder
		for i, text := range line {
			fmt.Fprintf(&row, "%-*s  ", width[i], text)
		}
		out.WriteString(strings.TrimRight(row.String(), " ") + "\n")
	}
	return out.String()
}

func (b *Bench) each(t testing.TB, query string, do func(string)) {
	t.Helper()
	rows, err := b.Conn.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		do(v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}
