package recording

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"magento-optiply/magento/magentotest"
	"magento-optiply/store"
)

var night0 = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

// newRun makes a run that has read what is on the pages.
func newRun(t *testing.T, pages map[string][]string) *store.Run {
	t.Helper()
	shop, err := store.Open(t.TempDir(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	run, err := shop.CreateRun(t.Context(), "20261123T020000Z", "test", night0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.Close() })
	for stream, bodies := range pages {
		for i, body := range bodies {
			err := run.SavePage(t.Context(), store.Page{Stream: stream, Part: "full", File: fmt.Sprintf("full-%06d.json", i+1), Rows: 1,
				FetchedAt: night0.Add(time.Duration(i) * time.Second), Body: []byte(body)})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	do(t, run, "UPDATE run.info SET shop_now = '2026-11-23 02:00:00', products_full = true, bookmarks_at = '2026-11-23 02:00:00', extracted_at = '2026-11-23 02:10:00'")
	if err := run.PutSettings(t.Context(), map[string]string{"magento.store_url": "https://www.shop.nl", "magento.overlap": "10m", "optiply.account_id": "98", "sync.order_lines": "items"}); err != nil {
		t.Fatal(err)
	}
	if err := run.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	return run
}

func do(t *testing.T, run *store.Run, statements ...string) {
	t.Helper()
	for _, q := range statements {
		if _, err := run.DB.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

func write(t *testing.T, run *store.Run) (string, *Result) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "set")
	result, err := Write(t.Context(), run, dir, NewMask([]byte("0123456789abcdef"), "www.shop.nl"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir, result
}

// TestWrite_NoPersonIsInAnyFile goes through the whole set, unpacked, for every value that was in the shop.
func TestWrite_NoPersonIsInAnyFile(t *testing.T) {
	t.Parallel()
	order := strings.Replace(personal, `"id":7`, `"entity_id":7`, 1)
	run := newRun(t, map[string][]string{
		"customers":     {`{"items":[` + personal + `]}`},
		"orders":        {`{"items":[` + order + `]}`}, // of a shop that knows no fields=
		"invoices":      {`{"items":[` + order + `]}`},
		"credit_memos":  {`{"items":[` + order + `]}`},
		"sources":       {`{"items":[{"source_code":"a","name":"A","email":"Wilhelmina@provider.nl","contact_name":"Kortekaas","postcode":"3581 XK"}]}`},
		"store_configs": {`[{"id":1,"code":"default","base_url":"https://www.shop.nl/"}]`},
		"products":      {`{"items":[{"id":1,"sku":"A","name":"Bag","custom_attributes":[{"attribute_code":"description","value":"Wilhelmina@provider.nl, www.shop.nl"}]}]}`},
	})
	do(t, run, `INSERT INTO run.stock_misses VALUES ('A', '1', false, 'the shop refuses this SKU: HTTP 500: Wilhelmina@provider.nl wrote at www.shop.nl', now()::TIMESTAMP)`,
		`INSERT INTO before.parked VALUES ('sell_orders', '7', NULL, 'rejected', 'the name Kortekaas is too long')`,
		`INSERT INTO before.rejects VALUES ('sell_orders', '7', 'refused', 'h', 400, E'see\nWilhelmina@provider.nl at www.shop.nl', NULL)`)
	dir, _ := write(t, run)
	values := append(personalValues(), "www.shop.nl", `"98"`)
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		text, err := os.ReadFile(path)
		holdsNone(t, path, path, values)
		holdsNone(t, path, string(text), values)
		return err
	})
	if err != nil || n < 8 {
		t.Errorf("%d files, %v", n, err)
	}
	if _, err := magentotest.Load(os.DirFS(dir)); err != nil {
		t.Error(err)
	}
}

func TestWrite_OfTwoReadingsOneCounts(t *testing.T) {
	t.Parallel()
	run := newRun(t, map[string][]string{
		"products": {`{"items":[{"id":1,"sku":"A","price":1.50,"updated_at":"2026-11-22 10:00:00"},{"id":2,"sku":"B","price":1,"updated_at":"2026-11-22 10:00:00"}]}`,
			`{"items":[{"id":1,"sku":"A","price":2,"updated_at":"2026-11-21 10:00:00"},{"id":2,"sku":"B","price":2.00,"updated_at":"2026-11-22 10:00:00"}]}`},
		"source_items": {`{"items":[{"sku":"A","source_code":"x","quantity":1},{"sku":"B","source_code":"x","quantity":1}]}`,
			`{"items":[{"sku":"B","source_code":"x","quantity":2},{"sku":"b","source_code":"X","quantity":3},[]]}`},
	})
	dir, result := write(t, run)
	for file, want := range map[string]string{
		"products.ndjson": `{"id":1,"sku":"A","price":1.50,"updated_at":"2026-11-22 10:00:00","extension_attributes":{"website_ids":[1]}}` + "\n" +
			`{"id":2,"sku":"B","price":2.00,"updated_at":"2026-11-22 10:00:00","extension_attributes":{"website_ids":[1]}}` + "\n",
		"source_items.ndjson": `{"source_item_id":1,"sku":"A","source_code":"x","quantity":1}` + "\n" + `{"source_item_id":2,"sku":"B","source_code":"x","quantity":2}` + "\n",
	} {
		got, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || string(got) != want {
			t.Errorf("%s: %v\n%swant\n%s", file, err, got, want)
		}
	}
	if len(result.Lost) != 1 || !strings.HasPrefix(result.Lost[0], "2 records of source_items have no key") {
		t.Errorf("lost: %v", result.Lost)
	}
}

func TestWrite_IsWholeOrNotThere(t *testing.T) {
	t.Parallel()
	run := newRun(t, map[string][]string{"products": {`{"items":[{"id":1,"sku":"A"}]}`, `{"items":`}})
	parent := t.TempDir()
	_, err := Write(t.Context(), run, filepath.Join(parent, "set"), NewMask([]byte("k"), ""), nil)
	if err == nil {
		t.Error("a page that is no JSON was recorded")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Write(ctx, run, filepath.Join(parent, "set"), NewMask([]byte("k"), ""), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after Ctrl-C", err)
	}
	left, err := os.ReadDir(parent)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestWrite_RefusesARunThatDidNotEnd(t *testing.T) {
	t.Parallel()
	shop, err := store.Open(t.TempDir(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	run, err := shop.CreateRun(t.Context(), "20261123T020000Z", "test", night0)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	_, err = Write(t.Context(), run, filepath.Join(t.TempDir(), "set"), NewMask([]byte("k"), ""), nil)
	var cannot *NotRecordableError
	if !errors.As(err, &cannot) || !strings.Contains(err.Error(), "--resume") {
		t.Errorf("error %v", err)
	}
}

// A run file from before there was a copy of the bookmarks tells them by its windows.
func TestWrite_OfAnOlderRunFileTellsWhatItLacks(t *testing.T) {
	t.Parallel()
	run := newRun(t, nil)
	do(t, run, "UPDATE run.info SET schema_version = 1, bookmarks_at = NULL, products_full = false", "DROP TABLE before.bookmarks", "DROP TABLE before.parked", "DROP TABLE before.unadopted", "DROP TABLE before.rejects",
		`INSERT INTO run.streams (stream, store_code, part, window_start, window_end) VALUES ('orders', 'nl', 'window', '2026-11-22 01:50:00', '2026-11-23 01:59:00')`,
		`INSERT INTO run.issues (phase, kind, entity, remote_id, value, reason) VALUES ('extract', 'quarantined', 'orders', '9', 'nl', 'x')`)
	err := run.SavePage(t.Context(), store.Page{Stream: "orders", Part: "ids", File: "ids-000001.json", FetchedAt: night0, Body: []byte(`{"items":[{"entity_id":12}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	waits := func(id string) string {
		return `{"entity":"sell_orders","remote_id":"` + id + `","sku":null,"kind":"held","reason":null,"cause":null,"change_hash":null,"status":null,"decision":null}` + "\n"
	}
	dir, result := write(t, run)
	if len(result.Lost) != 1 || !strings.Contains(result.Lost[0], "older than the copy of the bookmarks") {
		t.Errorf("lost: %v", result.Lost)
	}
	for file, want := range map[string]string{
		"bookmarks.ndjson": `{"stream":"orders","store_code":"nl","value":"2026-11-22 02:00:00"}` + "\n",
		"parked.ndjson":    waits("12") + waits("9"),
	} {
		got, err := os.ReadFile(filepath.Join(dir, "state", file))
		if err != nil || string(got) != want {
			t.Errorf("%s: %v\n%swant\n%s", file, err, got, want)
		}
	}
}

func TestSeed_GivesAStateThatIsCopiedAsItWas(t *testing.T) {
	t.Parallel()
	run := newRun(t, nil)
	do(t, run,
		`INSERT INTO before.products SELECT i::VARCHAR, (i + 100)::VARCHAR, NULL, 'É ' || i, 'S' || i, i::VARCHAR, i / 3, i % 2 = 0, i - 50, 'enabled', '2024-03-01 09:15:00', i, CASE i WHEN 7 THEN '{"eanCode":"8711"}' END FROM range(1, 5001) t(i)`,
		`INSERT INTO before.products (remote_id, optiply_id) VALUES ('9999', '9999')`,
		`INSERT INTO before.sell_orders VALUES ('1', '2', 'u', '2024-03-01 09:15:00', NULL, 12345678901234567.89, 7000)`,
		`INSERT INTO before.bookmarks VALUES ('orders', '', '2026-11-22 02:00:00', 'r', NULL), ('products', '', '2027-01-01', 'r', '2026-11-22 01:00:00')`,
		`INSERT INTO before.parked VALUES ('products', '7', 'S7', 'held', 'because')`,
		`INSERT INTO before.rejects VALUES ('products', '7', 'refused', 'h7', 400, E'it''s no good\n"é"', NULL), ('products', '8', 'value', 'h8', NULL, 'r', 'ignore')`,
		`INSERT INTO before.unadopted VALUES ('sell_orders', '5', NULL, NULL, '2024-03-01 09:15:00', 1.10, 'its date')`,
		`UPDATE run.info SET state_changes = 8000`)
	dir, result := write(t, run)
	fsys := os.DirFS(dir)
	night, err := Read(fsys)
	if err != nil || night.Run != result.Night.Run {
		t.Fatalf("%+v, %v", night, err)
	}
	shop, err := store.Open(t.TempDir(), "again")
	if err != nil {
		t.Fatal(err)
	}
	again, err := shop.CreateRun(t.Context(), "20270101T020000Z", "test", night0)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	for i, want := range []bool{true, false} {
		if seeded, err := night.Seed(t.Context(), again, fsys); err != nil || seeded != want {
			t.Fatalf("time %d: seeded %v, %v", i, seeded, err)
		}
	}
	if err := again.CopyBefore(t.Context(), night0); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{
		"SELECT md5(string_agg(to_json(p)::VARCHAR, ' ' ORDER BY remote_id)) FROM (SELECT * REPLACE (coalesce(change, 0) AS change) FROM before.products) p",
		"SELECT to_json(o)::VARCHAR || total_value FROM before.sell_orders o", "SELECT state_changes FROM run.info", "SELECT to_json(u)::VARCHAR FROM before.unadopted u",
		"SELECT string_agg(to_json(r)::VARCHAR, ' ' ORDER BY remote_id) FROM before.rejects r",
	} {
		if was, is := one(t, run, query), one(t, again, query); was != is {
			t.Errorf("%s\nwas %s\nis  %s", query, was, is)
		}
	}
	if got := one(t, again, "SELECT string_agg(stream || ' ' || value, ', ' ORDER BY stream) FROM before.bookmarks"); got != "orders 2026-11-22 02:00:00, products 2026-11-22 01:00:00" {
		t.Errorf("bookmarks: %s", got)
	}
	if got := one(t, again, "SELECT entity || remote_id || sku FROM before.parked"); got != "products7S7" {
		t.Errorf("parked: %s", got)
	}
}

func one(t *testing.T, run *store.Run, query string) (text string) {
	t.Helper()
	if err := run.DB.QueryRowContext(t.Context(), query).Scan(&text); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}

func TestLineFile_IsCompressedWhenItIsLarge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, n := range map[string]int{"none": 0, "small": 3, "large": 30_000} {
		file := newLineFile(dir, name)
		line, _ := json.Marshal(strings.Repeat("a", 100))
		for range n {
			if err := file.add(line); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := file.close(); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 || left[0].Name() != "large.ndjson.zst" || left[1].Name() != "small.ndjson" {
		t.Fatalf("%v, %v", left, err)
	}
	packed, err := os.Open(filepath.Join(dir, "large.ndjson.zst"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	reader, err := zstd.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(reader); err != nil || text.Len() != 30_000*103 {
		t.Errorf("%d bytes, %v", text.Len(), err)
	}
}
