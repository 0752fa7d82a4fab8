package extract_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"magento-optiply/config"
	"magento-optiply/extract"
	"magento-optiply/magento"
	"magento-optiply/magento/magentotest"
)

// manyProducts is a shop with n products in ids that lie unevenly, read by several workers in small pages.
func manyProducts(t *testing.T, n, workers int) *rig {
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.PageSize, r.cfg.Magento.Concurrency = 2, workers
	for i := range n {
		id := i + 1
		if i > n/2 {
			id += 5000
		}
		r.product(id, fmt.Sprintf("P%d", id), night.AddDate(0, -1, -i/3))
	}
	return r
}

// ranges is run.ranges in short.
func (e *extraction) ranges(stream string) string {
	e.t.Helper()
	return strings.Join(e.column(`SELECT number || ': ' || pager || ' ' || after_id || ' to ' || coalesce(upto_id::VARCHAR, 'the end') || CASE WHEN done THEN '' ELSE ', open' END
		FROM run.ranges WHERE stream = ? ORDER BY number`, stream), "\n")
}

func TestRanges_SeveralWorkersReadALargeListing(t *testing.T) {
	t.Parallel()
	one := manyProducts(t, 60, 1).read(extract.Parts{Deletions: true})
	equal(t, "one worker", one.ranges("products"), "1: keyset 0 to the end")
	many := manyProducts(t, 60, 3).read(extract.Parts{Deletions: true})
	equal(t, "ranges", many.ranges("products"), `
1: keyset 0 to 564
2: keyset 564 to 1126
3: keyset 1126 to 1688
4: keyset 1688 to 2250
5: keyset 2250 to 2812
6: keyset 2812 to 3374
7: keyset 3374 to 3936
8: keyset 3936 to 4498
9: keyset 4498 to the end`)
	equal(t, "coverage", many.coverage(), ": complete, 60 of 60")
	if diff := cmp.Diff(one.content(), many.content()); diff != "" {
		t.Errorf("(-one worker +three):\n%s", diff)
	}
	if n := len(many.column("SELECT DISTINCT range FROM run.pages WHERE stream = 'products'")); n != 2 {
		t.Errorf("pages of %d ranges", n) // the ids in between are not there
	}
}

func TestRanges_ASmallShopIsAskedNothingMore(t *testing.T) {
	t.Parallel()
	r := manyProducts(t, 20, 4)
	e := r.read(extract.Parts{Products: true})
	equal(t, "streams", strings.Split(e.streams(), "\n")[2], "products//full: 20 rows, 10 pages, 12 requests") // behind the end, and the count
}

func TestRanges_AShopThatDoesNotTellItsLastIDIsReadInOneRange(t *testing.T) {
	t.Parallel()
	for _, fault := range []magentotest.Fault{
		{Pattern: regexp.MustCompile("direction%5D=DESC"), Status: 400, Body: `{"message":"no"}`},
		{Prefix: "/V1/products", Poison: &magentotest.Poison{Stream: "products", Key: "P5060"}},
	} {
		r := manyProducts(t, 60, 3)
		r.server.AddFault(fault)
		e := r.read(extract.Parts{Deletions: true})
		equal(t, "ranges", e.ranges("products"), "1: keyset 0 to the end")
		if n := len(strings.Fields(e.keys("products"))); n < 59 {
			t.Errorf("%d products", n)
		}
	}
}

func TestRanges_BrokenRecordsAreNamedByWhicheverWorkerMeetsThem(t *testing.T) {
	t.Parallel()
	r := manyProducts(t, 60, 3)
	for _, sku := range []string{"P2", "P17", "P5040", "P5041"} {
		r.server.AddFault(magentotest.Fault{Prefix: "/V1/products", Poison: &magentotest.Poison{Stream: "products", Key: sku}})
	}
	e := r.read(extract.Parts{Deletions: true})
	equal(t, "quarantined", strings.Join(e.column("SELECT remote_id FROM run.issues ORDER BY remote_id::INT"), " "), "2 17 5040 5041")
	equal(t, "coverage", e.coverage(), ": not complete: 4 products are quarantined: the shop cannot answer for them, 56 of 60")
}

