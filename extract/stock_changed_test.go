package extract_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"magento-optiply/config"
	"magento-optiply/extract"
	"magento-optiply/magento/magentotest"
)

// keepAnswers fills the state as a load at the end of this run does.
func (e *extraction) keepAnswers() {
	e.t.Helper()
	e.exec(`INSERT OR REPLACE INTO state.stock_answers SELECT product_id::VARCHAR, sku, ?, salable_qty, physical_qty, manage_stock, source, asked_at, fingerprint, 'r'
		FROM model.stock_answers WHERE NOT is_kept`, e.cfg.Magento.StoreCode)
	e.exec("INSERT OR REPLACE INTO state.bookmarks SELECT 'orders_touched', '', shop_now, run_id, shop_now FROM run.info")
}

// lastNight is a rig whose shop was read once, an hour ago, with sync.stock_refresh: changed and one request a SKU.
func lastNight(t *testing.T, shop magentotest.GenerateOptions, options magentotest.Options) *rig {
	t.Helper()
	r := generated(t, shop, options)
	r.cfg.Sync.StockRefresh, r.cfg.Sync.StockBulk = config.StockRefreshChanged, config.StockBulkOff
	e := r.read(stocks)
	e.levels()
	e.keepAnswers()
	e.close()
	r.forget()
	r.now = r.now.Add(time.Hour)
	r.shop.SetNow(r.now)
	return r
}

// oneByOneSKUs are the SKUs that were asked for by stockStatuses, sorted.
func (e *extraction) oneByOneSKUs() []string {
	e.t.Helper()
	return e.column("SELECT sku FROM run.stock_plan WHERE way = 'skus' ORDER BY sku")
}

func TestStock_ChangedAsksOnlyForWhatCanHaveChanged(t *testing.T) {
	t.Parallel()
	for _, sources := range []int{1, 3} {
		t.Run(fmt.Sprint(sources, " sources"), func(t *testing.T) {
			t.Parallel()
			r := lastNight(t, magentotest.GenerateOptions{Seed: 5, Products: 100, Sources: sources}, magentotest.Options{})
			e := r.read(stocks)
			if asked := e.oneByOneSKUs(); len(asked) > 0 {
				t.Errorf("nothing changed, and asked for were %q", asked)
			}
			same := e.levels()
			equal(t, "requests for SKUs", fmt.Sprint(len(r.requests("stockStatuses/"))), "0")
			e.close()
			equal(t, "stock", same, r.withoutRefresh(stocks))

			// The stock item of one, a source item of another, an order of a third.
			plan := r.pick(3)
			r.stockItem(plan[0].id, 77)
			r.sells(plan[0], 77)
			want := []string{plan[0].sku, plan[2].sku}
			if sources > 1 {
				r.sourceItem(plan[1].sku, 55)
				r.sells(plan[1], 55)
				want = append(want, plan[1].sku)
			}
			r.orderOf(2, 9001, r.now.Add(-10*time.Minute), plan[2].id)
			r.sells(plan[2], 3)
			slices.Sort(want)
			e = r.read(stocks)
			equal(t, "asked", strings.Join(e.oneByOneSKUs(), " "), strings.Join(want, " "))
			changed := e.levels()
			e.close()
			equal(t, "stock", changed, r.withoutRefresh(stocks))
			if changed == same {
				t.Error("no stock moved")
			}
		})
	}
}

// withoutRefresh is the stock by one request a SKU, whatever was known.
func (r *rig) withoutRefresh(parts extract.Parts) string {
	r.t.Helper()
	r.cfg.Sync.StockRefresh = config.StockRefreshAll
	levels := r.oneByOne(parts)
	r.cfg.Sync.StockRefresh = config.StockRefreshChanged
	return levels
}

type product struct {
	id  int
	sku string
}

