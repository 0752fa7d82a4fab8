package magentotest_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"magento-optiply/magento/magentotest"
)

func poisoned(t testing.TB, poison magentotest.Poison) *magentotest.Server {
	t.Helper()
	return magentotest.New(loadShop(t), magentotest.Options{Faults: []magentotest.Fault{{Name: "poison", Poison: &poison}}})
}

// Halving the page size finds the one record that cannot be answered, whatever it is.
func TestPoison_BreaksThePagesThatHoldIt(t *testing.T) {
	shop := loadShop(t)
	orders := len(shop.Records("orders"))
	rapid.Check(t, func(r *rapid.T) {
		at := rapid.IntRange(0, orders-1).Draw(r, "order")
		size := rapid.SampledFrom([]int{1, 7, 10, 25, orders}).Draw(r, "size")
		fields := rapid.SampledFrom([]string{"", "&fields=items[entity_id],total_count", "&fields=total_count"}).Draw(r, "fields")
		var order struct {
			ID int `json:"entity_id"`
		}
		if err := json.Unmarshal(shop.Records("orders")[at], &order); err != nil {
			r.Fatal(err)
		}
		server := poisoned(t, magentotest.Poison{Stream: "orders", Key: fmt.Sprint(order.ID)})
		for _, page := range []int{at/size + 1, at / size, at/size + 2} {
			if page == 0 {
				continue
			}
			answer := get(t, server, "/rest/V1/orders?"+criteria(size, page, "entity_id")+fields)
			holds := at/size == page-1
			if holds != (answer.Code == 500) || !holds && answer.Code != 200 {
				r.Fatalf("page %d of %d with the order at %d: %d", page, size, at, answer.Code)
			}
		}
	})
}