func TestRanges_TooManyBrokenRecordsAreABrokenShopWhoeverCountsThem(t *testing.T) {
	t.Parallel()
	r := manyProducts(t, 140, 3)
	r.cfg.Magento.PageSize = 4
	for i := range 130 {
		id := i + 10
		if id > 71 {
			id += 5000
		}
		r.server.AddFault(magentotest.Fault{Prefix: "/V1/products", Poison: &magentotest.Poison{Stream: "products", Key: fmt.Sprintf("P%d", id)}})
	}
	e := r.begin(extract.Parts{Deletions: true})
	if _, err := e.job.Extract(t.Context()); err == nil || !strings.Contains(err.Error(), "more than 100 records cannot be read") {
		t.Errorf("got %v", err)
	}
	equal(t, "named", e.column("SELECT count(*) FROM run.issues")[0], "100")
}

// killed lets an extraction be cancelled at every each-th request, and compares each that was gone on with. How many requests there
// are depends a little on which worker is faster, so none is cancelled at one of the last.
func killed(t *testing.T, make func() *rig, parts extract.Parts, each int) {
	t.Helper()
	whole := make().read(parts)
	want, requests := whole.content(), len(whole.asked)
	for n := each; n < requests-requests/10; n += each {
		r := make()
		e := r.begin(parts)
		if _, err := e.job.Extract(e.cancelled(n)); err == nil {
			t.Fatalf("request %d of %d: the extraction ended well", n, requests)
		}
		e.close()
		r.heal()
		again := r.resume(parts)
		again.must()
		if diff := cmp.Diff(want, again.content()); diff != "" {
			t.Errorf("killed at request %d of %d (-undisturbed +resumed):\n%s", n, requests, diff)
		}
		again.close()
	}
}

func TestRanges_KilledWithSeveralWorkersEachRangeIsGoneOnWith(t *testing.T) {
	t.Parallel()
	killed(t, func() *rig { return manyProducts(t, 50, 3) }, extract.Parts{Deletions: true}, 12)
}

func TestRanges_KilledWhileReadingByPageNumberOrInPiecesOfAWindowGoesOn(t *testing.T) {
	t.Parallel()
	shop := func(paging string) func() *rig {
		return func() *rig {
			r := wideOrders(t, 40, 3, paging)
			r.cfg.Magento.StartDate = night.AddDate(0, 0, -20)
			return r
		}
	}
	killed(t, shop(config.PagingAuto), extract.Parts{SellOrders: true}, 17)
	killed(t, shop(config.PagingNumber), extract.Parts{SellOrders: true}, 19)
}

// wideOrders is a shop with an order every few hours that cannot answer for more than two days at once.
func wideOrders(t *testing.T, n, workers int, paging string) *rig {
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.PageSize, r.cfg.Magento.Concurrency, r.cfg.Magento.Paging = 3, workers, paging
	r.cfg.Magento.StartDate = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		r.order(i+1, night.Add(-time.Duration(i+1)*7*time.Hour), 1)
	}
	r.server.AddFault(magentotest.Fault{Prefix: "/V1/orders", WiderThan: 48 * time.Hour, Status: 504, Body: "<html><title>504 Gateway Time-out</title></html>"})
	return r
}

// Eleven months in pieces that the shop can answer for are some 164 at the least.
func TestRanges_AWindowThatTakesTooLongIsReadInPieces(t *testing.T) {
	t.Parallel()
	for _, paging := range []string{config.PagingKeyset, config.PagingNumber} {
		t.Run(paging, func(t *testing.T) {
			t.Parallel()
			r := wideOrders(t, 200, 3, paging)
			e := r.read(extract.Parts{SellOrders: true})
			equal(t, "orders", e.column("SELECT count(DISTINCT key) FROM raw.orders")[0], "200")
			equal(t, "window", strings.Join(e.column("SELECT window_start || ' to ' || window_end || ' ' || complete FROM run.streams WHERE stream = 'orders'"), ""),
				"2026-01-01 00:00:00 to 2026-11-23 01:59:00 true")
			equal(t, "pieces without gap", e.column(`SELECT count(*) FROM (SELECT window_end, lead(window_start) OVER (ORDER BY window_start) AS next FROM run.ranges WHERE stream = 'orders')
				WHERE next <> window_end + INTERVAL 1 SECOND`)[0], "0")
			failed := 0
			for _, q := range r.server.Requests() {
				if q.Fault != "" || q.Status == 504 {
					failed++
				}
			}
			requests := len(r.requests("orders"))
			t.Logf("%d requests, %d of them 504", requests, failed)
			if requests > 400 || failed > 40 {
				t.Errorf("%d requests, %d of them 504", requests, failed)
			}
		})
	}
}

