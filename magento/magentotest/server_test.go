package magentotest_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"magento-optiply/magento/magentotest"
)

const token = "demo-token"

// get asks a server without a network in between.
func get(t testing.TB, server *magentotest.Server, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest("GET", target, nil)
	request.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, request)
	return recorder
}

// list is what a search answers.
type list struct {
	Items []map[string]any `json:"items"`
	Total int              `json:"total_count"`
}

func getList(t testing.TB, server *magentotest.Server, path, query string) list {
	t.Helper()
	answer := get(t, server, path+"?"+query)
	var got list
	if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil || answer.Code != 200 {
		t.Fatalf("%s: status %d: %v: %s", query, answer.Code, err, answer.Body)
	}
	return got
}

// criteria writes search criteria; a filter is field, condition, value.
func criteria(size, page int, sort string, filters ...[3]string) string {
	query := url.Values{"searchCriteria[pageSize]": {fmt.Sprint(size)}, "searchCriteria[currentPage]": {fmt.Sprint(page)}}
	for i, filter := range filters {
		at := fmt.Sprintf("searchCriteria[filterGroups][%d][filters][0]", i)
		query.Set(at+"[field]", filter[0])
		query.Set(at+"[conditionType]", filter[1])
		query.Set(at+"[value]", filter[2])
	}
	if sort != "" {
		query.Set("searchCriteria[sortOrders][0][field]", sort)
		query.Set("searchCriteria[sortOrders][0][direction]", "ASC")
	}
	return query.Encode()
}

