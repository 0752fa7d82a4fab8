package extract_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"magento-optiply/config"
	"magento-optiply/extract"
	"magento-optiply/magento/magentotest"
)

// productsOnly is a run for the whole products listing and the second look, without stock.
func productsOnly(c *config.Config) extract.Parts {
	c.Sync.SyncProductDeletions = true
	return extract.Parts{Deletions: true}
}

func TestExtract_AListingReadWholeIsCovered(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.PageSize = 3
	r.products(6) // fills its pages exactly
	e := r.read(productsOnly(r.cfg))
	equal(t, "coverage", e.coverage(), ": complete, 6 of 6")
	equal(t, "streams", e.streams(), `
stores//full: 3 rows, 1 pages, 1 requests
websites//full: 3 rows, 1 pages, 1 requests
products//full: 6 rows, 2 pages, 4 requests`)
}

func TestExtract_SeveralStoresAreCoveredEach(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.StoreIDs = []string{"2", "default"}
	r.products(3)
	r.product(4, "P4", night, "b2b only")
	r.orderOf(1, 1, night.Add(-time.Hour), 1)
	r.orderOf(2, 2, night.Add(-time.Hour), 1)
	e := r.begin(extract.Parts{Products: true, SellOrders: true})
	e.must()
	equal(t, "coverage", e.coverage(), "b2b: complete, 4 of 4\ndefault: complete, 3 of 3")
	equal(t, "products", strings.Join(e.column("SELECT store_code || ' ' || count(*) FROM raw.products GROUP BY store_code ORDER BY ALL"), ", "), "b2b 4, default 3")
	equal(t, "orders", strings.Join(e.column("SELECT store_code || ' ' || key FROM raw.orders ORDER BY ALL"), ", "), "b2b 2, default 1")
	equal(t, "windows", strings.Join(e.column("SELECT stream || ' ' || store_code FROM run.streams WHERE window_end IS NOT NULL ORDER BY ALL"), ", "),
		"orders b2b, orders default, products b2b, products default")
}

// Products belong to websites: the views of one list the same, so that it is read once, for the view that was named first.
func TestExtract_TheViewsOfAWebsiteAreReadOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.put("stores", `{"id":3,"code":"nl","name":"nl","website_id":1,"store_group_id":1,"is_active":1}`)
	r.cfg.Magento.StoreIDs = []string{"nl", "default", "b2b"}
	r.products(3)
	r.product(4, "P4", night, "b2b only")
	r.put("store_values", `{"id":1,"store_code":"nl","name":"Stoel"}`)
	r.orderOf(1, 1, night.Add(-time.Hour), 1)
	r.orderOf(3, 3, night.Add(-time.Hour), 1)
	e := r.read(extract.Parts{Products: true, SellOrders: true, Deletions: true})
	equal(t, "coverage", e.coverage(), "b2b: complete, 4 of 4\nnl: complete, 3 of 3")
	equal(t, "orders", strings.Join(e.column("SELECT store_code || ' ' || key FROM raw.orders ORDER BY ALL"), ", "), "default 1, nl 3")
	equal(t, "name", strings.Join(e.column("SELECT item ->> 'name' FROM raw.products WHERE key = '1' AND store_code = 'nl'"), ", "), "Stoel")
	e.close()

	r.state(bookmark("products_full", "nl", night), bookmark("products", "nl", night), bookmark("products_full", "b2b", night), bookmark("products", "b2b", night))
	e = r.read(extract.Parts{Products: true})
	equal(t, "windows", strings.Join(e.column("SELECT store_code || ' ' || part FROM run.streams WHERE stream = 'products' ORDER BY ALL"), ", "), "b2b window, nl window")
}

// total rewrites a listing's total_count.
func total(path string, n int) func(*http.Request, string) string {
	return func(r *http.Request, body string) string {
		if !strings.HasSuffix(r.URL.Path, path) {
			return body
		}
		return regexp.MustCompile(`"total_count":\d+`).ReplaceAllString(body, fmt.Sprintf(`"total_count":%d`, n))
	}
}

