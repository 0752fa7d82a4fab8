package extract_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"magento-optiply/config"
	"magento-optiply/extract"
	"magento-optiply/magento/magentotest"
	"magento-optiply/store"
	"magento-optiply/transform"
)

// generated is a rig of a shop that is made of a seed, with small pages.
func generated(t *testing.T, shop magentotest.GenerateOptions, options magentotest.Options) *rig {
	t.Helper()
	r := newRig(t, options)
	shop.AccessToken, shop.Now, shop.Slim = token, night, true
	r.shop = magentotest.Generate(shop)
	r.server = magentotest.New(r.shop, options)
	r.cfg.Magento.PageSize = 50
	return r
}

// levels is what the SQL makes of the stock that was read, a line a product.
func (e *extraction) levels() string {
	e.t.Helper()
	settings := map[string]string{"run.allow_deletions": "0", "run.deletions": "false", "run.sell_orders": "false",
		"run.products": fmt.Sprint(e.job.Parts.Products), "run.stocks": fmt.Sprint(e.job.Parts.Stocks)}
	for _, s := range e.cfg.Settings() {
		settings[s.Name] = s.Value
	}
	if err := e.run.PutSettings(e.t.Context(), settings); err != nil {
		e.t.Fatal(err)
	}
	if _, err := transform.Run(e.t.Context(), e.run.DB, transform.SQL(), e.now, func(string, int, int) {}); err != nil {
		e.t.Fatal(err)
	}
	return strings.Join(e.column(`SELECT remote_id || ' ' || sku || ': ' || coalesce(stock_level::VARCHAR, 'not known') || ' ' || coalesce(manage_stock::VARCHAR, '')
		|| coalesce(unknown_because, '') || is_gone FROM model.stock_levels ORDER BY remote_id::BIGINT`), "\n")
}

// ways counts the products by the way that their stock came by.
func (e *extraction) ways() string {
	e.t.Helper()
	return strings.Join(e.column("SELECT way || ' ' || count(*) FROM run.stock_plan GROUP BY way ORDER BY way"), ", ")
}

// notes is what run.streams says of stock_statuses.
func (e *extraction) notes() string {
	e.t.Helper()
	return strings.Join(e.column("SELECT note FROM run.streams WHERE stream = 'stock_statuses' AND note IS NOT NULL"), "; ")
}

// oneByOne is the same shop's stock by one request a SKU.
func (r *rig) oneByOne(parts extract.Parts) string {
	r.t.Helper()
	bulk := r.cfg.Sync.StockBulk
	r.cfg.Sync.StockBulk = config.StockBulkOff
	e := r.read(parts)
	r.cfg.Sync.StockBulk = bulk
	levels := e.levels()
	e.close()
	r.forget()
	return levels
}

// In every stock mode, with one source and several, under every store code: the bulk listings give the stock that one request a SKU
// gives, to the unit, with a part of the requests.
func TestStock_InBulkIsTheStockOfOneRequestASKU(t *testing.T) {
	t.Parallel()
	for i, test := range []struct {
		sources  int
		code     string
		physical bool
		website  string
	}{
		{1, "", false, "b2b"}, {1, "all", true, ""}, {1, "nl", false, "base"},
		{3, "", false, "base"}, {3, "default", false, "base"}, {4, "b2b_nl", false, "b2b"}, {3, "all", false, "b2b"}, {3, "", true, ""},
	} {
		t.Run(fmt.Sprintf("%+v", test), func(t *testing.T) {
			t.Parallel()
			r := generated(t, magentotest.GenerateOptions{Seed: uint64(i), Products: 220, Sources: test.sources}, magentotest.Options{})
			r.cfg.Magento.StoreCode, r.cfg.Sync.UseSalableQuantity = test.code, !test.physical
			want := r.oneByOne(stocks)
			e := r.read(stocks)
			equal(t, "stock", e.levels(), want)
			equal(t, "used", fmt.Sprint(e.column("SELECT used || ' ' || coalesce(website, '') FROM run.stock_ways")), fmt.Sprintf("[true %s]", test.website))
			if all, alone := len(r.requests("")), len(strings.Split(want, "\n")); all > alone/2 {
				t.Errorf("%d requests in bulk, for the stock of %d products:\n%s", all, alone, e.streams())
			}
			if n := len(e.column("SELECT 1 FROM run.stock_plan WHERE way = 'bulk'")); n < 100 {
				t.Errorf("the bulk listings answer only %d products", n)
			}
			if bad := e.column("SELECT stream FROM run.streams WHERE NOT complete"); len(bad) > 0 {
				t.Errorf("not complete: %q", bad)
			}
		})
	}
}

