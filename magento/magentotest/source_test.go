package magentotest_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"magento-optiply/magento/magentotest"
)

var copied = []string{
	"products", "stock_items", "source_items", "stock_statuses", "orders", "customers", "invoices", "credit_memos", "websites", "stores", "store_groups",
	"store_configs", "sources", "stocks", "stock_source_links", "categories", "sales_rules", "coupons", "product_attributes",
}

// inMemory is a shop with the same records, held in memory.
func inMemory(t testing.TB, shop *magentotest.Shop) *magentotest.Shop {
	t.Helper()
	same := &magentotest.Shop{Name: shop.Name, Now: shop.Now, AccessToken: shop.AccessToken}
	for _, stream := range copied {
		for _, record := range shop.Records(stream) {
			if err := same.Put(stream, record); err != nil {
				t.Fatal(err)
			}
		}
	}
	return same
}

// question draws a request of a list, most of them plausible.
func question(r *rapid.T) string {
	stream := rapid.SampledFrom([]struct{ path, id string }{
		{"products", "entity_id"}, {"orders", "entity_id"}, {"inventory/source-items", "source_item_id"}, {"customers/search", "entity_id"},
		{"invoices", "entity_id"}, {"creditmemos", "entity_id"}, {"inventory/export-stock-salable-qty/website/base", "entity_id"},
		{"inventory/export-stock-salable-qty/website/b2b", "entity_id"}, {"categories/list", "entity_id"}, {"salesRules/search", "rule_id"},
		{"coupons/search", "coupon_id"}, {"products/attributes", "attribute_id"},
	}).Draw(r, "stream")
	fields := []string{stream.id, stream.id, "updated_at", "created_at", "store_id", "status", "sku", "quantity", "state", "is_active", "nothing"}
	var filters [][3]string
	for range rapid.IntRange(0, 3).Draw(r, "filters") {
		value := rapid.SampledFrom([]string{
			fmt.Sprint(rapid.IntRange(-2, 40).Draw(r, "number")), "2024-06-01 00:00:00", "2026-01-01", "complete", "G-0000007", "1,2,3", "%1%", "x", "",
		}).Draw(r, "value")
		filters = append(filters, [3]string{
			rapid.SampledFrom(fields).Draw(r, "field"),
			rapid.SampledFrom([]string{"eq", "gt", "gteq", "lt", "lteq", "from", "to", "in", "nin", "neq", "like", "null", "notnull"}).Draw(r, "condition"), value,
		})
	}
	sort := rapid.SampledFrom(append(fields, "")).Draw(r, "sort")
	query := criteria(rapid.IntRange(-1, 12).Draw(r, "size"), rapid.IntRange(0, 5).Draw(r, "page"), sort, filters...)
	if sort != "" && rapid.Bool().Draw(r, "more") {
		query += "&searchCriteria[sortOrders][1][field]=" + stream.id
	}
	return "/rest/V1/" + stream.path + "?" + query
}

// Whatever is asked, and whatever is put, deleted and touched in between, a generated shop answers byte for byte as one that has
// the same records in memory.
func TestSource_BothKindsAnswerAlike(t *testing.T) {
	// Small, so that a hundred shops take a moment: what matters is the first records, the last and what is beyond.
	options := magentotest.GenerateOptions{Seed: 3, Products: 23, Orders: 19, Sources: 4, StockItemsPerProduct: 3, SameSecond: 7, Slim: true}
	rapid.Check(t, func(r *rapid.T) {
		generated := magentotest.Generate(options)
		shops := []*magentotest.Shop{generated, inMemory(t, generated)}
		servers := []*magentotest.Server{magentotest.New(shops[0], magentotest.Options{}), magentotest.New(shops[1], magentotest.Options{})}
		for range 4 {
			change := changeOf(r)
			for _, shop := range shops {
				change(shop)
			}
			target := question(r)
			a, b := get(t, servers[0], target), get(t, servers[1], target)
			if a.Code != b.Code || a.Body.String() != b.Body.String() {
				r.Fatalf("%s\n%d and %d\n-generated +in memory\n%s", target, a.Code, b.Code, cmp.Diff(a.Body.String(), b.Body.String()))
			}
		}
	})
}