func TestRanges_AShopThatAnswersForNoWindowIsNotAskedForSmallerOnes(t *testing.T) {
	t.Parallel()
	r := wideOrders(t, 5, 3, config.PagingAuto)
	r.server.AddFault(magentotest.Fault{Prefix: "/V1/orders", Status: 504})
	e := r.begin(extract.Parts{SellOrders: true})
	_, err := e.job.Extract(t.Context())
	var m *magento.Error
	if !errors.As(err, &m) || m.Kind != magento.Gateway || len(r.requests("orders")) > 6 {
		t.Errorf("got %v after %d requests", err, len(r.requests("orders")))
	}
}

// A whole listing has no window, and is narrowed by id: this shop cannot look through more than 40 products at once.
func TestRanges_AListingThatTakesTooLongIsReadByIDRange(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{true, false} { // whether it can look for the last id
		r := newRig(t, magentotest.Options{})
		r.cfg.Magento.PageSize, r.cfg.Magento.Concurrency = 10, 3
		r.products(150)
		r.server.AddFault(magentotest.Fault{Prefix: "/V1/too-many", Status: 504})
		r.meet = func(_ int, q *http.Request, _ http.ResponseWriter) {
			if !strings.HasSuffix(q.URL.Path, "/products") || told && strings.Contains(q.URL.RawQuery, "DESC") {
				return
			}
			after, upto := idsAsked(q.URL.Query())
			if min(upto, 150)-after > 40 {
				q.URL.Path = "/rest/V1/too-many"
			}
		}
		e := r.read(extract.Parts{Deletions: true})
		equal(t, "products", e.column("SELECT count(DISTINCT key) FROM raw.products")[0], "150")
		equal(t, "complete", e.column("SELECT complete FROM run.streams WHERE stream = 'products'")[0], "true")
		equal(t, "coverage", e.coverage(), ": complete, 150 of 150")
		if n := len(r.requests("products")); n > 300 {
			t.Errorf("told %v: %d requests", told, n)
		} else {
			t.Logf("told %v: %d requests", told, n)
		}
	}
}

// idsAsked are the filters on the id.
func idsAsked(q url.Values) (after, upto int) {
	upto = 1 << 60
	for name, values := range q {
		if !strings.HasSuffix(name, "[field]") || values[0] != "entity_id" {
			continue
		}
		at := strings.TrimSuffix(name, "[field]")
		n, _ := strconv.Atoi(q.Get(at + "[value]"))
		switch q.Get(at + "[conditionType]") {
		case magento.Gt:
			after = n
		case magento.LtEq:
			upto = n
		}
	}
	return after, upto
}

var idFilter = regexp.MustCompile(`(entity_id&searchCriteria[^&]*value%5D=)\d+`)

func TestPaging_AShopThatIgnoresOrRefusesIDsIsReadByPageNumber(t *testing.T) {
	t.Parallel()
	for name, break_ := range map[string]func(r *rig){
		"the filter is ignored": func(r *rig) {
			r.meet = func(_ int, q *http.Request, _ http.ResponseWriter) {
				q.URL.RawQuery = idFilter.ReplaceAllString(q.URL.RawQuery, "${1}0")
			}
		},
		"the order is ignored": func(r *rig) {
			r.meet = func(_ int, q *http.Request, _ http.ResponseWriter) {
				if strings.Contains(q.URL.RawQuery, "sortOrders%5D%5B0%5D%5Bfield%5D=entity_id") {
					q.URL.RawQuery = strings.Replace(q.URL.RawQuery, "direction%5D=ASC", "direction%5D=DESC", 1)
				}
			}
		},
		"400": func(r *rig) {
			r.server.AddFault(magentotest.Fault{Pattern: regexp.MustCompile("entity_id&searchCriteria[^&]*value%5D="), Status: 400, Body: `{"message":"no filter on entity_id"}`})
		},
		"500": func(r *rig) {
			r.server.AddFault(magentotest.Fault{Pattern: regexp.MustCompile("entity_id&searchCriteria[^&]*value%5D="), Status: 500, Body: `{"message":"Internal Error"}`})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, magentotest.Options{})
			r.cfg.Magento.PageSize = 3
			r.products(8)
			r.order(1, night.Add(-time.Hour), 1)
			r.order(2, night.Add(-2*time.Hour), 1)
			break_(r)
			e := r.begin(extract.Parts{Deletions: true, SellOrders: true})
			e.must()
			equal(t, "products", e.keys("products"), "1 2 3 4 5 6 7 8")
			equal(t, "orders", e.keys("orders"), "1 2")
			equal(t, "coverage", e.coverage(), ": complete, 8 of 8")
			equal(t, "ranges", e.ranges("products"), "1: page_number 0 to the end\n2: page_number 0 to the end")
			if !strings.Contains(r.log.String(), "read by page number") {
				t.Errorf("the log does not say so: %s", &r.log)
			}
		})
	}
}

