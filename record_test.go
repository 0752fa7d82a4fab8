package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/magento/magentotest"
)

// everythingDecided is what a run decided, but for what a load adds: each row as text.
const everythingDecided = `
	SELECT 'diff.products' AS t, to_json(d)::VARCHAR FROM diff.products d
	UNION ALL SELECT 'diff.sell_orders', to_json(d)::VARCHAR FROM diff.sell_orders d
	UNION ALL SELECT 'diff.sell_order_lines', to_json(d)::VARCHAR FROM diff.sell_order_lines d
	UNION ALL SELECT 'diff.deletions', to_json(d)::VARCHAR FROM diff.deletions d
	UNION ALL SELECT 'plan.changes', to_json(c)::VARCHAR FROM plan.changes c
	UNION ALL SELECT 'plan.summary', to_json(s)::VARCHAR FROM plan.summary s
	UNION ALL SELECT 'run.issues', to_json(i)::VARCHAR FROM run.issues i WHERE phase <> 'load'
	UNION ALL SELECT 'run.coverage', to_json(c)::VARCHAR FROM run.coverage c
	UNION ALL SELECT 'run.second_look', remote_id || found FROM run.second_look
	UNION ALL SELECT 'run.stock_misses', sku || product_id || gone || reason FROM run.stock_misses
	UNION ALL SELECT 'run.info', to_json(struct_pack(products_full, shop_now, state_changes, plan_hash))::VARCHAR FROM run.info
	UNION ALL SELECT 'windows', to_json(struct_pack(stream, store_code, part, window_start, window_end, complete, quarantined, reason))::VARCHAR FROM run.streams
	ORDER BY ALL`

// decided is what the latest run decided.
func (s shopDir) decided() []string {
	s.t.Helper()
	var rows []string
	for _, row := range s.query(everythingDecided) {
		rows = append(rows, strings.Join(row, " "))
	}
	return rows
}

// recordedAgain records the latest run, runs the recording in an empty folder without a configuration file, and compares what
// the two decided. It returns the folder with the recording and the shop that ran it.
func (s shopDir) recordedAgain(code int) (dir string, again shopDir) {
	s.t.Helper()
	dir = filepath.Join(s.dir, "recorded")
	r := s.must(0, "record", dir)
	if strings.Contains(r.stderr, "can differ") {
		s.t.Errorf("the recording lacks something:\n%s", r.stderr)
	}
	again = shopDir{s.t, s.t.TempDir()}
	r = again.must(code, "run", "--dry-run", "--fixtures", dir)
	if !strings.Contains(r.stderr, "state as recorded") {
		s.t.Errorf("the state is not seeded, or it is not said:\n%s", r.stderr)
	}
	if diff := cmp.Diff(s.decided(), again.decided()); diff != "" {
		s.t.Errorf("the recorded night (-) and the same night again (+):\n%s", diff)
	}
	return dir, again
}

// TestRecord_GivesTheSameNightAgain records the second night of the demo, run in many ways.
func TestRecord_GivesTheSameNightAgain(t *testing.T) {
	long(t)
	t.Parallel()
	for _, test := range []struct {
		name, sync, magento string
		args                []string
	}{
		{"physical stock and deletions", "use_salable_quantity: false\nsync_product_deletions: true", "", nil},
		{"warehouse stock in small pages", "use_inventory_source_items: true", "page_size: 7\nsource_items_page_size: 13\nstreams: [all, customers]\nproduct_attributes: [ean]", nil},
		{"listing stock and only products", "use_stock_statuses: false", "full_every: 100h", []string{"--only", "products"}},
		{"no stock and all orders by leaf", "map_stockLevel: false\npullAllOrders: true\norder_lines: leaf\nskip_order_states: [canceled]", "", nil},
		{"only what changed", "sync_product_deletions: true", "full_every: 100h", nil},
		{"one store and deletions", "sync_product_deletions: true", "store_id: b2b_nl", nil},
		{"another store view and only stocks", "", "store_code: b2b_nl", []string{"--only", "stocks"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, test.sync, test.magento)
			s.exec("run", "--fixtures", night(1))
			s.recordedAgain(s.exec(append([]string{"run", "--fixtures", night(2)}, test.args...)...).code)
		})
	}
}