func TestExtract_ACountThatDoesNotFitIsNoLicence(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		products       int
		rewrite        func(*http.Request, string) string
		coverage, open string
	}{
		"the shop counts more":  {4, total("/products", 9), ": not complete: 4 products were read, and the shop counts 9, 4 of 9", "products: 4 products were read, and the shop counts 9"},
		"the shop counts fewer": {4, total("/products", 2), ": complete, 4 of 2", ""},
		"no product at all":     {0, nil, ": not complete: the shop answered no product at all, 0 of 0", ""},
		"none though it counts": {0, total("/products", 5), ": not complete: the shop answered no product at all, 0 of 5", "products: 0 products were read, and the shop counts 5"},
		"no count": {4, func(_ *http.Request, body string) string { return strings.Replace(body, `"total_count"`, `"total"`, 1) },
			": not complete: the shop did not tell how many products it has, 4 of NULL", ""},
		"a page of nothing": {0, func(r *http.Request, body string) string {
			return strings.Replace(body, `"items":[]`, `"items":null`, 1)
		},
			": not complete: the shop answered no product at all, 0 of 0", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, magentotest.Options{})
			r.cfg.Magento.PageSize = 3
			r.products(test.products)
			r.rewrite = test.rewrite
			e := r.read(productsOnly(r.cfg))
			equal(t, "coverage", e.coverage(), test.coverage)
			equal(t, "streams that are not complete", strings.Join(e.column("SELECT stream || ': ' || reason FROM run.streams WHERE NOT complete"), "; "), test.open)
		})
	}
}

func TestExtract_ProductsDeletedOrAddedWhileReadingLoseNothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change         func(r *rig, page int)
		keys, coverage string
	}{
		// By page number this would lose P4 and P5.
		"deleted and read already": {func(r *rig, page int) {
			if page == 2 {
				r.shop.Delete("products", "P1")
				r.shop.Delete("products", "P2")
			}
		}, "1 2 3 4 5 6 7 8", ": complete, 8 of 6"},
		"added while the last page is read": {func(r *rig, page int) {
			if page == 3 {
				r.product(9, "P9", night)
			}
		}, "1 2 3 4 5 6 7 8 9", ": complete, 9 of 9"},
		"added behind the last page": {func(r *rig, page int) {
			if page == 4 {
				r.product(9, "P9", night)
			}
		}, "1 2 3 4 5 6 7 8 9", ": complete, 9 of 9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, magentotest.Options{})
			r.cfg.Magento.PageSize = 3
			r.products(8)
			pages := 0
			r.meet = func(_ int, q *http.Request, _ http.ResponseWriter) {
				if strings.HasSuffix(q.URL.Path, "/products") {
					pages++
					test.change(r, pages)
				}
			}
			e := r.read(productsOnly(r.cfg))
			equal(t, "products", e.keys("products"), test.keys)
			equal(t, "coverage", e.coverage(), test.coverage)
		})
	}
}

func TestExtract_AProductReadTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.products(3)
	r.rewrite = func(q *http.Request, body string) string { // a page that names its last product twice
		if !strings.HasSuffix(q.URL.Path, "/products") {
			return body
		}
		body = regexp.MustCompile(`(\{"id":3,[^}]*\})`).ReplaceAllString(body, "$1,$1")
		return strings.Replace(body, `"total_count":3`, `"total_count":4`, 1)
	}
	e := r.read(productsOnly(r.cfg))
	equal(t, "coverage", e.coverage(), ": not complete: 3 products were read, and the shop counts 4, 3 of 4")
}

