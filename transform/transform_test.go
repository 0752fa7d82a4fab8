package transform_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/store/storetest"
	"magento-optiply/transform"
)

func silent(string, int, int) {}

// with is the embedded SQL with some files added or put in place.
func with(t *testing.T, files map[string]string) fs.FS {
	t.Helper()
	all := fstest.MapFS{}
	names, err := fs.Glob(transform.SQL(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(transform.SQL(), name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = &fstest.MapFile{Data: text}
	}
	for name, text := range files {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

// night fills a bench with a small shop: new, changed and gone products, and orders of them.
func night(t *testing.T, b *storetest.Bench) {
	t.Helper()
	b.Clear(t)
	b.Set(t, "sync.sync_product_deletions", "true")
	b.Page(t, "products", "000001.json", `{"items": [
		{"id": 1, "sku": "A", "name": "A", "price": 19.995, "status": 1, "type_id": "simple", "created_at": "2024-03-01 09:15:00"},
		{"id": 2, "sku": "B", "name": "B", "status": 1, "type_id": "grouped"},
		{"id": 3, "sku": "C", "name": "C", "price": 3, "status": 1, "type_id": "virtual"},
		{"id": 4, "sku": "D", "name": "D", "price": "x", "status": 1, "type_id": "virtual"}]}`)
	b.Page(t, "stock_statuses", "000001.json", `{"items": [{"sku": "A", "remote_id": "1", "product_id": 1, "qty": -8.7, "stock_item": {"qty": 2, "manage_stock": true}}]}`)
	b.Page(t, "orders", "000001.json", `{"items": [
		{"entity_id": 7, "state": "complete", "created_at": "2024-03-01 09:15:00", "updated_at": "2024-03-02 09:15:00", "subtotal": 60, "items": [
			{"item_id": 1, "product_id": 1, "sku": "A", "qty_ordered": 2, "base_row_total": 40}, {"item_id": 2, "product_id": 3, "sku": "C", "qty_ordered": 1, "base_row_total": 20}]},
		{"entity_id": 8, "state": "complete", "created_at": "2024-03-01 09:15:00", "updated_at": "2024-03-02 09:15:00", "subtotal": 60, "items": [
			{"item_id": 3, "product_id": 4, "sku": "D", "qty_ordered": 2, "base_row_total": 40}]}]}`)
	b.Exec(t, `INSERT INTO before.products (remote_id, optiply_id, name, sku_code, article_code, price, unlimited_stock, stock_level, status) VALUES
		('3', '103', 'C', 'C', '3', 2.00, true, 0, 'enabled'), ('9', '109', 'gone', 'I', '9', 1.00, true, 0, 'enabled')`)
	b.Exec(t, "INSERT INTO run.coverage VALUES ('products', '', true, 4, 4, NULL)")
	b.Exec(t, "INSERT INTO run.second_look VALUES ('9', false, TIMESTAMP '2026-11-24 02:00:00')")
}

func TestRun_WorksOutThePlan(t *testing.T) {
	b := storetest.New(t)
	night(t, b)
	var reported []string
	now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	result, err := transform.Run(t.Context(), b.Run.DB, transform.SQL(), now, func(file string, done, all int) {
		if done != len(reported) || all < done {
			t.Errorf("report(%q, %d, %d) after %d reports", file, done, all, len(reported))
		}
		reported = append(reported, file)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `
seq  entity       op       remote_id
1    products     disable  9
2    products     create   1
3    products     create   2
4    products     update   3
5    sell_orders  create   7
`
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), b.Table(t, "SELECT seq, entity, op, remote_id FROM plan.changes ORDER BY seq")); diff != "" {
		t.Error(diff)
	}
	if result.Changes != 5 || len(result.Broken) > 0 {
		t.Errorf("changes %d, broken %v", result.Changes, result.Broken)
	}
	info := b.Table(t, "SELECT transformed_at, plan_hash FROM run.info")
	if !strings.Contains(info, "2026-11-24 03:00:00") || !strings.Contains(info, result.PlanHash) {
		t.Errorf("run.info has\n%s", info)
	}
	if steps := b.Table(t, "SELECT file FROM run.steps ORDER BY file"); len(strings.Fields(steps)) != len(reported) {
		t.Errorf("run.steps has\n%s, and reported were %q", steps, reported)
	}
	for _, s := range result.Steps {
		if s.File == "110_stage_products.sql" && (s.Table != "stage.products" || s.Rows != 4) {
			t.Errorf("step %+v", s)
		}
	}
}

// Invariant 5: the same run file, SQL and settings give the same diff, byte for byte.
func TestRun_IsRepeatable(t *testing.T) {
	tables := []string{"stage.products", "stage.order_lines", "model.products", "model.merged_lines", "model.sell_orders", "diff.products", "diff.deletions",
		"diff.sell_order_lines", "run.issues", "plan.changes", "plan.summary"}
	look := func(b *storetest.Bench) map[string]string {
		if _, err := transform.Run(t.Context(), b.Run.DB, transform.SQL(), storetest.Now(), silent); err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, table := range tables {
			all[table] = b.Table(t, "FROM "+table+map[string]string{"plan.changes": " ORDER BY seq"}[table]) // else in the order in which the rows are stored
		}
		return all
	}
	b := storetest.New(t)
	night(t, b)
	first := look(b)
	if diff := cmp.Diff(first, look(b)); diff != "" {
		t.Errorf("the second transformation of a run differs (-first +second)\n%s", diff)
	}
	other := storetest.New(t)
	other.Exec(t, "SET threads = 4") // a bench has one
	night(t, other)
	if diff := cmp.Diff(first, look(other)); diff != "" {
		t.Errorf("the same run in another place differs (-first +second)\n%s", diff)
	}
}

func TestRun_HashChangesWithEveryByteOfThePlan(t *testing.T) {
	b := storetest.New(t)
	night(t, b)
	if _, err := transform.Run(t.Context(), b.Run.DB, transform.SQL(), storetest.Now(), silent); err != nil {
		t.Fatal(err)
	}
	summary, err := fs.ReadFile(transform.SQL(), "520_plan_summary.sql")
	if err != nil {
		t.Fatal(err)
	}
	hash := func() string {
		b.Exec(t, string(summary))
		return b.Table(t, "SELECT hash FROM plan.summary")
	}
	seen := map[string]string{"nothing": hash()}
	b.Exec(t, "CREATE TABLE plan.kept AS FROM plan.changes")
	for name, change := range map[string]string{
		"seq":           "UPDATE plan.changes SET seq = seq + 1",
		"a value":       `UPDATE plan.changes SET attributes = '{"status":"enabled"}' WHERE seq = 1`,
		"a line":        "UPDATE plan.changes SET lines = replace(lines::VARCHAR, '20.00', '20.01')::JSON WHERE seq = 5",
		"an id":         "UPDATE plan.changes SET optiply_id = '1091' WHERE seq = 1",
		"what was held": "UPDATE plan.changes SET before_change = 1 WHERE seq = 1",
		"the reason":    "UPDATE plan.changes SET reason = reason || '.' WHERE seq = 1",
		"a row less":    "DELETE FROM plan.changes WHERE seq = 5",
	} {
		b.Exec(t, "DELETE FROM plan.changes; INSERT INTO plan.changes FROM plan.kept ORDER BY seq DESC")
		b.Exec(t, change)
		seen[name] = hash()
	}
	names := slices.Sorted(maps.Keys(seen))
	for i, a := range names {
		for _, b := range names[:i] {
			if seen[a] == seen[b] {
				t.Errorf("the plan with %s changed and the one with %s changed have the same hash", a, b)
			}
		}
	}
	// In another order of storage the plan is the same.
	b.Exec(t, "DELETE FROM plan.changes; INSERT INTO plan.changes FROM plan.kept ORDER BY seq DESC")
	if got := hash(); got != seen["nothing"] {
		t.Errorf("the same plan has the hash %s, and had %s", got, seen["nothing"])
	}
}

func TestRun_LeavesTheTablesOfBeforeWhenAFileFails(t *testing.T) {
	b := storetest.New(t)
	night(t, b)
	first, err := transform.Run(t.Context(), b.Run.DB, transform.SQL(), storetest.Now(), silent)
	if err != nil {
		t.Fatal(err)
	}
	look := func() string {
		return b.Table(t, "SELECT seq, entity, remote_id, attributes FROM plan.changes ORDER BY seq") + b.Table(t, "FROM stage.products") + b.Table(t, "FROM run.issues ORDER BY ALL") +
			b.Table(t, "FROM run.steps ORDER BY file") + b.Table(t, "SELECT plan_hash, transformed_at FROM run.info")
	}
	before := look()
	b.Exec(t, "UPDATE before.products SET price = 7")
	_, err = transform.Run(t.Context(), b.Run.DB, with(t, map[string]string{"515_plan_broken.sql": "SELECT no_such_column FROM plan.changes"}), storetest.Now(), silent)
	var failed *transform.SQLError
	if !errors.As(err, &failed) || failed.File != "515_plan_broken.sql" {
		t.Fatalf("got %v, want an error that names 515_plan_broken.sql", err)
	}
	if diff := cmp.Diff(before, look()); diff != "" {
		t.Errorf("a transformation that failed changed something (-before +after)\n%s", diff)
	}
	// And the next one works on the same connections.
	second, err := transform.Run(t.Context(), b.Run.DB, transform.SQL(), storetest.Now(), silent)
	if err != nil {
		t.Fatal(err)
	}
	if second.PlanHash == first.PlanHash {
		t.Error("the plan is the same after what Optiply holds changed")
	}
}

func TestRun_RefusesARunWithoutASetting(t *testing.T) {
	b := storetest.New(t)
	b.Exec(t, "DELETE FROM run.settings WHERE name IN ('run.allow_deletions', 'sync.order_lines')")
	_, err := transform.Run(t.Context(), b.Run.DB, transform.SQL(), storetest.Now(), silent)
	if err == nil || !strings.Contains(err.Error(), "run.settings lacks run.allow_deletions, sync.order_lines") {
		t.Errorf("got %v", err)
	}
}

func TestRun_ReportsABrokenCheck(t *testing.T) {
	b := storetest.New(t)
	night(t, b)
	files := with(t, map[string]string{
		"112_stage_six_check.sql":  "-- one row more than the sample holds\nSELECT range AS remote_id, 'is odd' AS broken FROM range(6)",
		"113_stage_well_check.sql": "SELECT 1 WHERE false",
	})
	result, err := transform.Run(t.Context(), b.Run.DB, files, storetest.Now(), silent)
	if err != nil {
		t.Fatal(err)
	}
	want := []transform.Broken{{File: "112_stage_six_check.sql", Rows: 6, Sample: "0 is odd; 1 is odd; 2 is odd; 3 is odd; 4 is odd"}}
	if diff := cmp.Diff(want, result.Broken); diff != "" {
		t.Error(diff)
	}
	steps := b.Table(t, "SELECT file, checked, rows, sample FROM run.steps WHERE file LIKE '11%_check.sql' ORDER BY file")
	if want := `file                      checked  rows  sample
112_stage_six_check.sql   true     6     0 is odd; 1 is odd; 2 is odd; 3 is odd; 4 is odd
113_stage_well_check.sql  true     0     ""
`; steps != want {
		t.Error(cmp.Diff(want, steps))
	}
}

func TestRun_AHeaderThatPromisesATableIsHeldToIt(t *testing.T) {
	b := storetest.New(t)
	_, err := transform.Run(t.Context(), b.Run.DB, with(t, map[string]string{"115_stage_none.sql": "-- output:  stage.none\nSELECT 1"}), storetest.Now(), silent)
	if err == nil || !strings.Contains(err.Error(), "its header promises the table stage.none") {
		t.Errorf("got %v", err)
	}
}

func TestOverlay_ReplacesAndAddsFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a [folder] * of mine")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"520_plan_summary.sql": "-- output:  plan.summary\nCREATE OR REPLACE TABLE plan.summary AS SELECT 'replaced' AS hash, 0::BIGINT AS changes",
		"115_stage_mine.sql":   "-- output:  stage.mine\nCREATE OR REPLACE TABLE stage.mine AS SELECT count(*) AS n FROM stage.products",
		"notes.txt":            "no SQL",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := transform.Overlay(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := storetest.New(t)
	night(t, b)
	result, err := transform.Run(t.Context(), b.Run.DB, files, storetest.Now(), silent)
	if err != nil {
		t.Fatal(err)
	}
	if result.PlanHash != "replaced" {
		t.Errorf("the hash is %q: the file was not replaced", result.PlanHash)
	}
	if got := b.Table(t, "FROM stage.mine"); got != "n\n4\n" {
		t.Errorf("the added file ran to\n%s", got)
	}
	embedded, err := fs.Glob(transform.SQL(), "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	overlaid, err := fs.Glob(files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if want := append(embedded, "115_stage_mine.sql"); !cmp.Equal(slices.Sorted(slices.Values(want)), overlaid) {
		t.Error(cmp.Diff(want, overlaid))
	}
}

func TestOverlay_RefusesAFolderWithoutSQL(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "not there")} {
		if _, err := transform.Overlay(dir); err == nil || !strings.Contains(err.Error(), "your own SQL") || !strings.Contains(err.Error(), dir) {
			t.Errorf("Overlay(%s): %v", dir, err)
		}
	}
}