// Whatever keeps a shop from the bulk listings, its stock is asked for one SKU after another, which is said, and nothing is missing.
func TestStock_FallsBackToOneRequestASKU(t *testing.T) {
	t.Parallel()
	const export, low = "/V1/inventory/export-stock-salable-qty/", "/V1/stockItems/lowStock"
	for name, test := range map[string]struct {
		options magentotest.Options
		sources int
		fault   magentotest.Fault
		change  func(*rig)
		note    string
	}{
		"no MSI":               {options: magentotest.Options{NoInventory: true}, note: "inventory/stocks: HTTP 404: Request does not match any route."},
		"too old":              {options: magentotest.Options{NoBulkStock: true}, note: "does not have the endpoint"},
		"no permission":        {options: magentotest.Options{DeniedResources: []string{"Magento_InventoryApi::stock"}}, note: "the permission Magento_InventoryApi::stock"},
		"500 for ever":         {fault: magentotest.Fault{Prefix: export, Status: 500, Body: `{"message":"Internal Error"}`}, note: "inventory/export-stock-salable-qty/website/b2b: HTTP 500"},
		"504 for ever":         {fault: magentotest.Fault{Prefix: export, Status: 504, Body: "<html>Gateway Time-out</html>"}, note: "HTTP 504"},
		"a firewall":           {fault: magentotest.Fault{Prefix: export, Status: 403, Body: "<html><body>mod_security: Not Acceptable</body></html>"}, note: "HTTP 403"},
		"no list":              {fault: magentotest.Fault{Prefix: export, Status: 200, Body: `[]`}, note: "the answer is a list"},
		"resets":               {fault: magentotest.Fault{Prefix: export, Close: true}, note: "export-stock-salable-qty"},
		"lowStock not allowed": {fault: magentotest.Fault{Prefix: low, Status: 401, Body: `{"message":"The consumer isn't authorized to access %resources.","parameters":{"resources":"Magento_Catalog::catalog_inventory"}}`}, note: "stockItems/lowStock: HTTP 401"},
		"lowStock fails":       {fault: magentotest.Fault{Prefix: low, Status: 500, Body: `{"message":"Internal Error"}`}, note: "stockItems/lowStock: HTTP 500"},
		"lowStock breaks at a row": {fault: magentotest.Fault{Prefix: low, Poison: &magentotest.Poison{Stream: "stock_items", Key: "11"}},
			note: "stock_items is not whole: 1 rows are quarantined"},
		"other quantities": {change: func(r *rig) {
			r.rewrite = func(q *http.Request, body string) string {
				if strings.Contains(q.URL.Path, "/export-") {
					return strings.ReplaceAll(body, `"qty":`, `"qty":1`)
				}
				return body
			}
		}, note: "the bulk listings do not say what stockStatuses says: SKU "},
		"no quantity at all": {change: func(r *rig) {
			r.rewrite = func(q *http.Request, body string) string {
				if strings.Contains(q.URL.Path, "/export-") {
					return `{"items":[],"search_criteria":{},"total_count":0}`
				}
				return body
			}
		}, note: "no SKU with a quantity on their first pages"},
		"several stocks that cannot be told apart": {sources: 3, change: func(r *rig) {
			r.rewrite = func(q *http.Request, body string) string {
				if strings.Contains(q.URL.Path, "/export-") {
					return `{"items":[],"search_criteria":{},"total_count":0}`
				}
				return body
			}
		}, note: "set magento.store_code"},
		"no website sells from the stock of all": {sources: 3, change: func(r *rig) {
			r.cfg.Magento.StoreCode = "all"
			r.put("stocks", `{"stock_id":1,"name":"Default Stock","extension_attributes":{"sales_channels":[]}}`)
		}, note: "no website sells from the stock that magento.store_code is for"},
		"the stores are not shown": {options: magentotest.Options{DeniedResources: []string{"Magento_Backend::store"}}, change: func(r *rig) { r.cfg.Magento.StoreCode = "nl" },
			note: `do not tell the website of magento.store_code "nl"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := generated(t, magentotest.GenerateOptions{Seed: 7, Products: 60, Sources: test.sources}, test.options)
			if test.change != nil {
				test.change(r)
			}
			if test.fault.Prefix != "" {
				r.server.AddFault(test.fault)
			}
			want := r.oneByOne(stocks)
			e := r.read(stocks)
			equal(t, "stock", e.levels(), want)
			if !strings.Contains(e.notes(), test.note) {
				t.Errorf("the note is %q, and does not tell of %q", e.notes(), test.note)
			}
			if !strings.Contains(r.log.String(), "one SKU after another") {
				t.Errorf("no warning was logged: %s", &r.log)
			}
			if bad := e.column("SELECT stream || ' ' || reason FROM run.streams WHERE NOT complete AND stream <> 'stores'"); len(bad) > 0 {
				t.Errorf("falling back is not complete: %q", bad)
			}
			if issues := e.column("SELECT entity || ' ' || reason FROM run.issues"); len(issues) > 0 {
				t.Errorf("what is broken in a list that is not needed is said to be missing: %q", issues)
			}
			if e.ways() != e.column("SELECT 'skus ' || count(*) FROM run.stock_plan")[0] {
				t.Errorf("ways %s", e.ways())
			}
		})
	}
}

// A shop that is away, or that is asked too much, fails at everything: that is no reason to ask it fifty thousand times.
func TestStock_AShopThatIsOverloadedIsNotAskedOneByOne(t *testing.T) {
	t.Parallel()
	r := generated(t, magentotest.GenerateOptions{Seed: 7, Products: 60}, magentotest.Options{})
	r.server.AddFault(magentotest.Fault{Prefix: "/V1/inventory/export-stock-salable-qty/", Status: 503, Body: "{}"})
	e := r.begin(stocks)
	if _, err := e.job.Extract(t.Context()); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("got %v", err)
	}
	if asked := r.requests("stockStatuses/"); len(asked) > 0 {
		t.Errorf("asked for %q", asked)
	}
}

// A page that fails is read in smaller ones, and what then is left of it by SKU; all the others stay in bulk.
func TestStock_APageOfTheExportThatFailsCostsOnlyItsOwn(t *testing.T) {
	t.Parallel()
	r := generated(t, magentotest.GenerateOptions{Seed: 3, Products: 220}, magentotest.Options{})
	r.cfg.Magento.PageSize = 40
	want := r.oneByOne(stocks)
	for _, id := range []int{95, 130} {
		var sku string
		for _, line := range strings.Split(want, "\n") {
			if strings.HasPrefix(line, fmt.Sprint(id, " ")) {
				sku = strings.SplitN(strings.TrimPrefix(line, fmt.Sprint(id, " ")), ":", 2)[0]
			}
		}
		r.server.AddFault(magentotest.Fault{Prefix: "/V1/inventory/export-stock-salable-qty/", Poison: &magentotest.Poison{Stream: "salable", Key: magentotest.Key("b2b", sku)}})
	}
	e := r.read(stocks)
	equal(t, "stock", e.levels(), want)
	if !strings.Contains(e.notes(), "pages failed") {
		t.Errorf("the note is %q", e.notes())
	}
	if n := len(e.column("SELECT 1 FROM run.stock_plan WHERE way = 'skus'")); n < 1 || n > 40 {
		t.Errorf("%d products are asked for one by one", n)
	}
}

func TestStock_WhatTheBulkListingsLackIsAskedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{ExportLacks: []string{"P3"}, MaxPageSize: 7})
	r.products(30)
	r.put("stock_items", `{"item_id":4,"product_id":4,"stock_id":1,"qty":null,"is_in_stock":true,"manage_stock":true}`)
	r.product(40, "OFF", night, "disabled")
	r.product(41, "CONF", night, "configurable")
	want := r.oneByOne(stocks)
	e := r.read(stocks)
	equal(t, "stock", e.levels(), want)
	equal(t, "asked", strings.Join(e.column("SELECT sku FROM run.stock_plan WHERE way = 'skus' ORDER BY sku"), " "), "P3 P4")
	equal(t, "page size", e.column("SELECT page_size FROM run.stock_ways")[0], "7")
	equal(t, "sources", strings.Join(e.column("SELECT DISTINCT item ->> 'source' FROM raw.stock_statuses ORDER BY 1"), " "), "export-stock-salable-qty/website/b2b stockStatuses")
}

// The export knows a product by its SKU alone. In a run for stocks the SKUs are those that Optiply was told of.
func TestStock_ASKUThatChangedHandsIsAskedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.products(30)
	mark := night.Add(-time.Hour)
	r.state(bookmark("products_full", "", mark), bookmark("products", "", mark))
	for i := 1; i <= 30; i++ {
		r.state(held(i, fmt.Sprint("P", i)))
	}
	r.product(2, "P2-NEW", night.Add(-30*time.Minute))
	r.product(31, "P2", night.Add(-30*time.Minute)) // another product has its SKU now
	r.shop.Delete("products", "P5")
	r.shop.Delete("stock_items", "5")
	r.product(32, "P5", night.Add(-30*time.Minute)) // deleted, and made again
	r.product(6, "P6", night.Add(-30*time.Minute), "disabled")
	parts := extract.Parts{Stocks: true}
	want := r.oneByOne(parts)
	e := r.read(parts)
	equal(t, "stock", e.levels(), want)
	equal(t, "asked", strings.Join(e.column("SELECT sku FROM run.stock_plan WHERE way = 'skus' ORDER BY sku"), " "), "P2 P5 P6")
}

func TestStock_AProductDisabledWhileTheExportIsReadHasNoStockOfZero(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.products(30)
	r.meet = meetPath("/website/b2b", func() { r.product(9, "P9", night, "disabled") })
	e := r.read(stocks)
	if levels := e.levels(); !strings.Contains(levels, "9 P9: not known Magento answered without a product") {
		t.Error(levels)
	}
}

// A few SKUs are not worth a bulk listing.
func TestStock_FewSKUsAreAskedForOneByOne(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.products(6)
	e := r.read(stocks)
	equal(t, "ways", e.ways(), "skus 6")
	equal(t, "note", e.notes(), "")
	equal(t, "requests", fmt.Sprint(len(r.asked)), "10")
}

// runSQL runs an embedded file over what was read.
func (e *extraction) runSQL(name string, args ...any) {
	e.t.Helper()
	text, err := os.ReadFile("sql/" + name)
	if err != nil {
		e.t.Fatal(err)
	}
	e.exec(string(text), args...)
}

// keep adds a page as if it had been read at a time.
func (e *extraction) keep(stream, part string, at time.Time, body string) {
	e.t.Helper()
	err := e.run.SavePage(e.t.Context(), store.Page{Stream: stream, Part: part, File: part + "-000099.json", Rows: 1, FetchedAt: at, Body: []byte(body)})
	if err != nil {
		e.t.Fatal(err)
	}
}

// Of a SKU that two pages have, the one that was read last counts, and it can say nothing.
func TestStock_AQuantityThatTheExportTookBackIsAskedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.products(30)
	e := r.read(stocks)
	e.keep("stock_statuses", "bulk", night.Add(time.Minute), `{"items":[{"source":"export-stock-salable-qty/website/b2b","sku":"P3","qty":null,"is_salable":true}]}`)
	e.exec("UPDATE run.stock_plan SET way = 'skus'")
	e.runSQL("stock_bulk.sql", true)
	equal(t, "asked", strings.Join(e.column("SELECT sku FROM run.stock_plan WHERE way = 'skus'"), " "), "P3")
}

// A record without an id has no stock that could be asked for, and stops no other (invariant 8).
func TestStock_ARecordWithoutAnIDIsNotPlanned(t *testing.T) {
	t.Parallel()
	e := newRig(t, magentotest.Options{}).begin(stocks)
	e.keep("products", "full", night, `{"items":[{"id":1,"sku":"P1","status":1,"type_id":"simple"},{"id":null,"sku":"P2","status":1,"type_id":"simple"}]}`)
	e.runSQL("stock_plan.sql", true, true)
	equal(t, "planned", strings.Join(e.column("SELECT sku FROM run.stock_plan"), " "), "P1")
}
