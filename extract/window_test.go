package extract_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"magento-optiply/config"
	"magento-optiply/extract"
	"magento-optiply/magento"
	"magento-optiply/magento/magentotest"
)

func TestExtract_ReadsEachStreamThatItsPartsNeed(t *testing.T) {
	t.Parallel()
	parts := func(names string) extract.Parts {
		has := func(n string) bool { return strings.Contains(names, n) }
		return extract.Parts{Products: has("products"), Stocks: has("stocks"), Deletions: has("deletions"), SellOrders: has("sell_orders")}
	}
	warehouse := func(c *config.Config) { c.Sync.UseInventorySourceItems = true }
	listing := func(c *config.Config) { c.Sync.UseStockStatuses = false }
	off := func(c *config.Config) { c.Sync.MapStockLevel = false }
	last := bookmark("products_full", "", night.Add(-time.Hour))
	for _, test := range []struct {
		name, parts, want string
		change            func(*config.Config)
		state             []string
	}{
		{"everything / first time", "products stocks deletions sell_orders", "products/full orders/window stock_statuses/skus", nil, nil},
		{"everything / between two full reads", "products stocks deletions sell_orders", "products/window orders/window stock_statuses/skus", nil, []string{last}},
		{"products", "products", "products/full stock_statuses/skus", nil, nil},
		{"stocks", "stocks", "stock_statuses/skus", nil, nil},
		{"deletions / which need the whole listing", "deletions", "products/full", nil, []string{last}},
		{"stocks and deletions", "stocks deletions", "products/full stock_statuses/skus", nil, []string{last}},
		{"sell orders / with the product that only an order names", "sell_orders", "orders/window products/ids", nil, nil},
		{"products and sell orders / and the second look", "products deletions sell_orders", "products/full orders/window products_again/ids stock_statuses/skus",
			func(c *config.Config) { c.Sync.SyncProductDeletions = true }, []string{held(99, "GONE")}},
		{"warehouse", "products stocks", "products/full sources/full source_items/full stock_items/full", warehouse, nil},
		{"listing", "products stocks", "products/full stock_items/full", listing, nil},
		{"no stock / where unlimitedStock still comes from the listing", "products stocks", "products/full stock_items/full", off, nil},
		{"sell orders alone need no stock in any mode", "sell_orders", "orders/window products/ids", warehouse, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, magentotest.Options{})
			if test.change != nil {
				test.change(r.cfg)
			}
			r.products(2)
			r.source(2)
			r.order(1, night.Add(-time.Hour), 2)
			if len(test.state) > 0 {
				r.state(test.state...)
			}
			e := r.read(parts(test.parts))
			got := e.column("SELECT stream || '/' || part FROM run.streams WHERE stream NOT IN ('stores', 'websites') ORDER BY rowid")
			equal(t, "streams", strings.Join(got, " "), test.want)
			if open := e.column("SELECT stream || ': ' || coalesce(reason, 'NULL') FROM run.streams WHERE NOT complete"); len(open) > 0 {
				t.Errorf("not complete: %q", open)
			}
		})
	}
}

func TestExtract_NamedStreamsAloneAreRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.products(2)
	r.source(2)
	e := r.begin(extract.PartsOf([]string{"sources", "stock_items"}))
	e.job.OnlyStreams, e.job.Streams = true, []string{"sources", "stock_items"}
	e.must()
	equal(t, "streams", strings.Join(e.column("SELECT stream FROM run.streams ORDER BY rowid"), " "), "stores websites sources stock_items")

	if err := extract.CheckStreams([]string{"products", "prodcts"}); !isUsage(err) || !strings.Contains(err.Error(), `stream "prodcts": there are products, `) {
		t.Errorf("got %v", err)
	}
}

func isUsage(err error) bool {
	var usage *extract.UsageError
	return errors.As(err, &usage)
}

