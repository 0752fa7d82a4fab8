package transform_test

import (
	"context"
	"io/fs"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/store/storetest"
	"magento-optiply/transform"
)

// staged is a night whose staging hears of streams one after another. It returns the run's tables.
func staged(t *testing.T, hear ...string) string {
	t.Helper()
	b := storetest.New(t)
	b.Exec(t, "SET threads = 2")
	night(t, b)
	s, err := transform.NewStaging(t.Context(), b.Run.DB, transform.SQL())
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range hear {
		s.Whole(t.Context(), stream)
	}
	s.Wait()
	if _, err := s.Run(t.Context(), storetest.Now(), silent); err != nil {
		t.Fatal(err)
	}
	return planned(t, b)
}

func planned(t *testing.T, b *storetest.Bench) string {
	t.Helper()
	return b.Table(t, "FROM stage.products ORDER BY ALL") + b.Table(t, "FROM stage.order_lines ORDER BY ALL") + b.Table(t, "FROM plan.changes ORDER BY seq") +
		b.Table(t, "SELECT file, checked, rows, text FROM run.steps ORDER BY file") + b.Table(t, "FROM plan.summary")
}

// What is staged while the shop is read, and what in its turn, is the same.
func TestStaging_GivesTheSameInWhateverOrderTheStreamsAreRead(t *testing.T) {
	want := staged(t)
	for _, order := range []string{"products", "products orders stock_items stock_statuses sources source_items", "stock_statuses stock_items orders products", "orders orders"} {
		if diff := cmp.Diff(want, staged(t, strings.Fields(order)...)); diff != "" {
			t.Errorf("read as %s (-in its turn +staged)\n%s", order, diff)
		}
	}
}

// A file waits for all streams that it names, and for the tables of those before it.
func TestStaging_WaitsForWhatAFileReads(t *testing.T) {
	b := storetest.New(t)
	night(t, b)
	tables := func() string {
		return b.Table(t, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'stage' AND database_name = current_database() ORDER BY ALL")
	}
	s, err := transform.NewStaging(t.Context(), b.Run.DB, transform.SQL())
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ hear, want string }{
		{"stock_items", "table_name\n"}, // stage.stock_items comes from both
		{"orders", "table_name\norder_lines\norders\n"},
		{"stock_statuses", "table_name\norder_lines\norders\nsalable_quantities\nstock_items\n"},
	} {
		s.Whole(t.Context(), step.hear)
		s.Wait()
		if got := tables(); got != step.want {
			t.Errorf("after %s there are\n%s, want\n%s", step.hear, got, step.want)
		}
	}
}

// A shop's own file may read anything and be read by those behind it, so these wait for their turn. Own settings do not matter.
func TestStaging_LeavesAShopsOwnFilesToTheirTurn(t *testing.T) {
	b := storetest.New(t)
	night(t, b)
	files := with(t, map[string]string{
		"000_settings.sql": sqlText(t, "000_settings.sql") + "\nSET VARIABLE mine = 'set';",
		"115_stage_own.sql": "-- purpose: of every product one more\n-- inputs:  stage.products\n-- output:  stage.own\n-- grain:   a product\n" +
			"CREATE OR REPLACE TABLE stage.own AS SELECT product_id, getvariable('mine') AS mine FROM stage.products",
	})
	s, err := transform.NewStaging(t.Context(), b.Run.DB, files)
	if err != nil {
		t.Fatal(err)
	}
	s.Whole(t.Context(), "products", "orders")
	s.Wait()
	if got := b.Table(t, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'stage' ORDER BY ALL"); got != "table_name\nproducts\n" {
		t.Errorf("staged are\n%s", got)
	}
	if _, err := s.Run(t.Context(), storetest.Now(), silent); err != nil {
		t.Fatal(err)
	}
	if got := b.Table(t, "SELECT count(*) AS n, min(mine) AS mine FROM stage.own"); got != "n  mine\n4  set\n" {
		t.Errorf("the own file made\n%s", got)
	}
}

