package magentotest_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/magento"
	"magento-optiply/magento/magentotest"
)

const exportPath = "/rest/V1/inventory/export-stock-salable-qty/website/"

// The pages of the bulk listing are cut from all products and then thinned: put together they are the one great page, whatever
// their size, and each counts only itself.
func TestExport_ThinsPagesOfAllProducts(t *testing.T) {
	shop, err := magentotest.Load(os.DirFS("testdata/msi"))
	if err != nil {
		t.Fatal(err)
	}
	server := magentotest.New(shop, magentotest.Options{})
	products := len(shop.Records("products"))
	whole := getList(t, server, exportPath+"base", "searchCriteria=")
	for _, size := range []int{7, 97, 100, 300, products - 1, products, products + 5} {
		var items []map[string]any
		for page := 1; (page-1)*size < products; page++ {
			got := getList(t, server, exportPath+"base", criteria(size, page, ""))
			if got.Total != len(got.Items) {
				t.Fatalf("page %d counts %d, has %d", page, got.Total, len(got.Items))
			}
			items = append(items, got.Items...)
		}
		if diff := cmp.Diff(whole.Items, items); diff != "" {
			t.Fatal(diff)
		}
	}
	empty := getList(t, server, exportPath+"base", criteria(1, 1, "")) // 24-MB01 has no item in that stock
	if len(empty.Items) != 0 || len(whole.Items) == products {
		t.Errorf("no page is empty: %v", empty)
	}
}

// What the bulk listing says is what one request a SKU says, decimals aside, for every website.
func TestExport_AgreesWithStockStatuses(t *testing.T) {
	for _, night := range []string{"night-1", "night-2"} {
		shop, err := magentotest.Load(os.DirFS("../../fixtures/demo/" + night))
		if err != nil {
			t.Fatal(err)
		}
		server := magentotest.New(shop, magentotest.Options{})
		decimals := 0
		for website, code := range map[string]string{"base": "default", "b2b": "b2b_nl"} {
			listed := getList(t, server, exportPath+website, "searchCriteria=")
			if len(listed.Items) == 0 {
				t.Fatalf("%s: nothing is listed", website)
			}
			for _, item := range listed.Items {
				var status struct {
					ProductID *int `json:"product_id"`
					Qty       float64
					Status    int `json:"stock_status"`
				}
				answer := get(t, server, "/rest/"+code+"/V1/stockStatuses/"+magento.SKUPath(item["sku"].(string)))
				if err := json.Unmarshal(answer.Body.Bytes(), &status); err != nil {
					t.Fatalf("%v: %s", err, answer.Body)
				}
				qty := item["qty"].(float64)
				if math.Trunc(qty) != status.Qty {
					t.Errorf("%s %s %v: listed %v, alone %v", night, website, item["sku"], qty, status.Qty)
				}
				if qty != math.Trunc(qty) {
					decimals++
				}
			}
		}
		if decimals == 0 {
			t.Errorf("%s: no quantity has decimals", night)
		}
	}
}

func TestExport_IsNotThereInEveryShop(t *testing.T) {
	shop := loadShop(t)
	paths := map[string][2]int{ // status without inventory, without bulk listings
		"inventory/export-stock-salable-qty/website/base?searchCriteria=": {404, 404},
		"inventory/dump-stock-index-data/website/base":                    {404, 404},
		"inventory/are-products-salable?skus[0]=a&stockId=1":              {404, 404},
		"inventory/get-product-salable-quantity/24-MB01/1":                {404, 200},
		"inventory/source-items?searchCriteria=":                          {404, 200},
		"inventory/stocks":                                                {404, 200},
		"stockStatuses/24-MB01":                                           {200, 200},
		"stockItems/lowStock?scopeId=0&qty=5":                             {200, 200},
	}
	for i, options := range []magentotest.Options{{NoInventory: true}, {NoBulkStock: true}} {
		server := magentotest.New(shop, options)
		for path, status := range paths {
			if answer := get(t, server, "/rest/V1/"+path); answer.Code != status[i] {
				t.Errorf("%+v %s: %d %s", options, path, answer.Code, answer.Body)
			}
		}
	}
	lacking := magentotest.New(shop, magentotest.Options{ExportLacks: []string{"24-MB01"}})
	whole := getList(t, magentotest.New(shop, magentotest.Options{}), exportPath+"base", criteria(10, 1, ""))
	if got := getList(t, lacking, exportPath+"base", criteria(10, 1, "")); len(got.Items) != len(whole.Items)-1 {
		t.Errorf("%d items without one of %d", len(got.Items), len(whole.Items))
	}
}