// A night can go wrong in ways that no record tells. They are part of the recording.
func TestRecord_GivesABadNightAgain(t *testing.T) {
	long(t)
	t.Parallel()
	for _, test := range []struct {
		name, sync, magento string
		bad                 func(t *testing.T, s servedShop)
		args                []string
	}{
		{"SKUs that are refused and an order that breaks", "", "", func(t *testing.T, s servedShop) {
			for sku, p := range map[string]magentotest.Poison{
				"24-MB01":        {Status: 500, Body: `{"message":"Something went wrong with the gift card"}`},
				"DEC-1":          {Status: 404, Body: `{"message":"The Product with the \"%1\" SKU doesn't exist.","parameters":["DEC-1"]}`},
				"SKU/SLASH/1":    {Status: 404, Body: "<html><h1>Not Found</h1></html>"},
				"DEC-2":          {Status: 200, Body: "[]"},
				"SKU+PLUS":       {Status: 400, Body: `{"message":"Invalid %fieldName","parameters":{"fieldName":"x"}}`},
				"SKU&AMP":        {Status: 200, Body: `{"product_id":99,"qty":1}`},
				"SKU WITH SPACE": {Status: 200, Body: `{"message":"Not now"}`},
				"100% COTTON":    {Status: 400, Body: "<html>no</html>"},
			} {
				p.Stream, p.Key = "stock_statuses", sku
				s.server.AddFault(magentotest.Fault{Poison: &p})
			}
			s.touch(t, "orders", "7")
			s.server.AddFault(magentotest.Fault{Poison: &magentotest.Poison{Stream: "orders", Key: "7"}})
			// Deleted after it was listed.
			s.server.AddFault(magentotest.Fault{Prefix: "/V1/orders", Times: 1, Between: func(int) { s.shop.Delete("products", "SKU'SQ'") }})
		}, []string{"--full"}},
		{"a product that breaks and one that is gone", "sync_product_deletions: true", "", func(_ *testing.T, s servedShop) {
			s.server.AddFault(magentotest.Fault{Poison: &magentotest.Poison{Stream: "products", Key: "24-MB01"}})
			s.shop.Delete("products", "SKU WITH SPACE")
		}, []string{"--full"}},
		{"what changed with a product that breaks and stock of others that is refused", "", "full_every: 100h", func(t *testing.T, s servedShop) {
			s.touch(t, "products", "24-MB01")
			s.server.AddFault(magentotest.Fault{Poison: &magentotest.Poison{Stream: "products", Key: "24-MB01"}})
			s.server.AddFault(magentotest.Fault{Poison: &magentotest.Poison{Stream: "stock_statuses", Key: "DEC-1", Status: 500}})
			s.server.AddFault(magentotest.Fault{Poison: &magentotest.Poison{Stream: "stock_statuses", Key: "DEC-2", Status: 404,
				Body: `{"message":"The Product with the \"%1\" SKU doesn't exist.","parameters":["DEC-2"]}`}})
			s.shop.Delete("products", "SKU WITH SPACE")
		}, nil},
		{"a source item that breaks", "use_inventory_source_items: true", "", func(_ *testing.T, s servedShop) {
			s.server.AddFault(magentotest.Fault{Poison: &magentotest.Poison{Stream: "source_items", Key: magentotest.Key("24-MB01", "default")}})
		}, []string{"--full"}},
		{"a product that only its id finds", "sync_product_deletions: true", "", func(_ *testing.T, s servedShop) {
			s.server.AddFault(magentotest.Fault{Prefix: "/V1/products", Times: 2, Hide: &magentotest.Hide{Stream: "products", Key: "24-MB01"}})
		}, []string{"--full"}},
		{"a product that left the store", "sync_product_deletions: true", "store_id: 1", func(t *testing.T, s servedShop) {
			p := bytes.Replace(find(t, s.shop, "products", `"sku":"24-MB01"`), []byte(`"website_ids":[1,2]`), []byte(`"website_ids":[2]`), 1)
			if err := s.shop.Put("products", p); err != nil {
				t.Fatal(err)
			}
		}, []string{"--full"}},
		{"deletions above the ceiling", "sync_product_deletions: true", "", func(t *testing.T, s servedShop) { s.deleteTwelve(t) },
			[]string{"--full", "--allow-deletions", "11"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newServedShop(t, test.sync, magentotest.Options{})
			if test.magento != "" {
				old, err := os.ReadFile(filepath.Join(s.dir, "magento-optiply.yaml"))
				if err != nil {
					t.Fatal(err)
				}
				s.write("magento-optiply.yaml", strings.Replace(string(old), "magento:\n", "magento:\n"+indent(test.magento), 1))
			}
			s.exec("run")
			test.bad(t, s)
			s.recordedAgain(s.exec(append([]string{"run"}, test.args...)...).code)
		})
	}
}

