package extract_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"magento-optiply/extract"
	"magento-optiply/magento/magentotest"
)

// waitingOrders lets the orders 7, 8 and 9 wait for another try.
func waitingOrders(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, magentotest.Options{})
	r.state(bookmark("products_full", "", night), bookmark("products", "", night), bookmark("orders", "", night),
		parked("sell_orders", 7), parked("sell_orders", 8), parked("sell_orders", 9), held(1, "P1"))
	r.products(2)
	for id := 7; id <= 9; id++ {
		r.order(id, night.AddDate(0, -1, 0), 1)
	}
	return r
}

func TestByID_ARecordThatTheShopCannotAnswerForStopsNoOther(t *testing.T) {
	t.Parallel()
	for name, poison := range map[string]magentotest.Poison{
		"500":            {},
		"404":            {Status: 404, Body: `{"message":"Het opgevraagde product bestaat niet."}`},
		"a message":      {Status: 200, Body: `{"message":"Requested product doesn't exist"}`},
		"something else": {Status: 200, Body: `[]`},
		"broken JSON":    {Status: 200, Body: `{"items":[{"entity_id":7`},
		"a page":         {Status: 200, Body: `<html><title>Warning</title></html>`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := waitingOrders(t)
			poison.Stream, poison.Key = "orders", "8"
			r.server.AddFault(magentotest.Fault{Prefix: "/V1/orders", Poison: &poison})
			e := r.read(extract.Parts{SellOrders: true})
			equal(t, "orders", e.keys("orders"), "7 9")
			equal(t, "named", strings.Join(e.column("SELECT kind || ' ' || entity || ' ' || remote_id FROM run.issues"), ", "), "quarantined orders 8")
			equal(t, "reason", e.column("SELECT reason FROM run.streams WHERE stream = 'orders' AND part = 'ids'")[0], "1 records are quarantined: the shop cannot answer for them")
		})
	}
}

func TestByID_FewerAreAskedForWhereManyTakeTooLong(t *testing.T) {
	t.Parallel()
	r := waitingOrders(t)
	r.server.AddFault(magentotest.Fault{Prefix: "/V1/orders", Pattern: regexp.MustCompile("value%5D=[0-9]+%2C"), Status: 504, Body: "<html><title>504 Gateway Time-out</title></html>"})
	e := r.read(extract.Parts{SellOrders: true})
	equal(t, "orders", e.keys("orders"), "7 8 9")
	equal(t, "complete", e.column("SELECT complete || ' ' || pages FROM run.streams WHERE stream = 'orders' AND part = 'ids'")[0], "true 3")
	if asked := r.requests("orders?"); len(asked) > 7 { // the window, 3, 2, 1, 1, 1, and one retry
		t.Errorf("%d requests: what was too much was tried again:\n%s", len(asked), strings.Join(asked, "\n"))
	}
}

// withoutIDs are shops without a filter on ids: page numbers are their way to a list (section 6.1), and not to some records.
func withoutIDs() map[string]func(*rig) {
	number := regexp.MustCompile(`(entity_id&searchCriteria[^&]*value\]=)[0-9,]+`)
	return map[string]func(*rig){
		"400": func(r *rig) {
			r.server.AddFault(magentotest.Fault{Pattern: regexp.MustCompile("entity_id&searchCriteria[^&]*value%5D="), Status: 400, Body: `{"message":"no filter on entity_id"}`})
		},
		"500": func(r *rig) {
			r.server.AddFault(magentotest.Fault{Pattern: regexp.MustCompile("entity_id&searchCriteria[^&]*value%5D="), Status: 500, Body: `{"message":"Internal Error"}`})
		},
		"ignored": func(r *rig) {
			r.meet = func(_ int, q *http.Request, _ http.ResponseWriter) {
				plain, _ := url.QueryUnescape(q.URL.RawQuery)
				plain = strings.ReplaceAll(number.ReplaceAllString(plain, "${1}0"), "=in&", "=gt&")
				q.URL.RawQuery = strings.NewReplacer("[", "%5B", "]", "%5D", " ", "%20").Replace(plain)
			}
		},
	}
}

func TestByID_AShopWithoutAFilterOnIDsIsAskedForOrdersOneByOne(t *testing.T) {
	t.Parallel()
	for name, break_ := range withoutIDs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := waitingOrders(t)
			for id := 1; id <= 6; id++ { // so that some are answered that were not asked for
				r.order(id, night.AddDate(0, -2, 0), 1)
			}
			break_(r)
			r.server.AddFault(magentotest.Fault{Prefix: "/V1/orders/8", Status: 500, Body: `{"message":"Internal Error"}`})
			e := r.read(extract.Parts{SellOrders: true})
			equal(t, "orders", e.keys("orders"), "7 9")
			equal(t, "named", strings.Join(e.column("SELECT kind || ' ' || entity || ' ' || remote_id FROM run.issues"), ", "), "quarantined orders 8")
			if text := strings.Join(e.column("SELECT item::VARCHAR FROM raw.orders"), ""); strings.Contains(text, "Jan") || strings.Contains(text, "Straat") {
				t.Errorf("an order read alone holds its customer: %s", text)
			}
		})
	}
}

// Products have no address by id. What could not be asked for is named, so that it waits, and is not taken for gone.
func TestByID_AShopWithoutAFilterOnIDsNamesItsProducts(t *testing.T) {
	t.Parallel()
	for name, break_ := range withoutIDs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := waitingOrders(t)
			r.order(10, night, 2, 77)
			r.now = night.AddDate(0, 0, 1) // behind the window's lag
			r.shop.SetNow(r.now)
			r.state(bookmark("products_full", "", r.now), bookmark("products", "", r.now))
			break_(r)
			e := r.read(extract.Parts{Products: true, SellOrders: true})
			equal(t, "named", strings.Join(e.column("SELECT kind || ' ' || entity || ' ' || remote_id FROM run.issues ORDER BY ALL"), ", "), "quarantined products 2, quarantined products 77")
			equal(t, "complete", e.column("SELECT complete FROM run.streams WHERE stream = 'products' AND part = 'ids'")[0], "false")
		})
	}
}

// An answer with other products tells nothing about those that seem to be gone (invariant 3).
func TestByID_TheSecondLookOfAShopWithoutAFilterOnIDsProvesNothing(t *testing.T) {
	t.Parallel()
	for name, break_ := range withoutIDs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, magentotest.Options{})
			r.cfg.Sync.SyncProductDeletions = true
			r.products(6)
			r.state(held(1, "P1"), held(50, "P50"), held(51, "P51"))
			break_(r)
			e := r.read(extract.Parts{Products: true, Deletions: true})
			equal(t, "coverage", e.coverage(), ": complete, 6 of 6")
			equal(t, "looked at", strings.Join(e.column("SELECT remote_id FROM run.second_look"), " "), "")
			equal(t, "why", strings.Join(e.column("SELECT reason FROM run.streams WHERE NOT complete"), " "), "the shop does not filter by id, so it could not be asked for 2 records once more")
		})
	}
}