// With several threads files run before the transaction, but none that would change what a failure leaves as it was.
func TestRun_LeavesTheStageOfBeforeWhenItsSQLChangedAndALaterFileFails(t *testing.T) {
	for name, changed := range map[string]string{
		"110_stage_products.sql": strings.Replace(sqlText(t, "110_stage_products.sql"), "    name,\n", "    name || '!' AS name,\n", 1),
		"000_settings.sql":       strings.Replace(sqlText(t, "000_settings.sql"), "quantity_of(text) AS ", "quantity_of(text) AS 1 + ", 1),
	} {
		b := storetest.New(t)
		b.Exec(t, "SET threads = 2")
		night(t, b)
		if _, err := transform.Run(t.Context(), b.Run.DB, transform.SQL(), storetest.Now(), silent); err != nil {
			t.Fatal(err)
		}
		look := func() string {
			return b.Table(t, "FROM stage.products ORDER BY ALL") + b.Table(t, "SELECT file, text FROM run.steps ORDER BY file")
		}
		before := look()
		files := map[string]string{name: changed, "515_plan_broken.sql": "SELECT no_such_column FROM plan.changes"}
		if _, err := transform.Run(t.Context(), b.Run.DB, with(t, files), storetest.Now(), silent); err == nil {
			t.Fatal("the broken file ran")
		}
		if diff := cmp.Diff(before, look()); diff != "" {
			t.Errorf("%s (-before +after)\n%s", name, diff)
		}
		delete(files, "515_plan_broken.sql")
		if _, err := transform.Run(t.Context(), b.Run.DB, with(t, files), storetest.Now(), silent); err != nil {
			t.Fatal(err)
		}
		if look() == before {
			t.Errorf("%s: the changed file made the same", name)
		}
	}
}

// While files are staged side by side, and others read, no commit writes the log into the file; afterwards each may again.
func TestStaging_NothingIsWrittenIntoTheFileThatOthersReadMeanwhile(t *testing.T) {
	b := storetest.New(t)
	b.Exec(t, "SET threads = 2")
	night(t, b)
	b.Exec(t, "CHECKPOINT")
	b.Exec(t, "SET GLOBAL wal_autocheckpoint = '1B'")
	log := func() string {
		return strings.Fields(b.Table(t, "SELECT CASE WHEN wal_size = '0 bytes' THEN 'none' ELSE 'some' END AS log FROM pragma_database_size() WHERE database_name = current_database()"))[1]
	}
	if log() != "none" {
		t.Fatal("there is a log before")
	}
	s, err := transform.NewStaging(t.Context(), b.Run.DB, transform.SQL())
	if err != nil {
		t.Fatal(err)
	}
	s.Whole(t.Context(), "products", "orders")
	s.Wait()
	if log() != "some" {
		t.Error("a staged table was written into the file by its commit")
	}
	b.Exec(t, "CREATE TABLE stage.more AS SELECT range AS i FROM range(1000)")
	if log() != "none" {
		t.Error("commits do not write the log into the file any more")
	}
	b.Exec(t, "DROP TABLE stage.more")
}

// On a machine of many cores the reading of the shop is left its connections: those of staging are kept until it ends.
func TestStaging_LeavesConnectionsToTheReading(t *testing.T) {
	b := storetest.New(t)
	b.Exec(t, "SET threads = 16")
	night(t, b)
	before := b.Run.DB.Stats().InUse
	s, err := transform.NewStaging(t.Context(), b.Run.DB, transform.SQL())
	if err != nil {
		t.Fatal(err)
	}
	s.Whole(t.Context(), "products", "orders", "stock_items", "stock_statuses", "sources", "source_items")
	for b.Table(t, "SELECT count(*) AS n FROM duckdb_tables() WHERE schema_name = 'stage' AND database_name = current_database()") != "n\n7\n" {
		if t.Context().Err() != nil {
			t.Fatal("the files are not run")
		}
	}
	if stats := b.Run.DB.Stats(); stats.InUse-before > stats.MaxOpenConnections/2 {
		t.Errorf("staging has %d of %d connections", stats.InUse-before, stats.MaxOpenConnections)
	}
	s.Wait()
	if n := b.Run.DB.Stats().InUse - before; n != 0 {
		t.Errorf("%d connections were not given back", n)
	}
}