func put(t testing.TB, shop *magentotest.Shop, stream string, records ...string) {
	t.Helper()
	for _, record := range records {
		if err := shop.Put(stream, json.RawMessage(record)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestServer_NamesThePermissionThatIsMissing(t *testing.T) {
	resources := map[string]string{
		"products?searchCriteria=":               "Magento_Catalog::products",
		"products/24-MB01":                       "Magento_Catalog::products",
		"products/attributes?searchCriteria=":    "Magento_Catalog::attributes_attributes",
		"stockStatuses/24-MB01":                  "Magento_Catalog::catalog_inventory",
		"stockItems/24-MB01":                     "Magento_Catalog::catalog_inventory",
		"stockItems/lowStock?scopeId=0&qty=5":    "Magento_Catalog::catalog_inventory",
		"inventory/source-items?searchCriteria=": "Magento_InventoryApi::source",
		"inventory/sources":                      "Magento_InventoryApi::source",
		"orders?searchCriteria=":                 "Magento_Sales::actions_view",

		"inventory/stocks": "Magento_InventoryApi::stock",
		"inventory/export-stock-salable-qty/website/base?searchCriteria=": "Magento_InventoryApi::stock",
		"inventory/dump-stock-index-data/website/base":                    "Magento_InventoryApi::stock",
		"inventory/stock-source-links?searchCriteria=":                    "Magento_InventoryApi::stock_source_link",
		"inventory/get-product-salable-quantity/24-MB01/1":                "Magento_InventorySalesApi::stock",
		"inventory/is-product-salable/24-MB01/1":                          "Magento_InventorySalesApi::stock",
		"inventory/are-products-salable?skus[0]=a&stockId=1":              "Magento_InventorySalesApi::stock",
		"inventory/stock-resolver/website/base":                           "Magento_InventorySalesApi::stock",
		"orders/1":                                                        "Magento_Sales::actions_view",
		"customers/search?searchCriteria=":                                "Magento_Customer::customer",
		"invoices?searchCriteria=":                                        "Magento_Sales::sales_invoice",
		"creditmemos?searchCriteria=":                                     "Magento_Sales::sales_creditmemo",
		"categories/list?searchCriteria=":                                 "Magento_Catalog::categories",
		"salesRules/search?searchCriteria=":                               "Magento_SalesRule::quote",
		"coupons/search?searchCriteria=":                                  "Magento_SalesRule::quote",
		"store/storeViews":                                                "Magento_Backend::store",
		"store/websites":                                                  "Magento_Backend::store",
		"store/storeConfigs":                                              "Magento_Backend::store",
		"modules":                                                         "Magento_Backend::admin",
	}
	shop := loadShop(t)
	for path, resource := range resources {
		want := `{"message":"The consumer isn't authorized to access %resources.","parameters":{"resources":"` + resource + `"}}`
		allowed := magentotest.New(shop, magentotest.Options{})
		if answer := get(t, allowed, "/rest/V1/"+path); answer.Code != 200 {
			t.Errorf("%s with a good token: %d %s", path, answer.Code, answer.Body)
		}
		denied := magentotest.New(shop, magentotest.Options{DeniedResources: []string{resource}})
		for _, answer := range []*httptest.ResponseRecorder{
			get(t, denied, "/rest/V1/"+path),
			get(t, allowed, "/rest/V1/"+path, "Authorization", "Bearer wrong"),
			get(t, allowed, "/rest/V1/"+path, "Authorization", ""),
		} {
			if answer.Code != 401 || answer.Body.String() != want {
				t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
			}
		}
	}
}

func TestServer_StockItemsNeedNoInventoryPermission(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{DeniedResources: []string{"Magento_InventoryApi::source"}})
	for _, path := range []string{"stockItems/24-MB01", "stockStatuses/24-MB01"} { // [obs: b-err-acl-stockitems]
		if answer := get(t, server, "/rest/V1/"+path); answer.Code != 200 {
			t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
		}
	}
}

func TestServer_LimitsThePageSizeWhenTold(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{MaxPageSize: 300, DefaultPageSize: 20})
	tests := []struct {
		query  string
		status int
		items  int
	}{
		{"searchCriteria[pageSize]=300", 200, 300},
		{"searchCriteria[pageSize]=301", 400, 0},
		{"searchCriteria[currentPage]=1", 200, 20}, // [obs: c-limit-products-nosize]
		{"searchCriteria=", 200, 20},
		{"searchCriteria[pageSize]=0", 200, 1212},
	}
	for _, test := range tests {
		answer := get(t, server, "/rest/V1/products?"+test.query)
		var got list
		_ = json.Unmarshal(answer.Body.Bytes(), &got)
		if answer.Code != test.status || len(got.Items) != test.items {
			t.Errorf("%s: status %d with %d items", test.query, answer.Code, len(got.Items))
		}
		want := `{"message":"Maximum SearchCriteria pageSize is %max","parameters":{"max":300}}` // [obs: c-limit-products-301]
		if test.status == 400 && answer.Body.String() != want {
			t.Errorf("%s: %s", test.query, answer.Body)
		}
	}
	if answer := get(t, server, "/rest/V1/stockItems/lowStock?scopeId=0&qty=100000&pageSize=1000"); answer.Code != 200 {
		t.Errorf("lowStock is limited: %s", answer.Body)
	}
}

func TestServer_RepeatsTheLastPageWhenTold(t *testing.T) {
	shop := loadShop(t)
	modern, old := magentotest.New(shop, magentotest.Options{}), magentotest.New(shop, magentotest.Options{RepeatLastPage: true})
	query := criteria(50, 9, "")
	if got := getList(t, modern, "/rest/V1/orders", query); len(got.Items) != 0 || got.Total != 53 {
		t.Errorf("2.4: %d items of %d", len(got.Items), got.Total)
	}
	if got := getList(t, old, "/rest/V1/orders", query); len(got.Items) != 3 || got.Total != 53 {
		t.Errorf("before 2.4: %d items of %d", len(got.Items), got.Total)
	}
}

func TestServer_TakesPathsInAnyOfTheirForms(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{})
	tests := map[string]int{
		"/rest/V1/store/websites":             200,
		"/index.php/rest/V1/store/websites":   200,
		"/rest//V1/store/websites/":           200,
		"/rest/all/V1/store/websites":         200,
		"/rest/b2b_nl/V1/store/websites":      200,
		"/rest/de_inactive/V1/store/websites": 200,
		"/rest/admin/V1/store/websites":       400,
		"/rest/nope/V1/store/websites":        400,
		"/rest/nl/store/websites":             404,
		"/rest":                               404,
		"/":                                   404,
		"/rest/V1/products/SKU+PLUS":          404,
		"/rest/V1/products/SKU%2BPLUS":        200,
		"/rest/V1/products/SKU/SLASH/1":       404,
		"/rest/V1/products/SKU%252FSLASH":     404,
	}
	for path, status := range tests {
		if answer := get(t, server, path); answer.Code != status {
			t.Errorf("%s: %d, not %d: %s", path, answer.Code, status, answer.Body)
		}
	}
}