func TestPaging_KeysetIsNotFallenBackFromWhereItIsSet(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.Paging = config.PagingKeyset
	r.products(3)
	r.server.AddFault(magentotest.Fault{Pattern: regexp.MustCompile("products.*entity_id"), Status: 400, Body: `{"message":"no"}`})
	e := r.begin(extract.Parts{Deletions: true})
	if _, err := e.job.Extract(t.Context()); err == nil {
		t.Error("the extraction ended well")
	}
}

// 640 products of a second, and some before it, in pages of three: 200 pages do not reach its end.
func TestPaging_TheWindowMovesAfter200PagesAndGoesDeeperWithinASecond(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.Paging = config.PagingNumber
	shop := magentotest.Generate(magentotest.GenerateOptions{Seed: 1, Products: 700, SameSecond: 640, Slim: true, Now: night.Add(-time.Hour), AccessToken: token})
	r.serveShop(shop, 3)
	mark := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)
	r.state(bookmark("products_full", "", night), bookmark("products", "", mark))
	e := r.begin(extract.Parts{Products: true})
	e.job.OnlyStreams = true
	e.must()
	equal(t, "products", e.column("SELECT count(DISTINCT key) FROM raw.products")[0], "700")
	deepest, starts := 0, map[string]bool{}
	for _, q := range r.requests("products?") {
		if !strings.Contains(q, "=updated_at") {
			continue
		}
		n, _ := strconv.Atoi(regexp.MustCompile(`currentPage\]=(\d+)`).FindStringSubmatch(q)[1])
		deepest = max(deepest, n)
		starts[regexp.MustCompile(`\[value\]=([^&]*)`).FindStringSubmatch(q)[1]] = true
	}
	if deepest < 210 || len(starts) < 3 {
		t.Errorf("deepest page %d, windows from %v", deepest, starts)
	}
}

// serveShop replaces the rig's shop, stores included.
func (r *rig) serveShop(shop *magentotest.Shop, maxPageSize int) {
	options := magentotest.Options{MaxPageSize: maxPageSize}
	shop.Now = night
	r.shop, r.server = shop, magentotest.New(shop, options)
}

var sameSecondPages = flag.Int("same-second-page-size", 20_000, "page size of the test with 100,000 products of one second; 300 is the long form")

func TestPaging_AHundredThousandRowsOfOneSecondAreAllRead(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 100,000 products")
	}
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.PageSize, r.cfg.Magento.Paging = *sameSecondPages, config.PagingNumber
	r.serveShop(magentotest.Generate(magentotest.GenerateOptions{Seed: 1, Products: 100_500, SameSecond: 100_000, Slim: true, Now: night.Add(-time.Hour), AccessToken: token}), 0)
	r.state(bookmark("products_full", "", night), bookmark("products", "", time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)))
	e := r.begin(extract.Parts{Products: true})
	e.job.OnlyStreams = true
	e.must()
	equal(t, "products", e.column("SELECT count(DISTINCT key) FROM raw.products")[0], "100500")
	equal(t, "stream", e.column("SELECT complete FROM run.streams WHERE stream = 'products' AND part = 'window'")[0], "true")
	t.Logf("%d requests", len(r.requests("products?")))
}

