package magentotest_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"magento-optiply/magento"
	"magento-optiply/magento/magentotest"
)

func escaped(sku string) string { return magento.SKUPath(sku) }

func TestGenerate_IsTheSameForTheSameSeed(t *testing.T) {
	options := magentotest.GenerateOptions{Seed: 1, Products: 50, Orders: 30, Sources: 3}
	one, two := magentotest.Generate(options), magentotest.Generate(options)
	options.Seed = 2
	other := magentotest.Generate(options)
	for _, stream := range copied {
		a, b, c := fmt.Sprintf("%s", one.Records(stream)), fmt.Sprintf("%s", two.Records(stream)), fmt.Sprintf("%s", other.Records(stream))
		if a != b {
			t.Errorf("%s differs from itself", stream)
		}
		if (stream == "products" || stream == "orders" || stream == "source_items") && a == c {
			t.Errorf("%s is the same for another seed", stream)
		}
	}
}

func TestGenerate_HasAllTypesAndStates(t *testing.T) {
	shop := magentotest.Generate(magentotest.GenerateOptions{Seed: 5, Products: 1000, Orders: 1000})
	var productBytes, orderBytes int
	types, states, lines, statuses := map[string]int{}, map[string]int{}, map[string]int{}, map[int]int{}
	for _, record := range shop.Records("products") {
		var p struct {
			Type   string `json:"type_id"`
			Status int
		}
		mustDecode(t, record, &p)
		types[p.Type]++
		statuses[p.Status]++
		productBytes += len(record)
	}
	for _, record := range shop.Records("orders") {
		var o struct {
			State string
			Items []struct {
				Type   string `json:"product_type"`
				Parent int    `json:"parent_item_id"`
			}
		}
		mustDecode(t, record, &o)
		states[o.State]++
		orderBytes += len(record)
		for _, item := range o.Items {
			lines[item.Type]++
			if item.Parent > 0 {
				lines["child"]++
			}
		}
	}
	for _, kind := range []string{"simple", "configurable", "bundle", "virtual", "downloadable"} {
		if types[kind] == 0 || lines[kind] == 0 {
			t.Errorf("no %s: %v %v", kind, types, lines)
		}
	}
	for _, state := range []string{"new", "processing", "complete", "canceled", "closed", "holded", "pending_payment"} {
		if states[state] == 0 {
			t.Errorf("no %s: %v", state, states)
		}
	}
	if types["grouped"] == 0 || lines["child"] == 0 || statuses[2] < 30 || statuses[2] > 150 {
		t.Errorf("%v %v %v", types, lines, statuses)
	}
	if p, o := productBytes/1000, orderBytes/1000; p < 3000 || p > 5000 || o < 6000 || o > 13000 {
		t.Errorf("a product has %d bytes, an order %d", p, o)
	}
	slim := magentotest.Generate(magentotest.GenerateOptions{Seed: 5, Products: 1000, Orders: 1000, Slim: true})
	var p, o int
	products, orders := slim.Records("products"), slim.Records("orders")
	for i := range 1000 {
		p, o = p+len(products[i]), o+len(orders[i])
	}
	if p /= 1000; p > 1000 || o/1000 > 5000 {
		t.Errorf("slim: a product has %d bytes, an order %d", p, o/1000)
	}
}