func TestServer_ApacheRefusesAnEncodedSlash(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{Apache: true})
	answer := get(t, server, "/rest/V1/stockItems/SKU%2FSLASH%2F1")
	if answer.Code != 404 || answer.Header().Get("Content-Type") != "text/html; charset=iso-8859-1" ||
		!strings.HasPrefix(answer.Body.String(), "<!DOCTYPE HTML PUBLIC") {
		t.Errorf("%d %v %s", answer.Code, answer.Header(), answer.Body)
	}
	for _, sku := range []string{"SKU%252FSLASH%252F1", "SKU%2FSLASH%2F1"} {
		query := "searchCriteria[filterGroups][0][filters][0][field]=sku&searchCriteria[filterGroups][0][filters][0][value]=" + sku
		if answer := get(t, server, "/rest/V1/products?"+query); answer.Code != 200 {
			t.Errorf("a query is refused: %s", answer.Body)
		}
	}
}

func TestServer_SendsMagentosHeaders(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{})
	answer := get(t, server, "/rest/V1/products?searchCriteria[pageSize]=100", "Accept-Encoding", "gzip")
	for name, want := range map[string]string{
		"Date":             "Mon, 23 Nov 2026 22:00:00 GMT",
		"Content-Encoding": "gzip",
		"Cache-Control":    "no-store",
		"Vary":             "Accept-Encoding",
		"Content-Length":   "",
	} {
		if got := answer.Header().Get(name); got != want {
			t.Errorf("%s: %q, not %q", name, got, want)
		}
	}
	if cookie := answer.Header().Get("Set-Cookie"); !strings.HasPrefix(cookie, "PHPSESSID=") {
		t.Errorf("cookie %q", cookie)
	}
	reader, err := gzip.NewReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(reader); err != nil || !json.Valid(body) {
		t.Errorf("the body is no compressed JSON: %v", err)
	}
}

func TestServer_AnswersNothingButGET(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{})
	for _, method := range []string{"POST", "PUT", "DELETE"} {
		request := httptest.NewRequest(method, "/rest/V1/products", nil)
		request.Header.Set("Authorization", "Bearer "+token)
		recorder := httptest.NewRecorder()
		server.ServeHTTP(recorder, request)
		if recorder.Code != 404 {
			t.Errorf("%s: %d", method, recorder.Code)
		}
	}
}

func TestServer_ShowsAStoreViewsOwnValues(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{})
	for code, want := range map[string]string{"nl": "Joust Sporttas (NL)", "all": "Joust Duffle Bag", "b2b_nl": "Joust Duffle Bag"} {
		for _, path := range []string{"/products/24-MB01", "/products?searchCriteria[pageSize]=1&fields=items[name]"} {
			if answer := get(t, server, "/rest/"+code+"/V1"+path); !strings.Contains(answer.Body.String(), want) {
				t.Errorf("%s%s: %s", code, path, answer.Body)
			}
		}
	}
	found := getList(t, server, "/rest/nl/V1/products", criteria(5, 1, "", [3]string{"name", "eq", "joust sporttas (nl)"}))
	if found.Total != 1 {
		t.Errorf("a filter does not see the store view's value: %d found", found.Total)
	}
}

func TestServer_KeepsTheSourceItemIDToItself(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{})
	got := getList(t, server, "/rest/V1/inventory/source-items",
		criteria(5, 1, "source_item_id", [3]string{"source_item_id", "gt", "1200"}))
	if len(got.Items) != 5 || got.Total != 5 {
		t.Fatalf("%d items of %d", len(got.Items), got.Total)
	}
	if _, shown := got.Items[0]["source_item_id"]; shown {
		t.Error("source_item_id is answered")
	}
}

func TestServer_AnswersTheStockOfAStoresWebsite(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{})
	for code, want := range map[string]string{"": `"stock_id":1,"qty":87`, "b2b_nl/": `"qty":87`, "nl/": `"stock_id":1`} {
		if answer := get(t, server, "/rest/"+code+"V1/stockStatuses/24-mb01"); !strings.Contains(answer.Body.String(), want) {
			t.Errorf("%s: %s", code, answer.Body)
		}
	}
	// Of these no status was recorded; they follow from the product and its stock item.
	for sku, want := range map[string]string{
		"BACKORDER-1": `"stock_status":1,"stock_item":{"item_id":25`,
		"OOS-QTY":     `{"product_id":28,"stock_id":1,"qty":0,"stock_status":0`,
	} {
		if answer := get(t, server, "/rest/V1/stockStatuses/"+sku); !strings.Contains(answer.Body.String(), want) {
			t.Errorf("%s: %s", sku, answer.Body)
		}
	}
}