func (s servedShop) deleteTwelve(t *testing.T) {
	t.Helper()
	for _, record := range s.shop.Records("products")[:12] {
		var p struct{ SKU string }
		if err := json.Unmarshal(record, &p); err != nil {
			t.Fatal(err)
		}
		s.shop.Delete("products", p.SKU)
	}
}

func (s servedShop) touch(t *testing.T, stream, key string) {
	t.Helper()
	if !s.shop.Touch(stream, key, s.shop.Now.Add(-2*time.Minute)) {
		t.Fatalf("%s has no %s", stream, key)
	}
}

// What is recorded of a recording is the recording.
func TestRecord_OfARecordingIsTheSame(t *testing.T) {
	long(t)
	t.Parallel()
	s := newShop(t, "", "store_id: 1,b2b_nl\nfull_every: 100h")
	s.must(3, "run", "--fixtures", night(1))
	s.must(3, "run", "--fixtures", night(2))
	dir, again := s.recordedAgain(3)
	second := filepath.Join(again.dir, "recorded")
	again.must(0, "record", second)
	was, is := files(t, dir), files(t, second)
	for _, set := range []map[string]string{was, is} {
		set["run.json"] = strings.Join(slices.DeleteFunc(strings.Split(set["run.json"], "\n"), func(line string) bool { return strings.Contains(line, `"run":`) }), "\n")
	}
	if diff := cmp.Diff(was, is); diff != "" {
		t.Errorf("the recording (-) and what was recorded of it (+):\n%s", diff)
	}
}

// files are all files below a folder, by their paths.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		lines := strings.Split(string(text), "\n")
		slices.Sort(lines) // workers answer in any order
		out[name] = strings.Join(lines, "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The sandbox begins with what the state says that Optiply holds, so the recorded night can be sent too.
func TestRecord_IsLoadedIntoASandboxThatHoldsWhatOptiplyHeld(t *testing.T) {
	long(t)
	t.Parallel()
	s := newShop(t, "sync_product_deletions: true", "")
	s.must(3, "run", "--fixtures", night(1))
	s.must(3, "run", "--fixtures", night(2))
	want, orders, _ := s.held()
	dir, again := s.recordedAgain(3)
	again.must(3, "load")
	got, sent, _ := again.held()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("products after the night (-) and after the recorded one (+):\n%s", diff)
	}
	if len(sent) != len(orders) {
		t.Errorf("%d orders, want %d", len(sent), len(orders))
	}
	// In the same folder there is a history now, and the night that follows is an ordinary one.
	r := again.must(0, "run", "--fixtures", dir)
	if !strings.Contains(r.stderr, "keeps it") {
		t.Errorf("it is not said that nothing was seeded:\n%s", r.stderr)
	}
	if rows := again.query("SELECT count(*) FROM plan.changes"); rows[0][0] != "0" {
		t.Errorf("the same night again changes %s rows", rows[0][0])
	}
}