func TestExtract_TheSecondLookAsksByIDForWhatSeemsToBeGone(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{MaxPageSize: 60})
	r.products(2)
	r.product(3, "P3", night, "b2b only") // not in the store that is read, but not gone
	r.cfg.Magento.StoreIDs = []string{"default"}
	r.cfg.Magento.PageSize = 60
	state := []string{held(1, "P1"), held(3, "P3")}
	for id := 1000; id < 1130; id++ {
		state = append(state, held(id, fmt.Sprint("GONE", id)))
	}
	state = append(state, held(2000, "OFF"), "UPDATE state.products SET status = 'disabled' WHERE remote_id = '2000'")
	r.state(state...)
	e := r.read(productsOnly(r.cfg))
	equal(t, "second look", strings.Join(e.column("SELECT found || ' ' || count(*) FROM run.second_look GROUP BY found ORDER BY ALL"), ", "), "false 130, true 1")
	equal(t, "found", strings.Join(e.column("SELECT remote_id FROM run.second_look WHERE found"), " "), "3")
	equal(t, "found again", e.keys("products_again"), "3")
	equal(t, "requests", strings.Join(e.column("SELECT requests FROM run.streams WHERE stream = 'products_again'"), ""), "4") // 100 is refused, then 60, 60 and 11
	equal(t, "coverage", e.coverage(), "default: complete, 2 of 2")
}

func TestExtract_NoSecondLookWhereNothingMayBeDisabled(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.products(2)
	r.state(held(99, "GONE"))
	e := r.read(extract.All()) // sync_product_deletions is false
	equal(t, "second look", fmt.Sprint(len(e.column("SELECT remote_id FROM run.second_look"))), "0")
}

func TestExtract_StoresAreNamedByIDOrCode(t *testing.T) {
	t.Parallel()
	for written, want := range map[string]string{"1": "default", "b2b,1": "b2b default", " 2 ,, b2b": "b2b"} {
		r := newRig(t, magentotest.Options{})
		cfg, err := config.Parse([]byte("shop: demo\nmagento: {store_id: \""+written+"\"}\noptiply: {base_url: sandbox}\n"), "shop.yaml", config.Options{NoMagento: true})
		if err != nil {
			t.Fatal(err)
		}
		r.cfg.Magento.StoreIDs = cfg.Magento.StoreIDs
		e := r.read(extract.Parts{SellOrders: true})
		equal(t, written, strings.Join(e.column("SELECT store_code FROM run.streams WHERE stream = 'orders' ORDER BY rowid"), " "), want)
	}
}

func TestExtract_AStoreThatTheShopDoesNotHaveIsAUsageError(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.StoreIDs = []string{"default", "nl"}
	e := r.begin(extract.All())
	_, err := e.job.Extract(t.Context())
	if !isUsage(err) {
		t.Fatalf("got %v", err)
	}
	equal(t, "error", err.Error(), `magento.store_id: the shop has no store "nl"; it has 0 (admin), 1 (default), 2 (b2b)`)
}

func TestExtract_AShopsPageLimitShrinksThePages(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{MaxPageSize: 2})
	r.cfg.Sync.UseInventorySourceItems = true
	r.products(5)
	r.source(5)
	r.order(1, night.Add(-time.Hour), 1)
	r.order(2, night.Add(-time.Hour), 1)
	r.order(3, night.Add(-time.Hour), 1)
	e := r.read(extract.All())
	equal(t, "streams", e.streams(), `
stores//full: 3 rows, 1 pages, 1 requests
websites//full: 3 rows, 1 pages, 1 requests
products//full: 5 rows, 3 pages, 5 requests
orders//window: 3 rows, 2 pages, 3 requests
sources//full: 1 rows, 1 pages, 2 requests
source_items//full: 5 rows, 3 pages, 4 requests
stock_items//full: 5 rows, 1 pages, 1 requests`)
}

func TestExtract_CustomAttributesAreReadWhereTheyAreNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.products(1)
	e := r.read(productsOnly(r.cfg))
	equal(t, "without", fmt.Sprint(e.column("SELECT item ->> 'custom_attributes' FROM raw.products")), "[]")
	e.close()
	r.cfg.Magento.ProductAttributes = []string{"ean"}
	e = r.read(productsOnly(r.cfg))
	equal(t, "with", fmt.Sprint(e.column("SELECT item ->> 'custom_attributes' FROM raw.products")), `[[{"attribute_code":"ean","value":"8711"}]]`)
}