func TestServer_LowStockAsksForBothParameters(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{})
	for query, want := range map[string]string{
		"qty=5":                           `"fieldName":"scopeId"`,
		"scopeId=0":                       `"fieldName":"qty"`,
		"scopeId=x&qty=5":                 `The \"x\" value's type is invalid. The \"int\" type`,
		"scopeId=0&qty=x":                 `The \"float\" type`,
		"scopeId=0&qty=5&pageSize=x":      `The \"x\" value's type`,
		"scopeId=0&qty=5&currentPage=9.5": `The \"9.5\" value's type`,
	} {
		if answer := get(t, server, "/rest/V1/stockItems/lowStock?"+query); answer.Code != 400 || !strings.Contains(answer.Body.String(), want) {
			t.Errorf("%s: %d %s", query, answer.Code, answer.Body)
		}
	}
}

func TestServer_TakesTimeWhenTold(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{Latency: 30 * time.Millisecond})
	began := time.Now()
	get(t, server, "/rest/V1/store/websites")
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Errorf("answered after %v", took)
	}
}

func TestServer_LogsRequests(t *testing.T) {
	var lines []string
	server := magentotest.New(loadShop(t), magentotest.Options{Logf: func(format string, args ...any) {
		lines = append(lines, fmt.Sprintf(format, args...))
	}})
	get(t, server, "/rest/V1/stockItems/SKU%2FSLASH%2F1?fields=qty", "User-Agent", "tester")
	get(t, server, "/rest/V1/nothing")
	requests := server.Requests()
	if len(requests) != 2 || len(lines) != 2 {
		t.Fatalf("%d requests, %d lines", len(requests), len(lines))
	}
	first := requests[0]
	if first.Method != "GET" || first.Path != "/rest/V1/stockItems/SKU%2FSLASH%2F1" || first.Query != "fields=qty" ||
		first.Status != 200 || first.Header.Get("User-Agent") != "tester" || requests[1].Status != 404 {
		t.Errorf("%+v", requests)
	}
	if strings.Contains(strings.Join(lines, ""), token) {
		t.Error("the token is in the log lines")
	}
	if server.ClearRequests(); len(server.Requests()) != 0 {
		t.Error("the log was not emptied")
	}
}

func TestServer_StartsAndStops(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{})
	base := start(t, server)
	if _, err := server.Start(); err == nil {
		t.Error("a second start succeeded")
	}
	response, err := http.Get(base + "/rest/V1/modules")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(base); err == nil {
		t.Error("it still answers")
	}
	if err := server.Close(); err != nil {
		t.Errorf("a second close: %v", err)
	}
}

// body is get for tests that have no testing.TB.
func body(server *magentotest.Server, target string) []byte {
	request := httptest.NewRequest("GET", target, nil)
	request.Header.Set("Authorization", "Bearer "+token)
	recorder := httptest.NewRecorder()
	server.ServeHTTP(recorder, request)
	return recorder.Body.Bytes()
}

// BenchmarkKeysetPage reads pages of 300 out of 100,000 products in the middle of the catalogue.
func BenchmarkKeysetPage(b *testing.B) {
	shop := &magentotest.Shop{}
	for id := range 100_000 {
		record := fmt.Sprintf(`{"id":%d,"sku":"SKU-%d","name":"Product %d","price":%d.95,"status":1,"updated_at":"2026-11-23 09:00:00"}`, id, id, id, id%100)
		if err := shop.Put("products", json.RawMessage(record)); err != nil {
			b.Fatal(err)
		}
	}
	server := magentotest.New(shop, magentotest.Options{})
	query := "/rest/V1/products?" + criteria(300, 1, "entity_id", [3]string{"entity_id", "gt", "50000"})
	body(server, query)
	for b.Loop() {
		if text := body(server, query); len(text) < 10_000 {
			b.Fatalf("%s", text)
		}
		server.ClearRequests()
	}
}