func TestExtract_ReadsTheWholeListingAsOftenAsFullEverySays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		every time.Duration
		ago   time.Duration // since the last full read
		full  bool          // --full
		stores,
		marked string
		want bool
	}{
		{"a day later", 24 * time.Hour, 24 * time.Hour, false, "", "", true},
		{"a nightly cron that starts a little early", 24 * time.Hour, 22 * time.Hour, false, "", "", true},
		{"half a day later", 24 * time.Hour, 12 * time.Hour, false, "", "", false},
		{"--full", 24 * time.Hour, time.Hour, true, "", "", true},
		{"0 is always", 0, time.Minute, false, "", "", true},
		{"0 is always / whatever the clock says", 0, -time.Hour, false, "", "", true},
		{"another store's full read is none of this one's", 24 * time.Hour, time.Hour, false, "b2b", "default", true},
		{"a store that was added", 24 * time.Hour, time.Hour, false, "default,b2b", "default", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, magentotest.Options{})
			r.cfg.Magento.FullEvery = test.every
			if test.stores != "" {
				r.cfg.Magento.StoreIDs = strings.Split(test.stores, ",")
			}
			r.products(1)
			r.state(bookmark("products_full", test.marked, night.Add(-test.ago)), bookmark("products", test.marked, night.Add(-test.ago)))
			e := r.begin(extract.Parts{Products: true})
			e.job.Full = test.full
			if got := e.must(); got.ProductsFull != test.want {
				t.Errorf("full: %v, want %v", got.ProductsFull, test.want)
			}
			equal(t, "run.info", e.column("SELECT products_full FROM run.info")[0], fmt.Sprint(test.want))
		})
	}
}

func TestExtract_WindowsAreInclusiveAtBothEnds(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	mark := night.Add(-24 * time.Hour)
	r.state(bookmark("orders", "", mark))
	start, end := mark.Add(-10*time.Minute), night.Add(-time.Minute) // overlap and lag
	r.order(1, start.Add(-time.Second))
	r.order(2, start)
	r.order(3, mark.Add(-time.Minute)) // committed late: it was not there when the bookmark was made
	r.order(4, end)
	r.order(5, end.Add(time.Second)) // in the lag: for the next run
	e := r.read(extract.Parts{SellOrders: true})
	equal(t, "orders", e.keys("orders"), "2 3 4")
	equal(t, "window", strings.Join(e.column("SELECT window_start || ' to ' || window_end FROM run.streams WHERE stream = 'orders'"), ""),
		magento.FormatTime(start)+" to "+magento.FormatTime(end))
	e.close()

	// The next run begins where this one's window ended, less the overlap.
	r.state(bookmark("orders", "", end))
	r.now = night.Add(24 * time.Hour)
	r.shop.SetNow(r.now)
	equal(t, "orders of the next night", r.read(extract.Parts{SellOrders: true}).keys("orders"), "4 5")
}

func TestExtract_TheFirstWindowBeginsAtStartDateAndEndDateEndsEveryWindow(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.StartDate = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	r.cfg.Magento.EndDate = time.Date(2025, 6, 30, 12, 0, 0, 0, time.UTC)
	r.order(1, r.cfg.Magento.StartDate.Add(-time.Second))
	r.order(2, r.cfg.Magento.StartDate)
	r.order(3, r.cfg.Magento.EndDate)
	r.order(4, r.cfg.Magento.EndDate.Add(time.Second))
	r.product(1, "P1", night.AddDate(-10, 0, 0)) // older than any window: the first run reads all products
	e := r.read(extract.Parts{SellOrders: true, Products: true})
	equal(t, "orders", e.keys("orders"), "2 3")
	equal(t, "products", e.keys("products"), "1")
	e.close()

	r.state(bookmark("orders", "", r.cfg.Magento.EndDate))
	equal(t, "orders behind the end", r.read(extract.Parts{SellOrders: true}).keys("orders"), "3")
}

func TestExtract_NoStartDateMeansFromTheBeginning(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.StartDate = time.Time{}
	r.order(1, time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC))
	equal(t, "orders", r.read(extract.Parts{SellOrders: true}).keys("orders"), "1")
}

func TestExtract_TheShopsClockMakesTheWindows(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.now = night.Add(3 * time.Hour) // ours is wrong
	r.order(1, night.Add(-2*time.Minute))
	e := r.read(extract.Parts{SellOrders: true})
	equal(t, "shop_now and window_end", strings.Join(e.column("SELECT shop_now || ' ' || window_end FROM run.info, run.streams WHERE stream = 'orders'"), ""),
		"2026-11-23 02:00:00 2026-11-23 01:59:00")
	if !strings.Contains(r.log.String(), "the shop's clock and this machine's differ") {
		t.Errorf("the log does not say so: %s", &r.log)
	}
}

// With our clock ahead by hours, a bookmark made from it would let orders of those hours go by.
func TestExtract_TheShopsClockCountsEvenWhenTheStoresMayNotBeRead(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{DeniedResources: []string{"Magento_Backend::store"}})
	r.now = night.Add(3 * time.Hour)
	r.products(1)
	e := r.read(extract.All())
	equal(t, "shop_now", e.column("SELECT shop_now FROM run.info")[0], "2026-11-23T02:00:00Z")
	equal(t, "stores", e.column("SELECT reason IS NOT NULL AND NOT complete FROM run.streams WHERE stream = 'stores'")[0], "true")
	equal(t, "products", e.keys("products"), "1")
	if !strings.Contains(r.log.String(), "the stores are not read") || !strings.Contains(r.log.String(), "Magento_Backend::store") {
		t.Errorf("the log does not name the permission: %s", &r.log)
	}
}

