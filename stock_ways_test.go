package main_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/magento/magentotest"
)

// TestNights_EveryWayToTheStock runs both nights with each way to the stock: Optiply then holds what was worked out by hand, to the
// unit. (The default takes the bulk listings: TestNights_EverySetting.)
func TestNights_EveryWayToTheStock(t *testing.T) {
	long(t)
	for _, test := range []struct{ settings, sync, kept string }{
		{"default", "stock_bulk: off", "0"},
		{"default", "stock_bulk: off\nstock_refresh: changed", "some"},
		{"default", "stock_refresh: changed", "some"},
		{"physical", "use_salable_quantity: false\nstock_bulk: off\nstock_refresh: changed", "some"},
	} {
		t.Run(strings.ReplaceAll(test.sync, "\n", " and "), func(t *testing.T) {
			t.Parallel()
			s := newShop(t, test.sync, "")
			s.must(3, "run", "--fixtures", night(1), "--dry-run")
			if n := s.query("SELECT count(*) FROM state.stock_answers")[0][0]; n != "0" {
				t.Errorf("a dry run kept %s answers", n)
			}
			s.must(3, "run", "--fixtures", night(1))
			s.matches(1, test.settings)
			s.must(3, "run", "--fixtures", night(2))
			s.matches(2, test.settings)
			s.namesIssues(2, test.settings)
			s.plannedChanges(2, test.settings)
			kept := s.query("SELECT count(*) FROM run.stock_plan WHERE way = 'kept'")[0][0]
			if (kept == "0") != (test.kept == "0") {
				t.Errorf("%s answers were kept", kept)
			}
		})
	}
}

// A generated shop whose stock moves between the nights, at the default source, at others, and by orders alone: whichever way the
// stock came by, Optiply holds the same.
func TestNights_EveryWayToTheStockOfAShopThatMoves(t *testing.T) {
	long(t)
	for _, sources := range []int{1, 3} {
		t.Run(fmt.Sprint(sources, " sources"), func(t *testing.T) {
			t.Parallel()
			shop := magentotest.Generate(magentotest.GenerateOptions{Seed: uint64(40 + sources), Products: 90, Orders: 10, Sources: sources, Slim: true, AccessToken: "demo-token"})
			ways := []string{"stock_bulk: off", "stock_bulk: auto", "stock_bulk: off\nstock_refresh: changed"}
			var shops []shopDir
			var servers []*magentotest.Server
			for _, way := range ways {
				server := magentotest.New(shop, magentotest.Options{})
				url, err := server.Start()
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = server.Close() })
				shops = append(shops, newShop(t, way, "store_url: "+url+"\naccess_token: demo-token\nstore_code: default"))
				servers = append(servers, server)
			}
			moves := rand.New(rand.NewPCG(uint64(sources), 1))
			for n := range 3 {
				var want []string
				requests := make([]int, len(ways))
				for i, s := range shops {
					servers[i].ClearRequests()
					if r := s.exec("run"); r.code != 0 && r.code != 3 {
						t.Fatalf("night %d, %s: exit code %d\n%s", n+1, ways[i], r.code, r.stderr)
					}
					for _, q := range servers[i].Requests() {
						if strings.Contains(q.Path, "tock") || strings.Contains(q.Path, "/inventory/") {
							requests[i]++
						}
					}
					products, _, _ := s.held()
					if want == nil {
						want = products
					}
					if diff := cmp.Diff(want, products); diff != "" {
						t.Errorf("night %d, %s (-one by one +this way):\n%s", n+1, ways[i], diff)
					}
				}
				if requests[1] >= requests[0]/2 || n > 0 && requests[2] >= requests[0]/2 {
					t.Errorf("night %d: %v requests for stock", n+1, requests)
				}
				shop.SetNow(shop.Now.Add(time.Hour))
				move(t, shop, moves, sources, 9000+n)
			}
		})
	}
}

// move changes the stock of some products: their item at a source, or an order that is promised some.
func move(t *testing.T, shop *magentotest.Shop, r *rand.Rand, sources, order int) {
	t.Helper()
	put := func(stream string, record any) {
		text, err := json.Marshal(record)
		if err == nil {
			err = shop.Put(stream, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var items []map[string]any
	for _, raw := range shop.Records("products") {
		var p struct {
			ID     int    `json:"id"`
			SKU    string `json:"sku"`
			Type   string `json:"type_id"`
			Status int    `json:"status"`
		}
		if err := json.Unmarshal(raw, &p); err != nil {
			t.Fatal(err)
		}
		if p.Type != "simple" || p.Status != 1 || r.IntN(6) > 0 {
			continue
		}
		physical, salable := 20+r.IntN(100), 10+r.IntN(10)
		item := map[string]any{"item_id": p.ID, "product_id": p.ID, "stock_id": 1, "qty": physical, "is_in_stock": true, "manage_stock": true}
		switch kind := r.IntN(3); {
		case kind == 0:
			items = append(items, map[string]any{"item_id": order*100 + p.ID, "product_id": p.ID, "sku": p.SKU, "product_type": "simple", "qty_ordered": 1, "base_row_total": 1})
			for _, raw := range shop.Records("stock_items") {
				var have map[string]any
				if json.Unmarshal(raw, &have) == nil && fmt.Sprint(have["product_id"]) == fmt.Sprint(p.ID) {
					item = have // an order changes no stock item
				}
			}
		case kind == 1 && sources > 1:
			put("source_items", map[string]any{"sku": p.SKU, "source_code": "source-2", "quantity": physical, "status": 1})
			for _, raw := range shop.Records("stock_items") {
				var have map[string]any
				if json.Unmarshal(raw, &have) == nil && fmt.Sprint(have["product_id"]) == fmt.Sprint(p.ID) {
					item = have // it is the default source's
				}
			}
		default:
			put("stock_items", item)
		}
		if item["manage_stock"] == false {
			salable = 0
		}
		put("stock_statuses", map[string]any{"sku": p.SKU, "answer": map[string]any{"product_id": p.ID, "stock_id": 1, "qty": salable, "stock_status": 1, "stock_item": item}})
	}
	put("orders", map[string]any{"entity_id": order, "increment_id": fmt.Sprint(order), "state": "new", "status": "pending", "store_id": 2, "items": items,
		"created_at": shop.Now.UTC().Format(time.DateTime), "updated_at": shop.Now.Add(-20 * time.Minute).UTC().Format(time.DateTime), "subtotal": 1, "base_subtotal": 1})
}
