package extract_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"magento-optiply/extract"
	"magento-optiply/magento/magentotest"
)

// Store 0, admin, is every store's values for products; no customer ever orders there.
func TestStores_AdminIsAStoreToo(t *testing.T) {
	t.Parallel()
	for _, written := range []string{"0", "admin"} {
		r := newRig(t, magentotest.Options{})
		r.cfg.Magento.StoreIDs = []string{written}
		r.product(1, "P1", night.AddDate(0, -1, 0))
		r.product(2, "P2", night.AddDate(0, -1, 0), "b2b only")
		r.orderOf(1, 1, night.Add(-time.Hour), 1)
		e := r.read(extract.All())
		equal(t, "products", e.keys("products"), "1 2")
		equal(t, "orders", e.keys("orders"), "")
		equal(t, "coverage", e.coverage(), "admin: complete, 2 of 2")
	}
}

func TestStores_StreamsThatKnowStoresAreReadForEach(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.StoreIDs = []string{"b2b"}
	r.more(4)
	e := r.named("all", "customers")
	e.must()
	equal(t, "streams", strings.Join(e.column(`SELECT stream || '/' || store_code || ' ' || rows FROM run.streams
		WHERE stream NOT IN ('products', 'orders', 'sources', 'source_items', 'stock_items', 'stock_statuses') ORDER BY rowid`), "\n"), `
stores/ 3
websites/ 3
customers/b2b 2
invoices/b2b 2
credit_memos/b2b 2
categories/ 4
sales_rules/ 4
coupons/ 4
store_configs/b2b 1
product_attributes/ 4`)
}

// A shop can lack the filter on store_id of one list, with 400 or with the 500 of an unknown column. Its other stores' records
// must not be taken for this one's, and nobody must take the 500 for broken records.
func TestStores_AFilterThatTheShopRefusesIsAUsageError(t *testing.T) {
	t.Parallel()
	for path, stream := range map[string]string{"/orders": "orders", "/invoices": "invoices", "/products": "products", "/search": "customers"} {
		r := newRig(t, magentotest.Options{})
		r.cfg.Magento.StoreIDs = []string{"b2b"}
		r.products(1)
		r.order(1, night.Add(-time.Hour), 1)
		r.more(1)
		r.meet = func(_ int, q *http.Request, _ http.ResponseWriter) {
			if strings.HasSuffix(q.URL.Path, path) { // orders and invoices answer 500 to an unknown column, the others 400
				q.URL.RawQuery = strings.ReplaceAll(q.URL.RawQuery, "=store_id", "=no_such_column")
			}
		}
		_, err := r.named("products", "orders", stream).job.Extract(t.Context())
		if !isUsage(err) || !strings.Contains(err.Error(), "refuses to filter "+stream+" by store_id") {
			t.Errorf("%s: got %v", stream, err)
		}
		if strings.Contains(r.log.String(), "cannot answer for a record") {
			t.Errorf("%s: the log says %s", stream, r.log.String())
		}
	}
}

// A list that fails by itself is not blamed on the stores.
func TestStores_AnotherErrorIsNoneOfTheFilter(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusBadRequest, http.StatusInternalServerError} {
		r := newRig(t, magentotest.Options{Faults: []magentotest.Fault{{Prefix: "/V1/orders", Status: status, Body: `{"message":"x"}`}}})
		r.cfg.Magento.StoreIDs = []string{"b2b"}
		r.order(1, night.Add(-time.Hour), 1)
		if _, err := r.begin(extract.All()).job.Extract(t.Context()); err == nil || isUsage(err) {
			t.Errorf("%d: got %v", status, err)
		}
	}
}
