package extract_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"magento-optiply/config"
	"magento-optiply/extract"
	"magento-optiply/magento"
	"magento-optiply/magento/magentotest"
)

// stocks is a run for products and their stock.
var stocks = extract.Parts{Products: true, Stocks: true}

func TestExtract_OnlyEnabledSimpleProductsAreAskedForTheirStock(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.products(2)
	r.product(3, "P3", night, "disabled")
	r.product(4, "P4", night, "configurable")
	r.product(5, "P5", night, "virtual")
	e := r.read(stocks)
	equal(t, "SKUs", e.keys("stock_statuses"), "P1 P2")
	asked := r.requests("stockStatuses/")
	slices.Sort(asked)
	equal(t, "requests", strings.Join(asked, " "), "stockStatuses/P1 stockStatuses/P2")
	equal(t, "row", e.column("SELECT (item ->> 'sku') || ' ' || (item ->> 'remote_id') || ' ' || (item ->> 'source') || ' ' || (item ->> 'qty') FROM raw.stock_statuses WHERE key = 'P2'")[0],
		"P2 2 stockStatuses 20")
}

func TestExtract_BetweenTwoFullReadsTheStockOfWhatOptiplyHoldsIsAskedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.products(6)
	r.product(5, "P5", night.Add(-2*time.Minute))
	mark := night.Add(-time.Hour)
	r.state(bookmark("products_full", "", mark), bookmark("products", "", mark), held(1, "P1"), held(2, "P2"), held(3, "P3"), held(4, "GONE"),
		"UPDATE state.products SET unlimited_stock = true WHERE remote_id = '2'", "UPDATE state.products SET status = 'disabled' WHERE remote_id = '3'")
	r.shop.Delete("products", "P4")
	e := r.read(stocks)
	equal(t, "SKUs", e.keys("stock_statuses"), "P1 P5")
	equal(t, "misses", strings.Join(e.column("SELECT sku || ' ' || gone || ' ' || reason FROM run.stock_misses"), ""), "GONE true the product is gone from Magento")
	e.close()

	// Products alone: only what is new needs a stock.
	e = r.read(extract.Parts{Products: true})
	equal(t, "SKUs for products alone", e.keys("stock_statuses"), "P5")
}

func TestExtract_TheNullAnswerOfADisabledProductIsKeptAsItIs(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.product(1, "P1", night, "disabled")
	mark := night.Add(-time.Hour)
	r.state(bookmark("products_full", "", mark), held(1, "P1"))
	e := r.read(extract.Parts{Stocks: true})
	equal(t, "answer", strings.Join(e.column("SELECT (item ->> 'remote_id') || ' ' || coalesce(item ->> 'product_id', 'null') || ' ' || (item ->> '$.stock_item.product_id') FROM raw.stock_statuses"), ""), "1 null 0")
}

func TestExtract_AProductDeletedMeanwhileIsGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.products(3)
	r.meet = func(_ int, q *http.Request, _ http.ResponseWriter) {
		if strings.HasSuffix(q.URL.Path, "/stockStatuses/P2") {
			r.shop.Delete("products", "P2")
		}
	}
	e := r.read(stocks)
	equal(t, "SKUs", e.keys("stock_statuses"), "P1 P3")
	equal(t, "misses", strings.Join(e.column("SELECT sku || ' ' || product_id || ' ' || gone FROM run.stock_misses"), ""), "P2 2 true")
	equal(t, "stream", strings.Split(e.streams(), "\n")[3], "stock_statuses//skus: 2 rows, 4 requests")
}

func TestExtract_ASKUThatWasChangedIsAskedForByItsNewName(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.products(2)
	r.product(3, "OLD", night.AddDate(0, -1, 0))
	r.state(held(1, "WAS-P1"), held(2, "OLD")) // 1 was renamed to P1; 2 to P2, and OLD is another product's now
	e := r.read(extract.Parts{Stocks: true})
	equal(t, "rows", strings.Join(e.column("SELECT key || ' is ' || (item ->> 'remote_id') || ' with ' || (item ->> 'qty') FROM raw.stock_statuses ORDER BY 1"), ", "), "OLD is 2 with 20, WAS-P1 is 1 with 10")
	equal(t, "misses", fmt.Sprint(len(e.column("SELECT sku FROM run.stock_misses"))), "0")
}