// Of a run that was gone on with, the pages that came since are staged, too.
func TestStaging_AnewHasThePagesThatCameSince(t *testing.T) {
	b := storetest.New(t)
	night(t, b)
	for _, test := range []struct{ page, want string }{{"", "n\n4\n"}, {`{"items": [{"id": 5, "sku": "E", "name": "E", "status": 1, "type_id": "virtual"}]}`, "n\n5\n"}} {
		if test.page != "" {
			b.Page(t, "products", "000002.json", test.page)
		}
		s, err := transform.NewStaging(t.Context(), b.Run.DB, transform.SQL())
		if err != nil {
			t.Fatal(err)
		}
		s.Whole(t.Context(), "products")
		s.Wait()
		if got := b.Table(t, "SELECT count(*) AS n FROM stage.products"); got != test.want {
			t.Errorf("there are\n%s, want\n%s", got, test.want)
		}
	}
}

// One that is stopped, or that fails early, runs in its turn.
func TestStaging_WhatFailedRunsInItsTurn(t *testing.T) {
	b := storetest.New(t)
	night(t, b)
	s, err := transform.NewStaging(t.Context(), b.Run.DB, transform.SQL())
	if err != nil {
		t.Fatal(err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	s.Whole(stopped, "products", "orders")
	s.Wait()
	if _, err := s.Run(t.Context(), storetest.Now(), silent); err != nil {
		t.Fatal(err)
	}
	if got := b.Table(t, "SELECT count(*) AS n FROM stage.products"); got != "n\n4\n" {
		t.Errorf("there are\n%s", got)
	}
}

func sqlText(t *testing.T, name string) string {
	t.Helper()
	text, err := fs.ReadFile(transform.SQL(), name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A plan of a whole shop is hashed by the hashes of its changes, and as true to each byte and as blind to where it lies.
func TestSummary_ALargePlansHashChangesWithEveryChange(t *testing.T) {
	b := bench(t)
	b.Exec(t, `INSERT INTO plan.changes BY NAME SELECT range + 1 AS seq, 'create' AS op, 'products' AS entity, range::VARCHAR AS remote_id, ['name'] AS changed FROM range(10000)`)
	hash := func() string {
		sqlFiles(t, b, "520_plan_summary")
		return b.Table(t, "FROM plan.summary")
	}
	first := hash()
	b.Exec(t, "CREATE TEMP TABLE other AS FROM plan.changes; DELETE FROM plan.changes; INSERT INTO plan.changes FROM other ORDER BY seq DESC")
	if got := hash(); got != first {
		t.Errorf("in another order it is %s, and was %s", got, first)
	}
	b.Exec(t, "UPDATE plan.changes SET remote_id = '10000' WHERE seq = 77")
	if got := hash(); got == first || !strings.Contains(got, "10000") {
		t.Errorf("another plan has %s, as had the first", got)
	}
}

// A first transformation commits file by file. Where it fails, nothing of it is left to be taken for a plan, and it can be made.
func TestRun_LeavesNoTablesOfAFirstTransformationThatFails(t *testing.T) {
	want := staged(t)
	b := storetest.New(t)
	b.Exec(t, "SET threads = 2")
	night(t, b)
	b.Exec(t, "ALTER TABLE before.rejects RENAME TO hidden")
	_, err := transform.Run(t.Context(), b.Run.DB, transform.SQL(), storetest.Now(), silent)
	if err == nil || !strings.Contains(err.Error(), "505_plan_candidates.sql") {
		t.Fatalf("without before.rejects: %v", err)
	}
	got := b.Table(t, "SELECT schema_name || '.' || table_name AS name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name IN ('model', 'diff', 'plan') ORDER BY ALL") +
		b.Table(t, "SELECT transformed_at, plan_hash FROM run.info") + b.Table(t, "SELECT count(*) AS steps FROM run.steps") +
		b.Table(t, "SELECT count(*) AS issues FROM run.issues WHERE phase = 'transform'")
	if want := "name\ntransformed_at  plan_hash\nNULL            NULL\nsteps\n0\nissues\n0\n"; got != want {
		t.Errorf("left are\n%s, want\n%s", got, want)
	}
	b.Exec(t, "ALTER TABLE before.hidden RENAME TO rejects")
	s, err := transform.NewStaging(t.Context(), b.Run.DB, transform.SQL())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(t.Context(), storetest.Now(), silent); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, planned(t, b)); diff != "" {
		t.Errorf("made after all (-fresh +here)\n%s", diff)
	}
}

// A stop that comes while the end is committed either leaves the transformation made, or nothing of it.
func TestRun_StoppedAtItsEndLeavesAPlanOrNone(t *testing.T) {
	b := storetest.New(t)
	b.Exec(t, "SET threads = 2")
	night(t, b)
	for i := range 15 {
		b.Exec(t, "UPDATE run.info SET transformed_at = NULL, plan_hash = NULL; DELETE FROM run.steps; DELETE FROM run.issues")
		ctx, cancel := context.WithCancel(t.Context())
		_, err := transform.Run(ctx, b.Run.DB, transform.SQL(), storetest.Now(), func(_ string, done, all int) {
			if done == all {
				time.AfterFunc(time.Duration(2+i*2)*time.Millisecond, cancel)
			}
		})
		cancel()
		got := b.Table(t, "SELECT transformed_at IS NOT NULL AS made FROM run.info") +
			b.Table(t, "SELECT count(*) > 0 AS planned FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = 'plan' AND table_name = 'summary'")
		if got != "made\ntrue\nplanned\ntrue\n" && got != "made\nfalse\nplanned\nfalse\n" {
			t.Fatalf("stopped after %d ms (%v):\n%s", 2+i*2, err, got)
		}
	}
}

// Staging gives DuckDB's settings back, whatever becomes of it.
func TestStaging_GivesTheSettingsBackWhereTheSettingsFileFails(t *testing.T) {
	b := storetest.New(t)
	b.Exec(t, "SET threads = 2")
	night(t, b)
	look := func() string {
		return b.Table(t, "SELECT current_setting('threads') AS threads, current_setting('wal_autocheckpoint') AS log")
	}
	before := look()
	b.Exec(t, "DELETE FROM run.settings WHERE name = 'sync.order_lines'")
	if _, err := transform.Run(t.Context(), b.Run.DB, transform.SQL(), storetest.Now(), silent); err == nil {
		t.Fatal("it ran without a setting")
	}
	if diff := cmp.Diff(before, look()); diff != "" {
		t.Errorf("settings (-before +after)\n%s", diff)
	}
}

// PHP has false for nothing: an answer about no product tells no stock.
func TestStage_FalseIsNoProductId(t *testing.T) {
	b := storetest.New(t)
	b.Clear(t)
	b.Page(t, "products", "000001.json", `{"items": [{"id": 1, "sku": "A", "name": "A", "price": 1, "status": 1, "type_id": "simple"}]}`)
	b.Page(t, "stock_statuses", "000001.json", `{"items": [{"sku": "A", "remote_id": "1", "product_id": false, "qty": 0, "stock_item": {"qty": 0, "manage_stock": true}}]}`)
	b.Exec(t, "INSERT INTO run.coverage VALUES ('products', '', true, 4, 4, NULL)")
	if _, err := transform.Run(t.Context(), b.Run.DB, transform.SQL(), storetest.Now(), silent); err != nil {
		t.Fatal(err)
	}
	want := "stock_level  unknown_because\nNULL         Magento answered without a product, as it does for a disabled one\n"
	if got := b.Table(t, "SELECT stock_level, unknown_because FROM model.stock_levels"); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}