// changeOf draws something that happens to a shop.
func changeOf(r *rapid.T) func(*magentotest.Shop) {
	id := rapid.IntRange(1, 30).Draw(r, "id")
	stream := rapid.SampledFrom([]string{"orders", "customers", "invoices", "categories", "sales_rules", "coupons", "products", "source_items"}).Draw(r, "changed stream")
	switch rapid.IntRange(0, 5).Draw(r, "change") {
	case 0:
		return func(shop *magentotest.Shop) {
			if stream == "products" || stream == "source_items" {
				if records := shop.Records(stream); id < len(records) {
					var r struct {
						SKU    string `json:"sku"`
						Source string `json:"source_code"`
					}
					_ = json.Unmarshal(records[id], &r)
					shop.Delete(stream, magentotest.Key(r.SKU, r.Source))
				}
				return
			}
			shop.Delete(stream, fmt.Sprint(id))
		}
	case 1:
		return func(shop *magentotest.Shop) {
			shop.Touch(stream, fmt.Sprint(id), time.Date(2026, 11, 1, 0, 0, id, 0, time.UTC))
		}
	case 2:
		text := fmt.Sprintf(`{"id":%[1]d,"entity_id":%[1]d,"source_item_id":%[1]d,"rule_id":%[1]d,"coupon_id":%[1]d,"sku":"NEW-%[2]d","source_code":"source-2","quantity":1.5,"status":1,"updated_at":"2026-10-01 00:00:00"}`, id, id%5)
		return func(shop *magentotest.Shop) {
			if err := shop.Put(stream, json.RawMessage(text)); err != nil {
				r.Fatal(err)
			}
		}
	}
	return func(*magentotest.Shop) {}
}

// Every single record too is the same, by id and by key.
func TestSource_BothKindsHaveTheSameRecords(t *testing.T) {
	generated := magentotest.Generate(magentotest.GenerateOptions{Seed: 9, Products: 143, Orders: 20, Sources: 3})
	same := inMemory(t, generated)
	for _, stream := range copied {
		a, b := fmt.Sprintf("%s", same.Records(stream)), fmt.Sprintf("%s", generated.Records(stream))
		if a != b {
			t.Errorf("%s: %s", stream, cmp.Diff(a, b))
		}
	}
	servers := []*magentotest.Server{magentotest.New(generated, magentotest.Options{}), magentotest.New(same, magentotest.Options{})}
	for _, record := range same.Records("products") {
		var product struct{ SKU string }
		if err := json.Unmarshal(record, &product); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{"/rest/V1/products/", "/rest/nl/V1/stockStatuses/", "/rest/b2b_nl/V1/stockStatuses/", "/rest/all/V1/stockItems/"} {
			path += escaped(product.SKU)
			if a, b := get(t, servers[0], path), get(t, servers[1], path); a.Code != 200 || a.Body.String() != b.Body.String() {
				t.Errorf("%s: %d %s\n%d %s", path, a.Code, a.Body, b.Code, b.Body)
			}
		}
	}
	for _, path := range []string{"/rest/V1/orders/7", "/rest/V1/orders/21", "/rest/V1/products/G-9999999", "/rest/V1/products/none", "/rest/V1/stockItems/lowStock?scopeId=0&qty=5&pageSize=20",
		"/rest/V1/inventory/dump-stock-index-data/website/base", "/rest/V1/inventory/dump-stock-index-data/website/b2b", "/rest/V1/store/storeGroups"} {
		if a, b := get(t, servers[0], path), get(t, servers[1], path); a.Body.String() != b.Body.String() {
			t.Errorf("%s: %s\n%s", path, a.Body, b.Body)
		}
	}
}