// oddSKUs are those of the recorded shop, and more.
var oddSKUs = []string{"SKU WITH SPACE", "SKU/SLASH/1", "SKU+PLUS", "SKU%PERCENT", "SKU%2FENC", "SKU#HASH", "SKU&AMP", `SKU"QUOTE'S`, "SKU?Q=1", `SKU\BACK`, "SKU,COMMA",
	"..", ".", "00123", "ÜNÏCÖDÉ-ß", "漢字", "a;b", "<b>", "{x}", "[y]", "|", "^", "`", "~", "*", "$1", "=", "@", "!"}

func TestExtract_OddSKUsAreAllAnswered(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Sync.StockBulk = config.StockBulkOff
	for i, sku := range oddSKUs {
		r.product(i+1, sku, night.AddDate(0, -1, 0))
	}
	e := r.read(stocks)
	equal(t, "answers", strings.Join(e.column("SELECT key FROM raw.stock_statuses ORDER BY (item ->> 'remote_id')::INTEGER"), "\n"), strings.Join(oddSKUs, "\n"))
	equal(t, "each has its own", strings.Join(e.column("SELECT count(*) FROM raw.stock_statuses WHERE (item ->> 'product_id') = (item ->> 'remote_id')"), ""), fmt.Sprint(len(oddSKUs)))
}

func TestExtract_ApacheRefusesASlashAndTheProductIsNotGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{Apache: true})
	r.cfg.Sync.StockBulk = config.StockBulkOff
	r.product(1, "P1", night)
	for i := 2; i < 20; i++ { // more than may be refused in a row
		r.product(i, fmt.Sprint("A/", i), night)
	}
	r.product(20, "P20", night)
	r.shop.Delete("products", "A/7")
	r.state(held(70, "B/70"))
	r.state(bookmark("products_full", "", night.Add(-time.Hour)))
	e := r.begin(stocks)
	e.job.Full = true
	e.must()
	equal(t, "SKUs", e.keys("stock_statuses"), "P1 P20")
	equal(t, "misses", strings.Join(e.column("SELECT gone || ' ' || reason || ' ' || count(*) FROM run.stock_misses GROUP BY gone, reason"), "\n"),
		"false the shop's web server refuses this SKU in a path (Apache without AllowEncodedSlashes does) 17")
	equal(t, "quarantined", e.column("SELECT quarantined FROM run.streams WHERE stream = 'stock_statuses'")[0], "17")
	e.close()

	e = r.begin(stocks) // by window: what Optiply holds is asked for, and is gone behind the slash too
	e.must()
	equal(t, "gone", strings.Join(e.column("SELECT sku FROM run.stock_misses WHERE gone"), " "), "B/70")
}

func TestExtract_ASKUThatTheShopRefusesStopsNoOther(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]magentotest.Fault{
		"500":      {Status: 500, Body: `{"message":"Internal Error. Details are available in Magento log file. Report ID: webapi-1"}`},
		"400":      {Status: 400, Body: `{"message":"Could not receive Stock Item data"}`},
		"firewall": {Status: 403, Body: "<html><body>mod_security: Not Acceptable</body></html>"},
		"no route": {Status: 404, Body: `{"message":"Request does not match any route."}`},
		"a list":   {Status: 200, Body: `[]`},
		// Of the SKU alone, since the listing answers for its product.
		"broken JSON":     {Status: 200, Body: `{"product_id":2,`},
		"a page with 200": {Status: 200, Body: `<html><title>Warning: Undefined index</title></html>`},
		"nothing":         {Status: 200},
		"504":             {Status: 504, Body: `<html><title>504 Gateway Time-out</title></html>`},
		"a reset":         {Cut: 0.5, Reset: true},
		"no answer":       {Close: true},
		"a redirect":      {Status: 302, Header: map[string]string{"Location": "https://elsewhere.example/"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, magentotest.Options{})
			r.products(3)
			fault.Prefix = "/V1/stockStatuses/P2"
			r.server.AddFault(fault)
			e := r.read(stocks)
			equal(t, "SKUs", e.keys("stock_statuses"), "P1 P3")
			equal(t, "misses", strings.Join(e.column("SELECT sku || ' ' || gone || ' ' || (length(reason) > 10) FROM run.stock_misses"), ""), "P2 false true")
		})
	}
}