func TestPoison_AnswersAsItIsTold(t *testing.T) {
	report := regexp.MustCompile(`^\{"message":"Internal Error. Details are available in Magento log file. Report ID: webapi-[0-9a-f]+"\}$`)
	server := poisoned(t, magentotest.Poison{Stream: "products", Key: "24-mb01"})
	answer := get(t, server, "/rest/V1/products/24-MB01")
	if answer.Code != 500 || !report.MatchString(answer.Body.String()) {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	if log := server.Requests(); log[0].Fault != "poison" || log[0].Status != 500 {
		t.Errorf("%+v", log)
	}
	for _, path := range []string{"stockStatuses/24-MB01", "stockItems/24-MB01", "products/DEC-1", "inventory/export-stock-salable-qty/website/base?searchCriteria[pageSize]=5"} {
		if answer := get(t, server, "/rest/V1/"+path); answer.Code != 200 {
			t.Errorf("%s is poisoned too: %d", path, answer.Code)
		}
	}
	said := poisoned(t, magentotest.Poison{Stream: "orders", Key: "3", Status: 200, Body: `{"message":"Requested product doesn't exist"}`})
	if answer := get(t, said, "/rest/V1/orders?"+criteria(5, 1, "entity_id")+"&fields=items[entity_id],total_count"); answer.Body.String() != `{"message":"Requested product doesn't exist"}` {
		t.Errorf("fields= cuts what a poisoned page is to answer: %s", answer.Body)
	}
	for path, poison := range map[string]magentotest.Poison{
		"stockStatuses/24-MB01":                    {Stream: "stock_statuses", Key: "24-MB01"},
		"stockItems/24-MB01":                       {Stream: "stock_items", Key: "1"},
		"stockItems/lowStock?scopeId=0&qty=100000": {Stream: "stock_items", Key: "1"},
		"orders/1": {Stream: "orders", Key: "1"},
		"inventory/source-items?searchCriteria[pageSize]=5":                          {Stream: "source_items", Key: magentotest.Key("24-MB01", "default")},
		"inventory/export-stock-salable-qty/website/base?searchCriteria[pageSize]=5": {Stream: "salable", Key: magentotest.Key("base", "24-MB01")},
	} {
		if answer := get(t, poisoned(t, poison), "/rest/V1/"+path); answer.Code != 500 {
			t.Errorf("%s: %d", path, answer.Code)
		}
	}
}

func TestMissingProduct_IsA404OfThePage(t *testing.T) {
	dutch := "Het opgevraagde product bestaat niet. Controleer het product en probeer het opnieuw."
	for _, message := range []string{"", dutch} {
		server := magentotest.New(loadShop(t), magentotest.Options{Faults: []magentotest.Fault{magentotest.MissingProduct("3", message)}})
		want := message
		if want == "" {
			want = "The product that was requested doesn't exist. Verify the product and try again."
		}
		answer := get(t, server, "/rest/V1/orders?"+criteria(5, 1, ""))
		var failure struct{ Message string }
		if err := json.Unmarshal(answer.Body.Bytes(), &failure); err != nil || answer.Code != 404 || failure.Message != want {
			t.Errorf("%d %s", answer.Code, answer.Body)
		}
		if got := getList(t, server, "/rest/V1/orders", criteria(5, 1, "", [3]string{"entity_id", "neq", "3"})); len(got.Items) != 5 {
			t.Errorf("%d orders without that one", len(got.Items))
		}
	}
}

func ids(items []map[string]any, name string) string {
	var all []string
	for _, item := range items {
		all = append(all, fmt.Sprint(item[name]))
	}
	return strings.Join(all, " ")
}

// small is a shop of its own, to be changed.
func small(t testing.TB, orders int) *magentotest.Shop {
	t.Helper()
	shop := &magentotest.Shop{}
	for i := 1; i <= orders; i++ {
		put(t, shop, "orders", fmt.Sprintf(`{"entity_id":%d,"updated_at":"2026-01-01 00:00:%02d"}`, i, i/10))
	}
	return shop
}

func TestHide_CommitsLate(t *testing.T) {
	shop := small(t, 5)
	server := magentotest.New(shop, magentotest.Options{})
	server.AddFault(magentotest.Fault{Times: 2, Hide: &magentotest.Hide{Stream: "orders", Key: "3"}})
	want := []string{"1 2 4 5", "1 2 4 5", "1 2 3 4 5"}
	for i, want := range want {
		got := getList(t, server, "/rest/V1/orders", criteria(10, 1, "entity_id"))
		if ids(got.Items, "entity_id") != want || got.Total != len(strings.Fields(want)) {
			t.Errorf("request %d: %v", i, got)
		}
	}
	server.AddFault(magentotest.Fault{For: 30 * time.Millisecond, Hide: &magentotest.Hide{Stream: "orders", Key: "1"}})
	if answer := get(t, server, "/rest/V1/orders/1"); answer.Code != 404 {
		t.Errorf("alone: %d", answer.Code)
	}
	time.Sleep(40 * time.Millisecond)
	if answer := get(t, server, "/rest/V1/orders/1"); answer.Code != 200 {
		t.Errorf("later: %d", answer.Code)
	}
	server.AddFault(magentotest.Fault{Hide: &magentotest.Hide{Stream: "orders", Key: "99"}}) // no such order
	if got := getList(t, server, "/rest/V1/orders", "searchCriteria="); got.Total != 5 {
		t.Errorf("%v", got)
	}
}

func TestUnstableTies_LoseRowsOnlyWithoutASecondSortOrder(t *testing.T) {
	server := magentotest.New(small(t, 40), magentotest.Options{Faults: []magentotest.Fault{{UnstableTies: true}}})
	read := func(second string) (rows, distinct int) {
		seen := map[string]bool{}
		for page := 1; page <= 8; page++ {
			query := criteria(5, page, "updated_at") + second
			for id := range strings.FieldsSeq(ids(getList(t, server, "/rest/V1/orders", query).Items, "entity_id")) {
				rows++
				seen[id] = true
			}
		}
		return rows, len(seen)
	}
	if rows, distinct := read(""); rows != 40 || distinct == 40 {
		t.Errorf("%d rows, %d of them distinct: ties are stable", rows, distinct)
	}
	second := "&searchCriteria[sortOrders][1][field]=entity_id&searchCriteria[sortOrders][1][direction]=ASC"
	if rows, distinct := read(second); rows != 40 || distinct != 40 {
		t.Errorf("%d rows, %d of them distinct", rows, distinct)
	}
}

// The hook changes the shop between any two requests, one at a time, and each request sees one state of it.
func TestBetween_ChangesTheShop(t *testing.T) {
	shop := small(t, 20)
	busy, calls := false, 0
	server := magentotest.New(shop, magentotest.Options{Faults: []magentotest.Fault{{Prefix: "/V1/orders", Between: func(n int) {
		if busy || n != calls {
			t.Errorf("call %d of %d, busy %v", n, calls, busy)
		}
		busy = true
		calls++
		switch n % 3 {
		case 0:
			shop.Delete("orders", fmt.Sprint(n/3+11))
		case 1:
			put(t, shop, "orders", fmt.Sprintf(`{"entity_id":%d,"updated_at":"2026-02-01 00:00:00"}`, 100+n))
		case 2:
			if !shop.Touch("orders", fmt.Sprint(10), time.Date(2026, 3, 1, 0, 0, n, 0, time.UTC)) {
				t.Error("order 10 is gone")
			}
		}
		busy = false
	}}}})
	var group sync.WaitGroup
	for range 30 {
		group.Go(func() {
			answer := httptest.NewRecorder()
			request := httptest.NewRequest("GET", "/rest/V1/orders?searchCriteria=", nil)
			request.Header.Set("Authorization", "Bearer x")
			server.ServeHTTP(answer, request)
			var got list
			if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil || got.Total != len(got.Items) {
				t.Errorf("%v %s", err, answer.Body)
			}
		})
	}
	group.Wait()
	get(t, server, "/rest/V1/store/websites") // not met
	if calls != 30 {
		t.Errorf("%d calls", calls)
	}
	if got := len(shop.Records("orders")); got != 20 {
		t.Errorf("%d orders", got)
	}
	if shop.Touch("orders", "777", time.Now()) || shop.Touch("nothing", "1", time.Now()) {
		t.Error("something was touched that is not there")
	}
}

// What a shop answered on a bad night is part of its fixture set.
func TestRecorded_ComesWithTheShop(t *testing.T) {
	shop, err := magentotest.Load(fstest.MapFS{
		"shop.json": {Data: []byte(`{"name":"x","broken":[{"stream":"orders","key":"2"},{"stream":"stock_statuses","key":"A","status":404,"body":"{}"}],
			"hidden":[{"stream":"products","key":"A","from":"ids"},{"stream":"products","key":"b","from":"lists"}],
			"uncounted":[{"stream":"products","rows":3},{"stream":"orders","store_id":"7","rows":1}]}`)},
		"orders.ndjson":   {Data: []byte("{\"entity_id\":1,\"store_id\":7}\n{\"entity_id\":2,\"store_id\":8}\n")},
		"products.ndjson": {Data: []byte("{\"id\":1,\"sku\":\"A\"}\n{\"id\":2,\"sku\":\"B\"}\n{\"id\":3,\"sku\":\"C\"}\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := magentotest.New(shop, magentotest.Options{})
	const filter = "searchCriteria[filter_groups][0][filters][0]"
	for _, test := range []struct {
		path   string
		status int
		holds  string // part of the answer
	}{
		{"orders?searchCriteria=", 500, "Report ID"},
		{"orders?" + filter + "[field]=store_id&" + filter + "[value]=7", 200, `"total_count":2`},
		{"stockStatuses/A", 404, "{}"},
		{"products?searchCriteria=&fields=items[sku],total_count", 200, `{"items":[{"sku":"A"},{"sku":"C"}],"total_count":5}`},
		{"products?fields=items[sku],total_count&" + filter + "[field]=entity_id&" + filter + "[condition_type]=in&" + filter + "[value]=1,2", 200,
			`{"items":[{"sku":"B"}],"total_count":1}`},
		{"products/A", 404, "message"},
		{"products/B", 200, `"sku":"B"`},
	} {
		answer := get(t, server, "/rest/V1/"+test.path)
		if answer.Code != test.status || !strings.Contains(answer.Body.String(), test.holds) {
			t.Errorf("%s: %d %s, want %d with %s", test.path, answer.Code, answer.Body, test.status, test.holds)
		}
	}
}