// A large shop is compressed, and read again all the same.
func TestRecord_OfALargeShopIsCompressed(t *testing.T) {
	long(t)
	t.Parallel()
	shop := magentotest.Generate(magentotest.GenerateOptions{Products: 2200, Orders: 200, Seed: 7, Slim: true, AccessToken: "generated-token"})
	server := magentotest.New(shop, magentotest.Options{})
	url, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	s := newShop(t, "use_inventory_source_items: true", "store_url: "+url+"\naccess_token: "+shop.AccessToken+"\nstart_date: 2000-01-01")
	if r := s.exec("run"); r.code == 1 || r.code == 2 {
		t.Fatal(r.stderr)
	}
	for at, record := range shop.Records("products") {
		if at%37 == 0 {
			if err := shop.Put("products", bytes.Replace(record, []byte(`"price":`), []byte(`"price":1`), 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := s.exec("run", "--full", "--dry-run")
	dir, again := s.recordedAgain(r.code)
	if rows := again.query("SELECT count(*) FROM plan.changes"); rows[0][0] == "0" {
		t.Error("the second night has no change")
	}
	if _, err := os.Stat(filepath.Join(dir, "stock_items.ndjson.zst")); err != nil {
		t.Error(err)
	}
}

func TestRecord_TellsWhatItCannotDo(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	s.write("short.key", "secret")
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"record", "rec"}, "this shop has no run yet"},
		{[]string{"record"}, "record takes one folder"},
		{[]string{"record", "a", "b"}, "record takes one folder"},
		{[]string{"record", "rec", "--key", "short.key"}, "it needs 16 bytes or more"},
		{[]string{"record", "--key", "no.key", "rec"}, "--key:"},
	} {
		if r := s.must(2, test.args...); !strings.Contains(r.stderr, test.says) {
			t.Errorf("%v: it does not say %q:\n%s", test.args, test.says, r.stderr)
		}
	}
	s.must(3, "run", "--dry-run", "--fixtures", night(1))
	s.write("taken/file", "")
	for _, dir := range []string{"taken", "short.key"} {
		if r := s.must(2, "record", dir); !strings.Contains(r.stderr, "is no empty folder") {
			t.Errorf("record %s: %s", dir, r.stderr)
		}
	}
	if r := s.must(2, "record", "rec", "--run", "20200101T000000Z"); !strings.Contains(r.stderr, "no such run") {
		t.Errorf("an unknown run: %s", r.stderr)
	}
	s.must(0, "record", "rec")
	// A recorded night is never sent to a real account.
	s.write("real.yaml", fmt.Sprintf("shop: real\ndata_dir: %s\noptiply:\n  client_id: a\n  client_secret: b\n  username: c\n  password: d\n  account_id: 1\n  coupling_id: 2\n", s.dir))
	if r := s.must(2, "run", "-c", "real.yaml", "--fixtures", "rec"); !strings.Contains(r.stderr, "to the sandbox alone") {
		t.Errorf("a recorded night was sent, or it is not said why not:\n%s", r.stderr)
	}
	// With a configuration, its own settings count, and those that differ are named.
	r := s.must(3, "run", "-c", "real.yaml", "--dry-run", "--fixtures", "rec")
	if strings.Contains(r.stderr, "sync.max_deletions_percent") {
		t.Errorf("a setting that is as recorded is named:\n%s", r.stderr)
	}
	s.write("real.yaml", fmt.Sprintf("shop: other\ndata_dir: %s\noptiply:\n  base_url: sandbox\nsync:\n  max_deletions_percent: 3\n", s.dir))
	if r := s.must(3, "run", "-c", "real.yaml", "--dry-run", "--fixtures", "rec"); !strings.Contains(r.stderr, "sync.max_deletions_percent: 3 (recorded: 10)") {
		t.Errorf("the setting that differs is not named:\n%s", r.stderr)
	}
}