func TestExtract_ABookmarkAheadOfTheShopsClockIsNotBelieved(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.order(1, night.Add(-12*time.Hour))
	began := night.Add(-24 * time.Hour)
	r.state(bookmark("orders", "", night.AddDate(1, 0, 0)), // the shop's clock was a year ahead, once
		fmt.Sprintf("INSERT INTO state.runs (run_id, started_at, command, phase) VALUES ('20261101T000000Z', '%s', 'run', 'done')", magento.FormatTime(began)))
	equal(t, "orders", r.read(extract.Parts{SellOrders: true}).keys("orders"), "1")
}

func TestExtract_ProductsBetweenTwoFullReadsAreThoseOfTheWindow(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	mark := night.Add(-time.Hour)
	r.state(bookmark("products_full", "", mark), bookmark("products", "", mark))
	r.product(1, "P1", mark.Add(-11*time.Minute))
	r.product(2, "P2", mark.Add(-10*time.Minute))
	r.product(3, "P3", night.Add(-time.Minute))
	r.product(4, "P4", night)
	e := r.read(extract.Parts{Products: true})
	equal(t, "products", e.keys("products"), "2 3")
	equal(t, "coverage", e.coverage(), "")
}

func TestExtract_ParkedRowsAndProductsThatOnlyOrdersNameAreReadByID(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{MaxPageSize: 2})
	r.cfg.Magento.PageSize = 2
	mark := night.Add(-time.Hour)
	r.state(bookmark("products_full", "", mark), bookmark("products", "", mark), bookmark("orders", "", mark),
		parked("products", 1), parked("products", 404), parked("sell_orders", 7), parked("sell_orders", 8), parked("sell_orders", 9), held(3, "P3"))
	r.products(6)
	for id := 7; id <= 10; id++ {
		r.order(id, night.AddDate(0, -1, 0), 1)
	}
	r.order(11, night.Add(-2*time.Minute), 2, 3, 5, 500)
	e := r.read(extract.All())
	equal(t, "orders", e.keys("orders"), "7 8 9 11")
	equal(t, "products", e.keys("products"), "1 2 5") // 3 is known, 404 and 500 are not there
	equal(t, "streams", e.streams(), `
stores//full: 3 rows, 1 pages, 1 requests
websites//full: 3 rows, 1 pages, 1 requests
products//window: 0 rows, 0 pages, 1 requests
orders//window: 1 rows, 1 pages, 1 requests
orders//ids: 3 rows, 2 pages, 3 requests
products//ids: 3 rows, 2 pages, 4 requests
stock_statuses//skus: 4 rows, 4 requests`)
}

// A product's price is that of the store it is read for, by whichever way it is read.
func TestExtract_ProductsByIDAreReadAsTheirStoreShowsThem(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.StoreIDs = []string{"b2b"}
	r.state(bookmark("products_full", "b2b", night.Add(-time.Hour)), bookmark("products", "b2b", night.Add(-time.Hour)), parked("products", 1), parked("products", 2))
	r.product(1, "P1", night.AddDate(0, -1, 0))
	r.put("products", `{"id":2,"sku":"P2","name":"Elsewhere","price":1,"status":1,"type_id":"simple","updated_at":"2024-01-01 00:00:00","extension_attributes":{"website_ids":[1]}}`)
	r.put("store_values", `{"id":1,"store_code":"b2b","price":99}`)
	e := r.read(extract.Parts{Products: true})
	equal(t, "products", strings.Join(e.column("SELECT store_code || ' ' || key || ' ' || (item ->> 'price') FROM raw.products"), ", "), "b2b 1 99")
}

func TestExtract_OrdersCarryNoPersonalData(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.order(1, night.Add(-time.Hour), 1)
	r.source(1)
	r.cfg.Sync.UseInventorySourceItems = true
	e := r.read(extract.All())
	for _, stream := range []string{"orders", "sources"} {
		text := strings.Join(e.column("SELECT content FROM page."+stream), "\n")
		for _, personal := range []string{"jan@", "Jan", "Straat", "0612345678", "192.0.2.1", "piet", "Piet"} {
			if strings.Contains(text, personal) {
				t.Errorf("%s hold %q: %s", stream, personal, text)
			}
		}
		if text == "" {
			t.Errorf("no %s", stream)
		}
	}
}
