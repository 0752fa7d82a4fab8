package store

import (
	"strings"
	"testing"
	"testing/fstest"
)

// A run file of before that is written to keeps its rows where its tables lose their keys.
func TestOpenRun_AFileWithKeysKeepsItsRows(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	older := tomorrow(t, "SELECT 1").(fstest.MapFS)
	for name := range older {
		if file, ok := strings.CutPrefix(name, "schema/run/"); ok && file >= "011" {
			delete(older, name)
		}
	}
	s.otherSchema = older
	r := create(t, s, id0)
	do(t, r, `INSERT INTO before.products SELECT i, 'o' || i, 'u' || i, 'n', 's' || i, 'a', i / 7, i % 2 = 0, i, 'enabled', '2024-03-01', i, '{"unit": 1}' FROM range(5000) t(i)`,
		"INSERT INTO before.sell_orders SELECT i, 'o' || i, 'u', '2024-03-01', NULL, i / 7, i FROM range(50) t(i)",
		"INSERT INTO before.stock_answers SELECT i, 's' || i, 'nl', i / 7, NULL, true, 'x', '2024-03-01', 'f' FROM range(50) t(i)",
		"INSERT INTO run.stock_plan (remote_id, sku) SELECT i, 's' || i FROM range(50) t(i)")
	tables := []string{"before.products", "before.sell_orders", "before.stock_answers", "run.stock_plan"}
	rows := func() (all []string) {
		for _, table := range tables {
			all = append(all, ask(t, r, "SELECT list(t ORDER BY remote_id)::VARCHAR FROM "+table+" t"))
		}
		return all
	}
	before := rows()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	s.otherSchema = tomorrow(t, "SELECT 1")
	r, err := s.OpenRun(t.Context(), RunRef{ID: id0, Partial: true}, Options{Run: Write, State: Write})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	after := rows()
	for i, table := range tables {
		equal(t, table, after[i], before[i])
		equal(t, table+" has keys", ask(t, r, "SELECT count(*)::VARCHAR FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY' AND schema_name || '.' || table_name = '"+table+"'"), "0")
	}
	do(t, r, "INSERT INTO run.stock_plan (remote_id, sku) VALUES ('x', 'y')")
	equal(t, "way", ask(t, r, "SELECT way FROM run.stock_plan WHERE remote_id = 'x'"), "skus")
}
