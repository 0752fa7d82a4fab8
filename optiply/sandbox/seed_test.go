package sandbox_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"magento-optiply/optiply/sandbox"
)

func attributes(t *testing.T, text string) map[string]json.RawMessage {
	t.Helper()
	var out map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSeed_GivesWhatIsHeldAlready(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "sandbox")
	what := sandbox.Seeding{AccountID: 98, CouplingID: 4711, Now: time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC),
		Products: []sandbox.Given{
			{ID: 12, UUID: "u-12", RemoteID: "1", Attributes: attributes(t, `{"name":"Bag","skuCode":"B","price":"3.50","stockLevel":4,"status":"disabled"}`)},
			{ID: 99_000_000, RemoteID: "2", Attributes: attributes(t, `{"name":"Without a stock"}`)},
		},
		SellOrders: []sandbox.Given{{ID: 5, RemoteID: "7", Attributes: attributes(t, `{"placed":"2026-11-01T00:00:00Z","totalValue":"10.00"}`)}},
	}
	for i, want := range []bool{true, false} { // a folder that is there is not touched
		seeded, err := sandbox.Seed(dir, what)
		if err != nil || seeded != want {
			t.Fatalf("time %d: seeded %v, %v", i, seeded, err)
		}
	}
	box, err := sandbox.Open(sandbox.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	products, orders := box.Products(), box.SellOrders()
	if len(products) != 2 || len(orders) != 1 {
		t.Fatalf("%d products, %d orders", len(products), len(orders))
	}
	p := products[0]
	if p.ID != "12" || p.UUID != "u-12" || p.RemoteIDs["4711"] != "1" || p.Attributes["price"] != "3.50" || p.Attributes["status"] != "disabled" {
		t.Errorf("product %+v", p)
	}
	if products[1].UUID == "" || orders[0].RemoteID() != "7" || len(orders[0].Lines) != 0 {
		t.Errorf("product %+v, order %+v", products[1], orders[0])
	}
}

func TestSeed_ThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "sandbox")
	_, err := sandbox.Seed(dir, sandbox.Seeding{Products: []sandbox.Given{{ID: 12, Attributes: attributes(t, `{"colour":"red"}`)}}})
	if err == nil || !strings.Contains(err.Error(), "products 12: colour cannot be set") {
		t.Errorf("error %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