func TestExtract_AShopThatRefusesEverySKUStopsTheRunAndIsAskedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Sync.StockBulk = config.StockBulkOff
	r.cfg.Magento.Concurrency = 1
	r.products(30)
	r.server.AddFault(magentotest.Fault{Prefix: "/V1/stockStatuses/", Status: 500, After: 3})
	e := r.begin(stocks)
	_, err := e.job.Extract(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), `read stock_statuses: 10 SKUs in a row were refused, the last is "P`) || !strings.Contains(err.Error(), "HTTP 500") {
		t.Fatalf("got %v", err)
	}
	equal(t, "misses", fmt.Sprint(len(e.column("SELECT sku FROM run.stock_misses"))), "0")
	equal(t, "kept", e.column("SELECT rows || ' rows, complete ' || complete FROM run.streams WHERE stream = 'stock_statuses'")[0], "3 rows, complete false")
	e.close()
	r.server.ClearFaults()
	e = r.resume(stocks)
	e.must()
	equal(t, "answers", e.column("SELECT count(DISTINCT key) || ' of ' || count(*) FROM raw.stock_statuses")[0], "30 of 30")
}

// A SKU of which it is not known whether the product is there, and whose product the listing cannot tell of either.
func TestExtract_ASKUWhoseProductTheListingCannotTellOfStopsNoOther(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]magentotest.Fault{
		"500":     {Status: 500, Body: `{"message":"x"}`},
		"400":     {Status: 400, Body: `{"message":"no filter on entity_id"}`},
		"another": {Status: 200, Body: `{"items":[{"id":3,"sku":"P3"}],"total_count":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, magentotest.Options{})
			r.products(3)
			r.server.AddFault(magentotest.Fault{Prefix: "/V1/stockStatuses/P2", Status: 404, Body: `{"message":"The Product with the \"%1\" SKU doesn't exist.","parameters":["P2"]}`})
			fault.Pattern = regexp.MustCompile("/products.*entity_id&.*value%5D=2&")
			r.server.AddFault(fault)
			e := r.read(stocks)
			equal(t, "SKUs", e.keys("stock_statuses"), "P1 P3")
			equal(t, "misses", strings.Join(e.column("SELECT sku || ' ' || gone || ' ' || reason FROM run.stock_misses"), ""), "P2 false stockStatuses does not know this SKU, though the listing does")
		})
	}
}

// A signature that the shop refuses in every form can be about one address, as about a slash in it since 2.4.6
// (magento2#37278); one that it refuses for the listing too is that of the whole run.
func TestExtract_ASignatureThatIsRefusedForOneSKUStopsNoOther(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{OAuth: &magentotest.OAuth{ConsumerKey: "ck", ConsumerSecret: "cs", AccessToken: "tk", AccessTokenSecret: "ts"}})
	r.auth = magento.OAuth1("ck", "cs", "tk", "ts")
	r.cfg.Sync.StockBulk = config.StockBulkOff
	r.product(1, "P1", night)
	r.product(2, "A/2", night)
	r.product(3, "P3", night)
	refusal := magentotest.Fault{Prefix: "/V1/stockStatuses/A%2F2", Status: 401, Body: `{"message":"The signature is invalid. Verify and try again."}`}
	r.server.AddFault(refusal)
	e := r.read(stocks)
	equal(t, "SKUs", e.keys("stock_statuses"), "P1 P3")
	equal(t, "misses", strings.Join(e.column("SELECT sku || ' ' || gone FROM run.stock_misses"), ""), "A/2 false")
	e.close()

	refusal.Prefix = ""
	refusal.Pattern = regexp.MustCompile("A%2F2|/products.*entity_id&.*value%5D=2&")
	r.server.AddFault(refusal)
	_, err := r.begin(stocks).job.Extract(t.Context())
	var m *magento.Error
	if !errors.As(err, &m) || !m.SignatureRefused() {
		t.Errorf("got %v, want the refused signature", err)
	}
}

func TestExtract_AnEmptyAnswerDoesNotSpoilItsPage(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.products(2)
	r.server.AddFault(magentotest.Fault{Prefix: "/V1/stockStatuses/P1", Status: 200, Body: `{ }`})
	r.server.AddFault(magentotest.Fault{Prefix: "/V1/stockStatuses/P2", Status: 200, Body: `{"qty":5,"sku":"other"}`})
	e := r.read(stocks)
	equal(t, "rows", strings.Join(e.column("SELECT key || ' ' || coalesce(item ->> 'qty', 'NULL') FROM raw.stock_statuses ORDER BY 1"), ", "), "P1 NULL, P2 5")
}

func TestExtract_SeveralWorkersAskAtATime(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Sync.StockBulk = config.StockBulkOff
	r.products(12)
	var mu sync.Mutex
	var now, most int
	r.meet = func(_ int, q *http.Request, _ http.ResponseWriter) {
		if !strings.Contains(q.URL.Path, "/stockStatuses/") {
			return
		}
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(20 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
	}
	e := r.read(stocks)
	if most < 2 || most > r.cfg.Magento.Concurrency {
		t.Errorf("%d requests at a time, with concurrency %d", most, r.cfg.Magento.Concurrency)
	}
	equal(t, "answers", e.column("SELECT count(DISTINCT key) FROM raw.stock_statuses")[0], "12")
}

func TestExtract_MoreAnswersThanAPageHoldsAreAllKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Sync.StockBulk = config.StockBulkOff
	r.cfg.Magento.Concurrency = 1
	r.products(130)
	e := r.read(stocks)
	equal(t, "answers", e.column("SELECT count(DISTINCT key) || ' of ' || count(*) FROM raw.stock_statuses")[0], "130 of 130")
	equal(t, "pages", strings.Join(e.column("SELECT file || ' ' || rows FROM run.pages WHERE stream = 'stock_statuses' ORDER BY file"), ", "),
		"skus-000001.json 100, skus-000002.json 30")
}

func TestExtract_TheBulkListingIsReadPageByPage(t *testing.T) {
	t.Parallel()
	for _, repeats := range []bool{false, true} { // 2.4 ends with an empty page, 2.3 with the last one again
		for _, items := range []int{1000, 1300} {
			t.Run(fmt.Sprint(repeats, items), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, magentotest.Options{RepeatLastPage: repeats})
				for i := 1; i <= items; i++ {
					r.put("stock_items", fmt.Sprintf(`{"item_id":%d,"product_id":%[1]d,"stock_id":1,"qty":%[1]d,"manage_stock":true}`, i))
				}
				r.put("stock_items", `{"item_id":5000,"product_id":5000,"stock_id":1,"qty":null,"manage_stock":true}`)
				r.cfg.Sync.UseStockStatuses = false
				e := r.read(extract.Parts{Stocks: true})
				equal(t, "rows", e.column("SELECT count(DISTINCT key) || ' of ' || count(*) FROM raw.stock_items")[0], fmt.Sprintf("%d of %[1]d", items))
				equal(t, "complete", e.column("SELECT complete FROM run.streams WHERE stream = 'stock_items'")[0], "true")
			})
		}
	}
}

func TestExtract_AServerThatRepeatsItsLastPageIsReadOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{RepeatLastPage: true})
	r.cfg.Magento.PageSize, r.cfg.Magento.SourceItemsPageSize = 2, 2
	r.cfg.Sync.UseInventorySourceItems = true
	r.products(4)
	r.source(4)
	r.order(1, night.Add(-time.Hour), 1)
	r.order(2, night.Add(-time.Hour), 1)
	e := r.read(extract.All())
	for stream, want := range map[string]string{"products": "4 of 4", "orders": "2 of 2", "source_items": "4 of 4", "stock_items": "4 of 4"} {
		equal(t, stream, e.column("SELECT count(DISTINCT key) || ' of ' || count(*) FROM raw." + stream)[0], want)
	}
}

// Source items have no id in their answers, so that their pages shift when one is deleted.
func TestExtract_AListThatChangesWhileItIsReadIsReadAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.SourceItemsPageSize = 3
	r.cfg.Sync.UseInventorySourceItems = true
	r.source(9)
	pages := 0
	r.meet = func(_ int, q *http.Request, _ http.ResponseWriter) {
		if strings.HasSuffix(q.URL.Path, "/source-items") {
			if pages++; pages == 2 {
				r.shop.Delete("source_items", magentotest.Key("P1", "main"))
				r.shop.Delete("source_items", magentotest.Key("P2", "main"))
			}
		}
	}
	e := r.read(extract.Parts{Stocks: true})
	equal(t, "SKUs", e.keys("source_items"), "P3 P4 P5 P6 P7 P8 P9")
	equal(t, "stream", e.column("SELECT rows || ' rows, ' || pages || ' pages, ' || requests || ' requests, complete ' || complete FROM run.streams WHERE stream = 'source_items'")[0],
		"7 rows, 3 pages, 5 requests, complete true")
}

func TestExtract_AListThatNeverStandsStillIsAnError(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.SourceItemsPageSize = 3
	r.cfg.Sync.UseInventorySourceItems = true
	r.source(20)
	next := 1
	r.meet = func(_ int, q *http.Request, _ http.ResponseWriter) {
		if strings.HasSuffix(q.URL.Path, "/source-items") {
			r.shop.Delete("source_items", magentotest.Key(fmt.Sprint("P", next), "main"))
			next++
		}
	}
	e := r.begin(extract.Parts{Stocks: true})
	_, err := e.job.Extract(t.Context())
	if err == nil || !strings.Contains(err.Error(), "read source_items: the list changed each of the 3 times that it was read") {
		t.Fatalf("got %v", err)
	}
	e.close()
	r.heal()
	e = r.resume(extract.Parts{Stocks: true})
	e.must()
	equal(t, "SKUs", e.column("SELECT count(DISTINCT key) || ' of ' || count(*) FROM raw.source_items")[0], fmt.Sprintf("%d of %[1]d", 20-next+1))
}

func TestExtract_AListThatCountsMoreThanItGivesIsNotComplete(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Sync.UseInventorySourceItems = true
	r.source(2)
	r.rewrite = total("/source-items", 5)
	e := r.read(extract.Parts{Stocks: true})
	equal(t, "stream", e.column("SELECT complete || ' ' || reason FROM run.streams WHERE stream = 'source_items'")[0], "false 2 rows were read, and the shop counts 5")
}

// The limit is learned in the first run; the resumed one must go on with pages of that size.
func TestExtract_ResumedWithPagesOfTheShopsLimit(t *testing.T) {
	t.Parallel()
	for n := 5; n <= 8; n += 2 {
		r := newRig(t, magentotest.Options{MaxPageSize: 3, RepeatLastPage: true})
		r.cfg.Sync.UseInventorySourceItems = true
		r.source(6)
		e := r.begin(extract.Parts{Stocks: true})
		if _, err := e.job.Extract(e.cancelled(n)); err == nil {
			t.Fatalf("request %d: the extraction ended well", n)
		}
		e.close()
		r.heal()
		e = r.resume(extract.Parts{Stocks: true})
		e.must()
		equal(t, fmt.Sprint("killed at request ", n), e.column("SELECT count(DISTINCT key) || ' of ' || count(*) FROM raw.source_items")[0], "6 of 6")
	}
}
