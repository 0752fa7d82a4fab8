package main_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/magento/magentotest"
)

// TestOrders_WaitForTheirProductsAndAreReleased holds two orders whose products are not there yet, the one because of a value that
// cannot be read and the other because its stock is not known, through a night that changes nothing, and lets them go by themselves
// in the night in which their products are created. Those nights read products by their window: what waits is read by id.
func TestOrders_WaitForTheirProductsAndAreReleased(t *testing.T) {
	long(t)
	t.Parallel()
	s := newServedShop(t, "stock_bulk: \"off\"", magentotest.Options{})
	record := find(t, s.shop, "products", `"id":37,`)
	if err := s.shop.Put("products", bytes.Replace(record, []byte(`"price":49.95`), []byte(`"price":"on request"`), 1)); err != nil {
		t.Fatal(err)
	}
	known := s.server.AddFault(magentotest.Fault{Prefix: "/V1/stockStatuses/MSI-3", Status: 500, Body: `{"message":"Internal Error"}`})
	s.must(3, "run")
	wait := func(times string) {
		t.Helper()
		want := "value products 37 " + times + " when it changes\nwaiting products 1226 " + times + " sent again\n" +
			"waiting sell_orders 7 " + times + " sent again\nwaiting sell_orders 56 " + times + " sent again\n"
		if diff := cmp.Diff(want, s.causes("--cause", "value,waiting")); diff != "" {
			t.Errorf("what waits (-want +got):\n%s", diff)
		}
		if rows := s.query("SELECT (SELECT count(*) FROM state.sell_orders), (SELECT count(*) FROM state.sell_orders WHERE remote_id IN ('7', '56'))"); rows[0][0] != "12" || rows[0][1] != "0" {
			t.Errorf("orders sent, and of those that wait: %v", rows)
		}
		if rows := s.query("SELECT remote_id, reason FROM run.issues WHERE entity = 'sell_orders' AND kind = 'held' ORDER BY remote_id::BIGINT"); len(rows) != 2 ||
			rows[0][1] != "product 37 was rejected: price is not a number" || rows[1][0] != "56" {
			t.Errorf("the orders are named as %v", rows)
		}
	}
	wait("i")
	s.must(3, "run")
	wait("ii")
	known()
	if err := s.shop.Put("products", record); err != nil { // its updated_at does not move
		t.Fatal(err)
	}
	s.must(0, "run")
	s.matches(1, "default")
	if got := s.causes(); got != "" {
		t.Errorf("still on the list:\n%s", got)
	}
}