func TestExport_RefusesWhatIsWrong(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{MaxPageSize: 300})
	for path, status := range map[string]int{
		"export-stock-salable-qty/website/base":                              400,
		"export-stock-salable-qty/website/nope?searchCriteria=":              404,
		"export-stock-salable-qty/store/base?searchCriteria=":                404,
		"export-stock-salable-qty/website/base?searchCriteria[pageSize]=301": 400,
		"export-stock-salable-qty/website/base?searchCriteria[filterGroups][0][filters][0][field]=nope&searchCriteria[filterGroups][0][filters][0][value]=1": 400,
		"get-product-salable-quantity/24-MB01/x":   400,
		"is-product-salable/24-MB01/x":             400,
		"are-products-salable":                     400,
		"are-products-salable?skus[0]=a":           400,
		"are-products-salable?skus[0]=a&stockId=x": 400,
	} {
		if answer := get(t, server, "/rest/V1/inventory/"+path); answer.Code != status {
			t.Errorf("%s: %d, not %d: %s", path, answer.Code, status, answer.Body)
		}
	}
}

// A shop without a word about its stocks has the Default Stock; what is changed in it shows at once.
func TestSalable_FollowsTheShop(t *testing.T) {
	shop := &magentotest.Shop{}
	put(t, shop, "websites", `{"id":0,"code":"admin"}`, `{"id":1,"code":"base"}`)
	put(t, shop, "products", `{"id":1,"sku":"A","type_id":"simple","status":1}`, `{"id":2,"sku":"B","type_id":"simple","status":2}`)
	put(t, shop, "source_items", `{"sku":"A","source_code":"default","quantity":2.5,"status":1}`)
	server := magentotest.New(shop, magentotest.Options{})
	check := func(want string) {
		t.Helper()
		if got := fmt.Sprint(getList(t, server, exportPath+"base", "searchCriteria=").Items); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	check("[map[is_salable:true qty:2.5 sku:A] map[is_salable:false qty:0 sku:B]]")
	put(t, shop, "stock_statuses", `{"sku":"A","answer":{"product_id":1,"qty":1,"stock_status":1}}`)
	check("[map[is_salable:true qty:1.5 sku:A] map[is_salable:false qty:0 sku:B]]")
	put(t, shop, "salable", `{"website":"base","sku":"A","qty":-8.25,"is_salable":true}`)
	check("[map[is_salable:true qty:-8.25 sku:A]]")
	shop.Delete("salable", magentotest.Key("base", "A"))
	put(t, shop, "stocks", `{"stock_id":1,"name":"Default Stock"}`,
		`{"stock_id":7,"name":"EU","extension_attributes":{"sales_channels":[{"type":"website","code":"base"}]}}`)
	put(t, shop, "stock_source_links", `{"stock_id":7,"source_code":"eu","priority":1}`)
	put(t, shop, "sources", `{"source_code":"eu","enabled":true}`)
	check("[]")
	put(t, shop, "source_items", `{"sku":"A","source_code":"eu","quantity":4.125,"status":1}`)
	check("[map[is_salable:true qty:1.125 sku:A]]")
	if answer := get(t, server, "/rest/V1/inventory/get-product-salable-quantity/A/7"); answer.Body.String() != "1.125" {
		t.Error(answer.Body)
	}
}
