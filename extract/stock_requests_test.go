package extract_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"magento-optiply/config"
	"magento-optiply/magento/magentotest"
)

var stockSKUs = flag.Int("stock-skus", 2000, "products of the shop that TestStock_RequestsByWay counts requests for; 50000 takes minutes")

// The requests of the three ways to the stock of one generated shop; -v prints them. One in a hundred stocks has changed.
func TestStock_RequestsByWay(t *testing.T) {
	t.Parallel()
	r := generated(t, magentotest.GenerateOptions{Seed: 1, Products: *stockSKUs, Sources: 3}, magentotest.Options{})
	r.cfg.Magento.PageSize = 300
	r.cfg.Magento.StoreCode = "default"
	count := func(bulk, refresh string) (stock, products int) {
		r.cfg.Sync.StockBulk, r.cfg.Sync.StockRefresh = bulk, refresh
		e := r.begin(stocks)
		began := time.Now()
		e.must()
		for _, n := range e.column("SELECT requests FROM run.streams WHERE stream IN ('stock_statuses', 'stock_items', 'stocks', 'stock_index', 'orders_touched', 'products_touched')") {
			var requests int
			if _, err := fmt.Sscan(n, &requests); err != nil {
				t.Fatal(err)
			}
			stock += requests
		}
		products = len(e.column("SELECT 1 FROM run.stock_plan"))
		t.Logf("stock_bulk: %s, stock_refresh: %s: %d requests for the stock of %d products, %s; %s", bulk, refresh, stock, products, e.ways(), time.Since(began).Round(time.Second))
		// As a load keeps them, but for one in a hundred.
		e.exec("DELETE FROM state.stock_answers")
		e.exec(`INSERT INTO state.stock_answers SELECT remote_id, sku, 'default', 1, 1, true, 'stockStatuses/{sku}', ?, fingerprint, 'r' FROM run.stock_plan
			WHERE remote_id::INTEGER % 100 <> 2`, r.now)
		e.exec("INSERT OR REPLACE INTO state.bookmarks SELECT 'orders_touched', '', shop_now, run_id, shop_now FROM run.info")
		e.close()
		return stock, products
	}
	one, products := count(config.StockBulkOff, config.StockRefreshAll)
	bulk, _ := count(config.StockBulkAuto, config.StockRefreshAll)
	r.now = r.now.Add(time.Hour)
	first, _ := count(config.StockBulkAuto, config.StockRefreshChanged) // compares nothing yet
	r.now = r.now.Add(time.Hour)
	changed, _ := count(config.StockBulkOff, config.StockRefreshChanged)
	if one != products || bulk > *stockSKUs/300+*stockSKUs/1000+12 || first > bulk+8 || changed > products/50+*stockSKUs/1000+8 {
		t.Errorf("one by one %d, in bulk %d, only what changed %d, the first time %d requests, for %d products", one, bulk, changed, first, products)
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	// What is beside the pages is the same for any shop.
	told := func(way string, pages func(products int) int, requests int) {
		t.Helper()
		row := regexp.MustCompile(regexp.QuoteMeta("| `"+way+"` | about ") + "([0-9]+)").FindSubmatch(readme)
		if row == nil {
			t.Fatalf("the README tells no number of requests of %s", way)
		}
		number, _ := strconv.Atoi(string(row[1]))
		if real := pages(50_000) + requests - pages(*stockSKUs); real < number-10 || real > number+10 {
			t.Errorf("the README tells %d requests of %s for 50,000 SKUs, and there are %d", number, way, real)
		}
	}
	filled := func(n, size int) int { return (n + size - 1) / size }
	told("stock_bulk: auto", func(n int) int { return filled(n, 300) + filled(n, 1000) }, bulk)
	told("stock_refresh: changed", func(n int) int { return filled(n, 1000) }, changed-products/100)
}
