package magentotest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"magento-optiply/magento/magentotest"
)

func TestLoad_NamesFileAndLineOfWhatIsBroken(t *testing.T) {
	const shop = `{"name":"x"}`
	tests := map[string]struct {
		files map[string]string
		want  string
	}{
		"no shop":          {map[string]string{}, "shop.json"},
		"broken shop":      {map[string]string{"shop.json": "{"}, "shop.json"},
		"unknown setting":  {map[string]string{"shop.json": `{"nmae":"x"}`}, `"nmae"`},
		"broken elsewhere": {map[string]string{"shop.json": `{"broken":[{"stream":"product","key":"a"}]}`}, `broken: no stream is called "product"`},
		"hidden somehow":   {map[string]string{"shop.json": `{"hidden":[{"stream":"products","key":"a","from":"me"}]}`}, `"me" is no way of asking`},
		"more of nothing":  {map[string]string{"shop.json": `{"uncounted":[{"stream":"product","rows":1}]}`}, `uncounted: no stream is called "product"`},
		"unknown stream":   {map[string]string{"shop.json": shop, "product.ndjson": ""}, `product.ndjson: no stream is called "product"`},
		"broken line":      {map[string]string{"shop.json": shop, "orders.ndjson": "{\"entity_id\":1}\n\n{\"entity_id\":"}, "orders.ndjson:3:"},
		"no object":        {map[string]string{"shop.json": shop, "orders.ndjson": "[1]"}, "orders.ndjson:1:"},
		"no key":           {map[string]string{"shop.json": shop, "products.ndjson": `{"id":1}`}, `products.ndjson:1: put a record of products: it has no "sku"`},
		"a key twice":      {map[string]string{"shop.json": shop, "products.ndjson": "{\"id\":1,\"sku\":\"a\"}\n{\"id\":2,\"sku\":\"A\"}\n"}, "products.ndjson:2:"},
		"an id twice":      {map[string]string{"shop.json": shop, "products.ndjson": "{\"id\":1,\"sku\":\"a\"}\n{\"id\":1,\"sku\":\"b\"}\n"}, "products.ndjson:2:"},
		"no answer":        {map[string]string{"shop.json": shop, "stock_statuses.ndjson": `{"sku":"a"}`}, "stock_statuses.ndjson:1:"},
		"not compressed":   {map[string]string{"shop.json": shop, "orders.ndjson.zst": `{"entity_id":1}`}, "orders.ndjson.zst:1:"},
		"one stream twice": {map[string]string{"shop.json": shop, "orders.ndjson": "", "orders.ndjson.zst": ""}, "the stream is in orders.ndjson too"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{"README.md": {}}
			for file, text := range test.files {
				files[file] = &fstest.MapFile{Data: []byte(text)}
			}
			_, err := magentotest.Load(files)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %s", err, test.want)
			}
		})
	}
}

func TestShop_CanBeChangedBetweenRequests(t *testing.T) {
	shop := &magentotest.Shop{}
	server := magentotest.New(shop, magentotest.Options{})
	put(t, shop, "products", `{"id":2,"sku":"B"}`, `{"id":1,"sku":"A"}`, `{"id":10,"sku":"C"}`)
	skus := func() string {
		var all []string
		for _, item := range getList(t, server, "/rest/V1/products", "searchCriteria=").Items {
			all = append(all, item["sku"].(string))
		}
		return strings.Join(all, " ")
	}
	if got := skus(); got != "A B C" {
		t.Errorf("by id: %s", got)
	}
	put(t, shop, "products", `{"id":2,"sku":"RENAMED"}`, `{"id":1,"sku":"a","name":"x"}`)
	if got := skus(); got != "a RENAMED C" {
		t.Errorf("after a change of SKU and of a name: %s", got)
	}
	shop.Delete("products", "c")
	shop.Delete("products", "B")
	shop.Delete("products", "renamed")
	if got := skus(); got != "a" {
		t.Errorf("after deletions: %s", got)
	}
	if answer := get(t, server, "/rest/V1/stockStatuses/C"); answer.Code != 404 {
		t.Errorf("the stock of a deleted product: %d", answer.Code)
	}
	put(t, shop, "source_items", `{"sku":"a","source_code":"x","quantity":1}`, `{"sku":"a","source_code":"y","quantity":2}`,
		`{"sku":"A","source_code":"x","quantity":3}`)
	shop.Delete("source_items", magentotest.Key("a", "y"))
	records := shop.Records("source_items")
	if len(records) != 1 || string(records[0]) != `{"sku":"A","source_code":"x","quantity":3}` {
		t.Errorf("source items: %s", records)
	}
}

func TestShop_RefusesWhatIsNoRecord(t *testing.T) {
	shop := &magentotest.Shop{}
	for stream, record := range map[string]string{"no_stream": `{}`, "products": `{`, "orders": `[]`, "customers": `{"id":null}`} {
		if err := shop.Put(stream, json.RawMessage(record)); err == nil {
			t.Errorf("%s took %s", stream, record)
		}
	}
}

func TestShop_PassesNumbersAndTextOnAsTheyAre(t *testing.T) {
	shop := &magentotest.Shop{}
	put(t, shop, "orders", `{ "entity_id": 9007199254740993, "grand_total": 1.10, "base": 1e-7, "text": "é/\"\\\b\u0001 \ud83d\ude00 \u007f", "list": [ {}, [] ] }`)
	server := magentotest.New(shop, magentotest.Options{})
	want := `{"entity_id":9007199254740993,"grand_total":1.10,"base":1e-7,"text":"\u00e9\/\"\\\b\u0001 \ud83d\ude00 ` + "\x7f" + `","list":[{},[]]}`
	if got := get(t, server, "/rest/V1/orders/9007199254740993").Body.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	found := getList(t, server, "/rest/V1/orders", criteria(1, 1, "", [3]string{"entity_id", "gt", "9007199254740992"}))
	if found.Total != 1 {
		t.Error("a large id was rounded")
	}
}

func TestShop_MayBeChangedWhileItIsRead(t *testing.T) {
	shop := &magentotest.Shop{}
	for id := range 50 {
		put(t, shop, "orders", fmt.Sprintf(`{"entity_id":%d,"status":"new"}`, id))
	}
	server := magentotest.New(shop, magentotest.Options{})
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for range 20 {
				if worker == 0 {
					put(t, shop, "orders", `{"entity_id":1,"status":"complete"}`)
					shop.Delete("orders", "2")
					continue
				}
				getList(t, server, "/rest/V1/orders", criteria(10, 1, "status", [3]string{"status", "neq", "closed"}))
			}
		})
	}
	group.Wait()
}