// Between any two requests other people delete, save and add products: each that was there throughout is read, by either way
// and any number of workers; by keyset once. Magento before 2.4 repeats its last page; rows of one second have no order.
func TestPaging_LosesNothingWhileTheShopChanges(t *testing.T) {
	t.Parallel()
	fewChecks(t, func(rt *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0))
		const products = 90
		paging := rapid.SampledFrom([]string{config.PagingKeyset, config.PagingNumber}).Draw(rt, "paging")
		r := newRig(t, magentotest.Options{})
		shop := magentotest.Generate(magentotest.GenerateOptions{Seed: random.Uint64(), Products: products, Slim: true, Now: night.Add(-time.Hour), AccessToken: token,
			SameSecond: rapid.SampledFrom([]int{0, 10}).Draw(rt, "of one second")})
		r.shop, r.server = shop, magentotest.New(shop, magentotest.Options{RepeatLastPage: rapid.Bool().Draw(rt, "2.3")})
		r.cfg.Magento.PageSize, r.cfg.Magento.Concurrency, r.cfg.Magento.Paging = rapid.IntRange(2, 12).Draw(rt, "page size"), rapid.IntRange(1, 4).Draw(rt, "workers"), paging
		if rapid.Bool().Draw(rt, "ties") {
			r.server.AddFault(magentotest.Fault{UnstableTies: true})
		}
		window := rapid.Bool().Draw(rt, "window")
		if window {
			r.state(bookmark("products_full", "", night), bookmark("products", "", time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)))
		}
		skus, gone, left := map[string]string{}, map[string]bool{}, []string{}
		for _, raw := range shop.Records("products") {
			id, sku := idAndSKU(t, raw)
			skus[sku] = id
			left = append(left, sku)
		}
		var mu sync.Mutex
		added := products
		r.server.AddFault(magentotest.Fault{Prefix: "/V1/products", Between: func(n int) {
			mu.Lock()
			defer mu.Unlock()
			if n > 150 {
				return
			}
			sku := left[random.IntN(len(left))]
			switch random.IntN(5) {
			case 0:
				gone[sku] = true
				shop.Delete("products", sku)
			case 1:
				gone[sku] = gone[sku] || window // it leaves the window
				shop.Touch("products", sku, night.Add(time.Minute))
			case 2:
				added++
				r.put("products", fmt.Sprintf(`{"id":%d,"sku":"NEW%[1]d","name":"New","price":1,"status":1,"type_id":"simple","created_at":%q,"updated_at":%[2]q}`, added, magento.FormatTime(night.Add(time.Minute))))
			}
		}})
		e := r.begin(extract.Parts{Products: true})
		e.job.OnlyStreams = true
		defer e.close()
		if _, err := e.job.Extract(t.Context()); err != nil {
			var m *magento.Error
			if !errors.As(err, &m) || m.Kind != magento.Changing {
				rt.Fatal(err)
			}
			return // and it is not complete
		}
		read := map[string]int{}
		for _, key := range e.column("SELECT key FROM raw.products") {
			read[key]++
		}
		for sku, id := range skus {
			if n := read[id]; !gone[sku] && (n == 0 || n > 1 && paging == config.PagingKeyset) {
				rt.Fatalf("product %s (%s) was read %d times", id, sku, n)
			}
		}
	})
}

func idAndSKU(t *testing.T, raw []byte) (id, sku string) {
	t.Helper()
	var product struct {
		ID  int
		SKU string
	}
	if err := json.Unmarshal(raw, &product); err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(product.ID), product.SKU
}

// BenchmarkWorkers reads 20,000 products of a shop that takes so long for each answer. (A recorded one took 2.3 s for 300.)
func BenchmarkWorkers(b *testing.B) {
	for _, c := range []struct {
		delay   time.Duration
		workers int
	}{{20 * time.Millisecond, 1}, {20 * time.Millisecond, 4}, {300 * time.Millisecond, 1}, {300 * time.Millisecond, 4}} {
		b.Run(fmt.Sprint(c.delay, " ", c.workers), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				r := newRig(b, magentotest.Options{})
				r.cfg.Magento.Concurrency = c.workers
				r.serveShop(magentotest.Generate(magentotest.GenerateOptions{Seed: 1, Products: 20_000, Slim: true, Now: night.Add(-time.Hour), AccessToken: token}), 0)
				r.server.AddFault(magentotest.Fault{Delay: c.delay})
				e := r.begin(extract.Parts{Deletions: true})
				e.job.OnlyStreams = true
				b.StartTimer()
				e.must()
				b.StopTimer()
				equal(b, "coverage", e.coverage(), ": complete, 20000 of 20000")
				b.ReportMetric(float64(len(r.asked)), "requests")
				e.close()
				b.StartTimer()
			}
		})
	}
}