// pick are some products of the plan that are managed and have a quantity.
func (r *rig) pick(n int) (list []product) {
	r.t.Helper()
	look := r.begin(stocks)
	look.must()
	defer look.close()
	rows := look.column(`SELECT p.remote_id || ' ' || p.sku FROM run.stock_plan p JOIN raw.stock_items i ON i.key = p.remote_id
		WHERE (i.item ->> 'manage_stock') = 'true' AND (i.item ->> 'qty')::DOUBLE >= 1 AND p.sku LIKE 'G-%' ORDER BY p.remote_id::INTEGER LIMIT ` + fmt.Sprint(n))
	for _, row := range rows {
		var p product
		if _, err := fmt.Sscan(row, &p.id, &p.sku); err != nil {
			r.t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// stockItem gives a product another quantity at the default source.
func (r *rig) stockItem(id, qty int) {
	r.put("stock_items", fmt.Sprintf(`{"item_id":%d,"product_id":%[1]d,"stock_id":1,"qty":%d,"is_in_stock":true,"manage_stock":true}`, id, qty))
}

// sourceItem gives a product another quantity at the second source, and what can be sold of it.
func (r *rig) sourceItem(sku string, qty int) {
	r.put("source_items", fmt.Sprintf(`{"sku":%q,"source_code":"source-2","quantity":%d,"status":1}`, sku, qty))
	r.put("source_items", fmt.Sprintf(`{"sku":%q,"source_code":"source-3","quantity":0,"status":1}`, sku))
}

// sells is what stockStatuses answers for a product from now on.
func (r *rig) sells(p product, qty int) {
	r.put("stock_statuses", fmt.Sprintf(`{"sku":%q,"answer":{"product_id":%d,"stock_id":1,"qty":%d,"stock_status":1,
		"stock_item":{"item_id":%[2]d,"product_id":%[2]d,"stock_id":1,"qty":%[3]d,"is_in_stock":true,"manage_stock":true}}}`, p.sku, p.id, qty))
}

// What makes an answer too old or another one's: each is asked for again, and nothing else.
func TestStock_ChangedAsksAgain(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*rig)
		all    bool // of them, not one
	}{
		"what was never answered": {change: func(r *rig) { r.state("DELETE FROM state.stock_answers WHERE sku = 'G-0000002'") }},
		"a SKU that was changed":  {change: func(r *rig) { r.state("UPDATE state.stock_answers SET sku = 'WAS' WHERE sku = 'G-0000002'") }},
		"an answer that is too old": {change: func(r *rig) {
			r.state("UPDATE state.stock_answers SET asked_at = '2026-11-22 02:59:59' WHERE sku = 'G-0000002'")
		}},
		"no quantity for this mode":  {change: func(r *rig) { r.state("UPDATE state.stock_answers SET salable_qty = NULL WHERE sku = 'G-0000002'") }},
		"a changed row of a listing": {change: func(r *rig) { r.stockItem(2, 12345) }},
		"another store code":         {change: func(r *rig) { r.cfg.Magento.StoreCode = "nl" }, all: true},
		"a shorter stock_max_age":    {change: func(r *rig) { r.cfg.Sync.StockMaxAge = time.Minute }, all: true},
		"orders cannot be read": {change: func(r *rig) {
			r.server.AddFault(magentotest.Fault{Prefix: "/V1/orders", Status: 401, Body: `{"message":"The consumer isn't authorized to access %resources.","parameters":{"resources":"Magento_Sales::actions_view"}}`})
		}, all: true},
		"no bookmark": {change: func(r *rig) { r.state("DELETE FROM state.bookmarks WHERE stream = 'orders_touched'") }, all: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := lastNight(t, magentotest.GenerateOptions{Seed: 11, Products: 40}, magentotest.Options{})
			test.change(r)
			e := r.read(stocks)
			got, want := fmt.Sprint(e.oneByOneSKUs()), "[G-0000002]"
			if test.all {
				want = fmt.Sprint(e.column("SELECT sku FROM run.stock_plan ORDER BY sku"))
			}
			equal(t, "asked", got, want)
			levels := e.levels()
			e.close()
			equal(t, "stock", levels, r.withoutRefresh(stocks))
			if bad := e.rig.log.String(); strings.Contains(name, "cannot") != strings.Contains(bad, "one SKU after another") {
				t.Errorf("the log says %q", bad)
			}
		})
	}
}

// Without the stock index the stock items tell all only of a shop that has no other source.
func TestStock_ChangedWithoutTheStockIndex(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sources int
		options magentotest.Options
		kept    bool
	}{
		"no MSI":                       {1, magentotest.Options{NoInventory: true}, true},
		"one stock and too old":        {1, magentotest.Options{NoBulkStock: true}, true},
		"several stocks and too old":   {3, magentotest.Options{NoBulkStock: true}, false},
		"who knows without permission": {3, magentotest.Options{DeniedResources: []string{"Magento_InventoryApi::stock"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := lastNight(t, magentotest.GenerateOptions{Seed: 11, Products: 40, Sources: test.sources}, test.options)
			e := r.read(stocks)
			if kept := strings.Contains(e.ways(), "kept"); kept != test.kept {
				t.Errorf("ways: %s, notes: %s", e.ways(), e.notes())
			}
			if (e.notes() == "") != test.kept {
				t.Errorf("notes: %s", e.notes())
			}
			if bad := e.column("SELECT stream FROM run.streams WHERE NOT complete"); len(bad) > 0 {
				t.Errorf("not complete: %q", bad)
			}
		})
	}
}

// With both, whichever needs fewer requests: the bulk listings when much has changed, else one request for each SKU that did.
func TestStock_ChangedTakesTheBulkListingsWhereMuchChanged(t *testing.T) {
	t.Parallel()
	for _, changed := range []int{3, 40} {
		r := lastNight(t, magentotest.GenerateOptions{Seed: 13, Products: 100}, magentotest.Options{})
		r.cfg.Sync.StockBulk = config.StockBulkAuto
		for id := 2; id < 2+changed; id++ {
			r.state(fmt.Sprintf("DELETE FROM state.stock_answers WHERE remote_id = '%d'", id))
		}
		e := r.read(stocks)
		if bulk := strings.Contains(e.ways(), "bulk"); bulk != (changed > 20) {
			t.Errorf("%d changed: %s", changed, e.ways())
		}
		levels := e.levels()
		e.close()
		equal(t, "stock", levels, r.withoutRefresh(stocks))
	}
}
