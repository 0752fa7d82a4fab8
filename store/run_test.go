package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"
)

func TestFinish_RenamesTheRunAndKeepsItOpen(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := create(t, s, id0)
	page(t, r, "products", "1.json", `{"items":[{"id":7}]}`)
	var all sync.WaitGroup // several connections that know the run file as theirs
	for range 6 {
		all.Go(func() {
			if _, err := r.DB.ExecContext(context.Background(), "SELECT count(*) FROM range(100000)"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	db := r.DB
	if err := r.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.DB != db || r.Partial {
		t.Error("the run is another, or is partial")
	}
	isNotThere(t, s.runPath(id0, true))
	isNotThere(t, s.runPath(id0, true)+".wal")
	do(t, r, "INSERT INTO run.settings VALUES ('a', 'b')", "INSERT INTO state.bookmarks VALUES ('orders', '', '2026-11-23', 'r', '2026-11-23')")
	all = sync.WaitGroup{}
	for range 6 {
		all.Go(func() { equal(t, "on another connection", ask(t, r, "SELECT key FROM raw.products"), "7") })
	}
	all.Wait()
	if err := r.Finish(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	isNotThere(t, s.runPath(id0, false)+".wal")
	isNotThere(t, s.statePath()+".wal")
	ref, err := s.Latest()
	if err != nil || ref.Partial || ref.ID != id0 {
		t.Fatalf("got %v, %v", ref, err)
	}
	again, err := s.OpenRun(t.Context(), ref, Options{Run: Read, State: Read})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	equal(t, "read again", ask(t, again, "SELECT value || key FROM run.settings, raw.products"), "b7")
	equal(t, "state", ask(t, again, "SELECT stream FROM state.bookmarks"), "orders")
	if _, err := again.DB.ExecContext(t.Context(), "DELETE FROM run.settings"); err == nil {
		t.Error("a reader wrote")
	}
}

func TestFinish_ThatFailsLeavesThePartialRunOpen(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := create(t, s, id0)
	if err := os.MkdirAll(filepath.Join(s.runPath(id0, false), "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := r.Finish(t.Context()); err == nil || !r.Partial {
		t.Fatalf("got %v, partial %v", err, r.Partial)
	}
	do(t, r, "INSERT INTO run.settings VALUES ('a', 'b')")
	if err := os.RemoveAll(s.runPath(id0, false)); err != nil {
		t.Fatal(err)
	}
	if err := r.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, "settings", ask(t, r, "SELECT value FROM run.settings"), "b")
}

func TestCreateRun_ThatIsThereAlreadyIsRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	finished(t, s, id0)
	again := create(t, s, "20261123T020001Z")
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := s.CreateRun(t.Context(), again.ID, "test", start0)
	contains(t, err, "it is there already")
	if _, err := s.LatestPartial(); err != nil {
		t.Errorf("the run that was there is gone: %v", err)
	}
}

func TestOpenRun_ThatAnotherProcessWritesIsBusy(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	finished(t, s, id0)
	o := start(t, s, "write a run")
	equal(t, "the other", o.said, "open")
	ref, err := s.Latest()
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.OpenRun(t.Context(), ref, Options{Run: Read})
	if !IsBusy(err) {
		t.Fatalf("got %v", err)
	}
	contains(t, err, s.runPath(id0, false)+" is open in process ")
	o.kill()
	r, err := s.OpenRun(t.Context(), ref, Options{Run: Read})
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
}

func TestOpenRun_OfANewerProgramIsRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := create(t, s, id0)
	do(t, r, "UPDATE run.info SET schema_version = 99")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := s.OpenRun(t.Context(), RunRef{ID: id0, Partial: true}, Options{Run: Read})
	var newer *NewerError
	if !errors.As(err, &newer) {
		t.Fatalf("got %v", err)
	}
	contains(t, err, s.runPath(id0, true)+fmt.Sprintf(" has schema version 99, and this program knows up to %d", today(t, "run")))
}

func TestOpenRun_AnOlderFileIsReadAsItIsAndMigratedToBeWritten(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	older := tomorrow(t, "SELECT 1").(fstest.MapFS)
	for name := range older {
		if strings.HasPrefix(name, "schema/run/") && name != "schema/run/001_first.sql" {
			delete(older, name)
		}
	}
	s.otherSchema = older
	r := create(t, s, id0)
	body := `{"items":[{"id":7}]}`
	if err := os.MkdirAll(filepath.Join(r.PagesDir(), "products"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.PagesDir(), "products", "1.json"), []byte(body), 0o640); err != nil {
		t.Fatal(err)
	}
	do(t, r, fmt.Sprintf("INSERT INTO run.pages VALUES ('products', '', 'full', '1.json', 1, %d, '7', '2026-11-23')", len(body)))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	s.otherSchema = tomorrow(t, "SELECT 1")
	ref := RunRef{ID: id0, Partial: true}
	old, err := s.OpenRun(t.Context(), ref, Options{Run: Read})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "read", ask(t, old, "SELECT key || schema_version FROM raw.products, run.info"), "71")
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	r, err = s.OpenRun(t.Context(), ref, Options{Run: Write, State: Write})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	equal(t, "migrated", ask(t, r, "SELECT key || schema_version || coalesce(bookmarks_at::VARCHAR, ' unknown') FROM raw.products, run.info"), fmt.Sprintf("7%d unknown", today(t, "run")))
	if err := r.CopyBefore(t.Context(), start0); err != nil {
		t.Error(err)
	}
}

func TestCopyBefore_KeepsWhatTheShopWasAskedBy(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := create(t, s, id0)
	do(t, r, "INSERT INTO state.runs (run_id, started_at, command, phase) VALUES ('r', '2026-11-22', 'run', 'done')",
		"INSERT INTO state.bookmarks VALUES ('orders', '', '2026-11-23', 'r', '2026-11-23')",
		"INSERT INTO state.parked (entity, remote_id, sku, kind, reason, run_id, first_at, last_at, times) VALUES ('products', '7', 'A', 'held', 'because', 'r', '2026-11-23', '2026-11-23', 1)")
	copied := func() {
		t.Helper()
		if err := r.CopyBefore(t.Context(), start0); err != nil {
			t.Fatal(err)
		}
		equal(t, "bookmarks", ask(t, r, "SELECT stream || ' ' || value || ' ' || began FROM before.bookmarks"), "orders 2026-11-23 00:00:00 2026-11-22 00:00:00")
		equal(t, "parked", ask(t, r, "SELECT entity || remote_id || sku || kind || reason FROM before.parked"), "products7Aheldbecause")
	}
	copied()
	copied()
	do(t, r, "UPDATE run.info SET extracted_at = '2026-11-24'", "DELETE FROM state.parked",
		"INSERT OR REPLACE INTO state.bookmarks VALUES ('orders', '', '2026-11-24', 's', '2026-11-24')")
	copied()
}

func TestOpenRun_OfAnotherProgramsFileIsRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	state := openState(t, s, Write)
	do(t, state, "ATTACH '"+s.runPath(id0, false)+"' AS other", "CREATE TABLE other.a (b INT)", "DETACH other")
	_, err := s.OpenRun(t.Context(), RunRef{ID: id0}, Options{Run: Read})
	contains(t, err, s.runPath(id0, false)+" holds no run")
}

func TestRemove_TakesTheRunsFilesAndNoOthers(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, id := range []string{id0, "20261124T020000Z"} {
		r := create(t, s, id)
		page(t, r, "products", "1.json", `{"items":[]}`)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Remove(RunRef{ID: id0, Partial: true}); err != nil {
		t.Fatal(err)
	}
	isNotThere(t, s.runPath(id0, true))
	isNotThere(t, s.PagesDir(id0))
	r, err := s.OpenRun(t.Context(), RunRef{ID: "20261124T020000Z", Partial: true}, Options{Run: Write})
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	if err := s.Remove(RunRef{ID: id0, Partial: true}); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestPutSettings_AndCopyBefore(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	state := openState(t, s, Write)
	do(t, state, `INSERT INTO state.products (remote_id, optiply_id, name, price, run_id, acknowledged_at, change) VALUES ('5', 'o5', 'O''Neill', 1.5, 'r', '2026-11-01', 9)`,
		`INSERT INTO state.sell_orders (remote_id, optiply_id, total_value, run_id, acknowledged_at, change) VALUES ('6', 'o6', 2, 'r', '2026-11-01', 8)`,
		`INSERT INTO state.ledger (seq, happened_at, run_id, plan_hash, entity, op, remote_id, state, attempt) VALUES (9, '2026-11-01', 'r', 'h', 'products', 'create', '5', 'sent', 1)`)
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	r := create(t, s, id0)
	for range 2 { // copied again before each diff
		if err := r.CopyBefore(t.Context(), start0); err != nil {
			t.Fatal(err)
		}
		if err := r.PutSettings(t.Context(), map[string]string{"a": "it's", "b": "é\n"}); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "before", ask(t, r, "SELECT p.name || p.price || o.optiply_id FROM before.products p, before.sell_orders o"), "O'Neill1.50o6")
	equal(t, "info", ask(t, r, "SELECT state_changes || ' ' || before_at || ' ' || shop || ' ' || started_at FROM run.info"), "9 2026-11-23 02:00:00 demo 2026-11-23 02:00:00")
	equal(t, "settings", ask(t, r, "SELECT name || value FROM run.settings ORDER BY 1"), "ait's bé\n")
}

func TestSavePage_RawTablesHaveOneRowARecord(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := create(t, s, id0)
	keys := map[string]string{"products": "id", "stock_statuses": "sku", "stock_items": "product_id", "source_items": "sku", "sources": "source_code", "orders": "entity_id",
		"customers": "id", "invoices": "entity_id", "credit_memos": "entity_id", "categories": "id", "sales_rules": "rule_id", "coupons": "coupon_id", "websites": "id",
		"stores": "id", "store_configs": "id", "product_attributes": "attribute_id"}
	for stream, key := range keys {
		equal(t, stream+" when nothing was read", ask(t, r, "SELECT count(*) FROM raw."+stream), "0")
		body := fmt.Sprintf(`{"items":[{"%s":"k1","x":{"y":[1]}},{"%[1]s":2}],"total_count":2}`, key)
		if stream == "stores" || stream == "websites" || stream == "store_configs" {
			body = strings.TrimSuffix(strings.TrimPrefix(body, `{"items":`), `,"total_count":2}`)
		}
		page(t, r, stream, "a.json", body)
		equal(t, stream, ask(t, r, "SELECT store_code || ',' || key || ',' || item || ',' || fetched_at FROM raw."+stream+" ORDER BY key DESC"),
			fmt.Sprintf(`b2b,k1,{"%s":"k1","x":{"y":[1]}},2026-11-23 02:00:00 b2b,2,{"%[1]s":2},2026-11-23 02:00:00`, key))
		equal(t, stream+"'s columns", ask(t, r, "SELECT column_name || ' ' || data_type FROM duckdb_columns() WHERE database_name = 'runfile' AND schema_name = 'raw' AND table_name = '"+stream+"'"),
			"store_code VARCHAR key VARCHAR item JSON fetched_at TIMESTAMP")
	}
}

func TestSavePage_OnlyPagesThatWereSavedWholeAreSeen(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := create(t, s, id0)
	page(t, r, "products", "1.json", `{"items":[{"id":1}]}`)
	page(t, r, "orders", "1.json", `{"items":[{"entity_id":1}]}`)
	dir := filepath.Join(r.PagesDir(), "products")
	for name, body := range map[string]string{"2.json": `{"items":[{"id":2}]}`, "3.json": `{"ite`, "4.json.tmp": `{"items":[{"id":4}]}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "products", ask(t, r, "SELECT key FROM raw.products"), "1")
	page(t, r, "products", "2.json", `{"items":null,"total_count":0}`) // over a left-over
	equal(t, "products", ask(t, r, "SELECT key FROM raw.products"), "1")
	isNotThere(t, filepath.Join(dir, "1.json.tmp"))

	// The same page twice is an error, and leaves the first.
	err := r.SavePage(t.Context(), Page{Stream: "orders", Part: "full", File: "1.json", FetchedAt: start0, Body: []byte(`{"items":[{"entity_id":2}]}`)})
	if err == nil {
		t.Error("a page was saved twice")
	}
}

func TestOpenRun_MissesNoPageFileWithoutAWord(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := create(t, s, id0)
	page(t, r, "products", "1.json", `{"items":[{"id":1}]}`)
	page(t, r, "products", "2.json", `{"items":[{"id":2}]}`)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(s.PagesDir(id0), "products", "2.json")
	ref := RunRef{ID: id0, Partial: true}
	if err := os.WriteFile(file, []byte(`{"ite`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := s.OpenRun(t.Context(), ref, Options{Run: Write})
	contains(t, err, "has a damaged page file: "+file+" has 5 bytes instead of 20")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, err = s.OpenRun(t.Context(), ref, Options{Run: Write})
	contains(t, err, "misses a page file: put it back, or start a new run")
	reader, err := s.OpenRun(t.Context(), ref, Options{Run: Read}) // who only looks may look
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	equal(t, "what is there", ask(t, reader, "SELECT key FROM raw.products"), "1")
}

func TestOpenRun_MovedElsewhereStillAnswers(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := create(t, s, id0)
	page(t, r, "products", "1.json", `{"items":[{"id":1}]}`)
	if err := r.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "else where")
	if err := os.Rename(filepath.Dir(s.Dir), elsewhere); err != nil {
		t.Fatal(err)
	}
	moved, err := Open(elsewhere, "demo")
	if err != nil {
		t.Fatal(err)
	}
	again, err := moved.OpenRun(t.Context(), RunRef{ID: id0}, Options{Run: Write, State: Write})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	equal(t, "products", ask(t, again, "SELECT key FROM raw.products"), "1")
}

// spill makes a table that does not fit into memory.
func spill(t *testing.T, r *Run) {
	t.Helper()
	do(t, r, "SET memory_limit = '60MB'", "CREATE TEMP TABLE big AS SELECT range AS i, hash(range)::VARCHAR || hash(range + 1) AS t FROM range(1500000)")
}

// Two that spilled into one folder crashed, and a connection that named the folder anew was refused.
func TestRun_SpillsIntoAFolderOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	finished(t, s, id0)
	a := openState(t, s, Read)
	b, err := s.OpenRun(t.Context(), RunRef{ID: id0}, Options{Run: Read})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := a.DB.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "SET memory_limit = '60MB'; CREATE TEMP TABLE big AS SELECT range AS i, hash(range)::VARCHAR || hash(range + 1) AS t FROM range(1500000)"); err != nil {
		t.Fatal(err)
	}
	b.DB.SetMaxOpenConns(1)
	spill(t, b)
	dirs, _ := filepath.Glob(filepath.Join(s.Dir, "tmp-*"))
	if len(dirs) != 2 {
		t.Errorf("spilled into %q", dirs)
	}
	var sum string
	if err := conn.QueryRowContext(t.Context(), "SELECT (sum(i) || max(t))::VARCHAR FROM big").Scan(&sum); err != nil {
		t.Fatal(err)
	}
	equal(t, "sum", ask(t, b, "SELECT (sum(i) || max(t))::VARCHAR FROM big"), sum)
	equal(t, "on a new connection", ask(t, a, "SELECT count(*) FROM state.runs"), "0")
	_ = conn.Close()
	_ = a.Close()
	_ = b.Close()
	if dirs, _ := filepath.Glob(filepath.Join(s.Dir, "tmp-*")); len(dirs) > 0 {
		t.Errorf("left behind: %q", dirs)
	}
}

// mount gives a small disk of its own, to root.
func mount(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("no disk to fill: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

func TestStore_AFullDiskIsOneSentenceAndTheStateStaysUsable(t *testing.T) {
	dir := mount(t, "6m")
	s, err := Open(dir, "demo")
	if err != nil {
		t.Fatal(err)
	}
	state := openState(t, s, Write)
	do(t, state, "INSERT INTO state.bookmarks VALUES ('orders', '', '2026-11-23', 'r', '2026-11-23')")
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	r := create(t, s, id0)
	full := ": the disk is full; free some space and run the same command again; `run` and `extract` go on with --resume"
	saved := 0
	for ; err == nil; saved++ {
		body := fmt.Sprintf(`{"items":[{"id":%d,"x":%q}]}`, saved, strings.Repeat("x", 200_000))
		err = r.SavePage(t.Context(), Page{Stream: "products", Part: "full", File: fmt.Sprintf("%03d.json", saved), FetchedAt: start0, Body: []byte(body)})
	}
	contains(t, err, full)
	var e *FullError
	if !errors.As(err, &e) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %#v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(r.PagesDir(), "products", "*.tmp")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	filler, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(filler, strings.NewReader(strings.Repeat("x", 8<<20)))
	_ = filler.Close()
	if err := r.PutSettings(t.Context(), map[string]string{"big": strings.Repeat("x", 1<<20)}); err == nil || !strings.Contains(err.Error(), "No space left") || len(err.Error()) > 1000 {
		t.Errorf("got %.300v", err)
	}
	if err := r.PublishState(t.Context()); err == nil {
		t.Error("the state was published to a full disk")
	}
	_ = r.Close() // it may fail, and must not break anything
	_, err = s.CreateRun(t.Context(), "20261124T020000Z", "test", start0)
	if err == nil {
		t.Error("a run was made on a full disk")
	}
	if _, err := os.Stat(s.runPath("20261124T020000Z", true)); err == nil {
		t.Error("half a run was left")
	}
	lock, err := s.Lock("run", start0)
	if err == nil {
		_ = lock.Release()
	}

	if err := os.Remove(filepath.Join(dir, "filler")); err != nil {
		t.Fatal(err)
	}
	state = openState(t, s, Write)
	equal(t, "the state", ask(t, state, "SELECT stream FROM state.bookmarks"), "orders")
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := s.OpenRun(t.Context(), RunRef{ID: id0, Partial: true}, Options{Run: Write, State: Write})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	equal(t, "pages that were saved", ask(t, again, "SELECT count(*) FROM raw.products"), fmt.Sprint(saved-1))
}

func TestStore_AFolderThatMayNotBeWrittenCanBeRead(t *testing.T) {
	dir := mount(t, "16m")
	s, err := Open(dir, "demo")
	if err != nil {
		t.Fatal(err)
	}
	finished(t, s, id0)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Skip(err)
	}
	if s, err = Open(dir, "demo"); err != nil {
		t.Fatal(err)
	}
	r, err := s.OpenRun(t.Context(), RunRef{ID: id0}, Options{Run: Read, State: Read})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "runs", ask(t, r, "SELECT run_id FROM run.info"), id0)
	_ = r.Close()
	_, err = s.Lock("run", time.Now())
	contains(t, err, "read-only file system")
	_, err = s.CreateRun(t.Context(), "20261124T020000Z", "test", start0)
	contains(t, err, "read-only file system")
	_, err = s.OpenState(t.Context(), Write)
	if err == nil {
		t.Error("the state was opened for writing")
	}
}

// 1,200 pages of 220 kB did not fit into the memory that DuckDB is given.
func TestRun_ReadsAStreamThatIsLargerThanItsMemory(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := create(t, s, id0)
	do(t, r, "SET memory_limit = '200MB'")
	const pages, rows = 300, 300
	item := fmt.Sprintf(`,"x":%q}`, strings.Repeat("x", 700))
	for p := range pages {
		var body strings.Builder
		for i := range rows {
			fmt.Fprintf(&body, `,{"entity_id":%d%s`, p*rows+i, item)
		}
		_ = os.MkdirAll(filepath.Join(s.PagesDir(id0), "orders"), 0o700)
		if err := os.WriteFile(filepath.Join(s.PagesDir(id0), "orders", fmt.Sprintf("window-%06d.json", p)), []byte(`{"items":[`+body.String()[1:]+`]}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	do(t, r, fmt.Sprintf("INSERT INTO run.pages SELECT 'orders', '', 'window', format('window-{:06d}.json', range), %d, 1, '', '2026-11-23', NULL FROM range(%d)", rows, pages))
	equal(t, "orders", ask(t, r, "SELECT count(DISTINCT key) FROM raw.orders"), fmt.Sprint(pages*rows))
}

func TestLimits_AreWhatDuckDBMayTake(t *testing.T) {
	s := newShop(t)
	s.Limits = Limits{MemoryMB: 128, Threads: 1}
	run := create(t, s, "20261124T020000Z")
	equal(t, "memory and threads", ask(t, run, "SELECT current_setting('memory_limit') || ', ' || current_setting('threads')"), "122.0 MiB, 1")
}

// A small shop's run file is made of small blocks, because each table has some of its own.
func TestCreateRun_ASmallShopsFileHasSmallBlocks(t *testing.T) {
	t.Parallel()
	for products, want := range map[int]string{0: "262144", 1: "65536", smallShop: "65536", smallShop + 1: "262144"} {
		s := newShop(t)
		state, err := s.OpenState(t.Context(), Write)
		if err != nil {
			t.Fatal(err)
		}
		do(t, state, fmt.Sprintf("INSERT INTO state.products BY NAME SELECT range::VARCHAR AS remote_id, range::VARCHAR AS optiply_id, 'r' AS run_id, now()::TIMESTAMP AS acknowledged_at, 0 AS change FROM range(%d)", products))
		if err := state.Close(); err != nil {
			t.Fatal(err)
		}
		run := create(t, s, id0)
		size := func(r *Run) string {
			return ask(t, r, "SELECT block_size FROM pragma_database_size() WHERE database_name = 'runfile'")
		}
		equal(t, fmt.Sprintf("%d products: block size", products), size(run), want)
		without := map[bool]string{false: "", true: "Dictionary"}[products > smallShop]
		equal(t, fmt.Sprintf("%d products: compressed without", products), ask(t, run, "SELECT current_setting('disabled_compression_methods')"), without)
		do(t, run, "CREATE TABLE model.products AS SELECT range AS n, repeat('x', 1000) AS text FROM range(1000)")
		if err := run.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		equal(t, "after it was let go and taken up again", size(run)+" "+ask(t, run, "SELECT count(*) FROM model.products WHERE length(text) = 1000"), want+" 1000")
		if err := run.Close(); err != nil {
			t.Fatal(err)
		}
		read, err := s.OpenRun(t.Context(), RunRef{ID: id0}, Options{Run: Read, State: Read})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "read", ask(t, read, "SELECT count(*) FROM model.products"), "1000")
		if err := read.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A shop whose limits were given keeps them; another gets all back.
func TestLean_IsForAWhile(t *testing.T) {
	s := newShop(t)
	run := create(t, s, "20261124T020000Z")
	look := func(r *Run) string {
		return ask(t, r, "SELECT current_setting('memory_limit') || ', ' || current_setting('threads')")
	}
	usual := look(run)
	for _, mb := range []int{170, 200, 0} {
		if err := run.Lean(t.Context(), mb); err != nil {
			t.Fatal(err)
		}
		if err := run.FreeMemory(t.Context()); err != nil { // which leaves it so
			t.Fatal(err)
		}
		want := map[int]string{170: "162.1 MiB, 1", 200: "190.7 MiB, 1", 0: usual}[mb]
		equal(t, fmt.Sprintf("lean %d", mb), look(run), want)
	}
	given := newShop(t)
	given.Limits = Limits{MemoryMB: 128, Threads: 2}
	run = create(t, given, "20261124T020000Z")
	if err := run.Lean(t.Context(), 170); err != nil {
		t.Fatal(err)
	}
	equal(t, "with limits given", look(run), "122.0 MiB, 2")
}