func mustDecode(t testing.TB, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// Stock asked for one by one, the bulk listing and the listings it could be worked out from agree.
func TestGenerate_StockBelongsTogether(t *testing.T) {
	for _, sources := range []int{1, 5} {
		shop := magentotest.Generate(magentotest.GenerateOptions{Seed: 8, Products: 400, Sources: sources, Slim: true})
		server := magentotest.New(shop, magentotest.Options{})
		byID := map[float64]string{}
		for _, product := range getList(t, server, "/rest/V1/products", "searchCriteria=").Items {
			byID[product["id"].(float64)] = product["sku"].(string)
		}
		physical := map[string]float64{}
		for _, item := range getList(t, server, "/rest/V1/inventory/source-items", "searchCriteria=").Items {
			if item["source_code"] == "default" {
				physical[item["sku"].(string)] = item["quantity"].(float64)
			}
		}
		for _, item := range getList(t, server, "/rest/V1/stockItems/lowStock", "scopeId=0&qty=1000000&pageSize=1000").Items {
			if sku := byID[item["product_id"].(float64)]; item["qty"] != physical[sku] {
				t.Errorf("%s: lowStock says %v, the source item %v", sku, item["qty"], physical[sku])
			}
		}
		decimals := 0
		for website, code := range map[string]string{"base": "default", "b2b": "b2b_nl"} {
			for _, item := range getList(t, server, exportPath+website, "searchCriteria=").Items {
				var status struct {
					Qty    float64
					Status int `json:"stock_status"`
				}
				mustDecode(t, get(t, server, "/rest/"+code+"/V1/stockStatuses/"+escaped(item["sku"].(string))).Body.Bytes(), &status)
				qty := item["qty"].(float64)
				if math.Trunc(qty) != status.Qty {
					t.Errorf("%d sources, %s %v: listed %v, alone %v", sources, website, item["sku"], qty, status.Qty)
				}
				if qty != math.Trunc(qty) {
					decimals++
				}
			}
		}
		if decimals == 0 || len(byID) != 400 || len(physical) == 0 {
			t.Errorf("%d decimals, %d products, %d source items", decimals, len(byID), len(physical))
		}
	}
}

func TestGenerate_AMillionOfEach(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	const million = 1000000
	shop := magentotest.Generate(magentotest.GenerateOptions{Seed: 4, Products: million, Orders: million, Sources: 3})
	server := magentotest.New(shop, magentotest.Options{})
	for _, path := range []string{"/rest/V1/products", "/rest/V1/orders"} {
		for _, last := range []int{0, 499900, 999900} {
			got := getList(t, server, path, criteria(100, 1, "entity_id", [3]string{"entity_id", "gt", fmt.Sprint(last)}))
			if len(got.Items) != 100 || got.Total != million-last {
				t.Errorf("%s after %d: %d of %d", path, last, len(got.Items), got.Total)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 20e6 {
		t.Errorf("%d bytes are held", grown)
	}
	if answer := get(t, server, "/rest/V1/orders/1000000"); answer.Code != 200 {
		t.Error(answer.Body)
	}
	runtime.KeepAlive(shop)
}

// nowhere takes an answer and forgets it.
type nowhere struct {
	header http.Header
	bytes  int64
}

func (n *nowhere) Header() http.Header { return n.header }
func (n *nowhere) WriteHeader(int)     {}
func (n *nowhere) Write(p []byte) (int, error) {
	n.bytes += int64(len(p))
	return len(p), nil
}

// How fast a generated shop can be read, in records a second, without a network.
func BenchmarkServer_GeneratedByKeyset(b *testing.B) {
	for name, options := range map[string]magentotest.GenerateOptions{
		"full": {Seed: 1, Products: 1000000, Orders: 1000000}, "slim": {Seed: 1, Products: 1000000, Orders: 1000000, Slim: true},
	} {
		server := magentotest.New(magentotest.Generate(options), magentotest.Options{})
		for _, stream := range []string{"products", "orders"} {
			b.Run(stream+" "+name, func(b *testing.B) {
				const size = 300
				to := &nowhere{header: http.Header{}}
				for i := range b.N {
					query := criteria(size, 1, "entity_id", [3]string{"entity_id", "gt", fmt.Sprint(i * size % 900000)})
					request := httptest.NewRequest("GET", "/rest/V1/"+stream+"?"+query, nil)
					request.Header.Set("Authorization", "Bearer x")
					server.ServeHTTP(to, request)
				}
				b.ReportMetric(float64(b.N*size)/b.Elapsed().Seconds(), "records/s")
				b.ReportMetric(float64(to.bytes)/float64(b.N*size), "bytes/record")
			})
		}
	}
}

// Every list of a generated shop can be read as the extraction reads it: by keyset, within a window, for one store.
func TestGenerate_EveryListTakesKeysWindowsAndStores(t *testing.T) {
	t.Parallel()
	options := magentotest.GenerateOptions{Seed: 6, Products: 600, Orders: 400}
	shop := magentotest.Generate(options)
	server := magentotest.New(shop, magentotest.Options{})
	for _, list := range []struct {
		path, stream     string
		id, item         string
		rows             int
		windows, byStore bool
	}{
		{"products", "products", "entity_id", "id", 600, true, false}, // a filter on store_id is one on websites
		{"orders", "orders", "entity_id", "entity_id", 400, true, true},
		{"customers/search", "customers", "entity_id", "id", 100, true, true},
		{"invoices", "invoices", "entity_id", "entity_id", 200, true, true},
		{"creditmemos", "credit_memos", "entity_id", "entity_id", 20, true, true},
		{"categories/list", "categories", "entity_id", "id", 43, true, false},
		{"salesRules/search", "sales_rules", "rule_id", "rule_id", 4, false, false},
		{"coupons/search", "coupons", "coupon_id", "coupon_id", 40, false, false},
		{"products/attributes", "product_attributes", "attribute_id", "attribute_id", 25, false, false},
	} {
		ask := func(filters ...[3]string) (total int) {
			got := getList(t, server, "/rest/V1/"+list.path, criteria(1000, 1, list.id, filters...))
			last := 0.0
			for _, item := range got.Items {
				if id := item[list.item].(float64); id <= last {
					t.Errorf("%s: %v comes after %v", list.path, id, last)
				} else {
					last = id
				}
			}
			if got.Total != len(got.Items) {
				t.Errorf("%s: %d of %d", list.path, len(got.Items), got.Total)
			}
			return got.Total
		}
		middle := fmt.Sprint(list.rows / 2)
		if all := ask(); all != list.rows || all != len(shop.Records(list.stream)) {
			t.Errorf("%s: %d rows, not %d", list.path, all, list.rows)
		}
		if below, above := ask([3]string{list.id, "lteq", middle}), ask([3]string{list.id, "gt", middle}); below+above != list.rows {
			t.Errorf("%s: %d up to id %s and %d behind it", list.path, below, middle, above)
		}
		if list.windows {
			before, after := ask([3]string{"updated_at", "lteq", "2025-06-01 00:00:00"}), ask([3]string{"updated_at", "gt", "2025-06-01 00:00:00"})
			if before == 0 || after == 0 || before+after != list.rows {
				t.Errorf("%s: %d before that second and %d after it", list.path, before, after)
			}
		}
		if list.byStore {
			sum := 0
			for _, store := range []string{"1", "2", "3"} {
				rows := ask([3]string{"store_id", "eq", store})
				if sum += rows; rows == 0 {
					t.Errorf("%s: none of store %s", list.path, store)
				}
			}
			if sum != list.rows {
				t.Errorf("%s: the stores have %d of %d", list.path, sum, list.rows)
			}
		}
	}
}

func TestGenerate_HasAsManyPromotionsAndCategoriesAsAreAskedFor(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		options magentotest.GenerateOptions
		want    string
	}{
		{magentotest.GenerateOptions{}, "42 4 0"},
		{magentotest.GenerateOptions{Products: 50000, Orders: 20000}, "142 24 2000"},
		{magentotest.GenerateOptions{Orders: 100, Categories: 7, SalesRules: 3, Coupons: 5}, "7 3 5"},
		{magentotest.GenerateOptions{Orders: 100, Categories: -1, SalesRules: -1, Coupons: -1}, "0 0 0"},
	} {
		server := magentotest.New(magentotest.Generate(test.options), magentotest.Options{})
		var got []int
		for _, path := range []string{"categories/list", "salesRules/search", "coupons/search"} {
			got = append(got, getList(t, server, "/rest/V1/"+path, "searchCriteria[pageSize]=1").Total)
		}
		if fmt.Sprint(got) != "["+test.want+"]" {
			t.Errorf("%+v: %v, not %s", test.options, got, test.want)
		}
	}
}
