package extract_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"magento-optiply/extract"
	"magento-optiply/magento"
	"magento-optiply/magento/magentotest"
)

func TestExtract_SaysWhatIsWrongWithTheShop(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options magentotest.Options
		change  func(*rig)
		kind    magento.Kind
		want    string
	}{
		"a wrong token":                         {magentotest.Options{}, func(r *rig) { r.shop.AccessToken = "another" }, magento.Unauthorized, "read stores: magento: GET store/storeViews: HTTP 401"},
		"no permission for products":            {magentotest.Options{DeniedResources: []string{"Magento_Catalog::products"}}, nil, magento.Forbidden, "give its integration the permission Magento_Catalog::products"},
		"no permission for stores with a store": {magentotest.Options{DeniedResources: []string{"Magento_Backend::store"}}, func(r *rig) { r.cfg.Magento.StoreIDs = []string{"1"} }, magento.Forbidden, "Magento_Backend::store"},
		"a shop that is away":                   {magentotest.Options{}, func(r *rig) { r.url = "http://" + nobody(r.t) }, magento.Unreachable, "cannot be reached"},
		"500 for ever": {magentotest.Options{}, func(r *rig) {
			r.server.AddFault(magentotest.Fault{Prefix: "/V1/orders", Status: 500, Body: `{"message":"x"}`})
		}, magento.ServerError, "read orders: magento: GET orders: HTTP 500"},
		"an unknown store code": {magentotest.Options{}, func(r *rig) { r.cfg.Magento.StoreCode = "nl" }, magento.UnknownStoreCode, "check magento.store_code"},
		"a filter that is ignored": {magentotest.Options{}, func(r *rig) {
			r.server.AddFault(magentotest.Fault{Prefix: "/V1/products", Status: 200, Body: `{"items":[{"id":2},{"id":1}],"total_count":2}`})
		}, magento.NotInOrder, "not sorted by entity_id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, test.options)
			r.products(2)
			r.order(1, night.Add(-time.Hour), 1)
			if test.change != nil {
				test.change(r)
			}
			e := r.begin(extract.All())
			_, err := e.job.Extract(t.Context())
			var m *magento.Error
			if !errors.As(err, &m) || m.Kind != test.kind || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %s: %s", err, test.kind, test.want)
			}
			if strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is no sentence, or holds the token: %v", err)
			}
			open := e.column("SELECT reason FROM run.streams WHERE NOT complete")
			if len(open) != 1 || !strings.Contains(open[0], test.want[strings.LastIndex(test.want, ":")+1:]) {
				t.Errorf("run.streams does not say why: %q", open)
			}
		})
	}
}

// nobody is an address where nobody listens.
func nobody(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestExtract_WhatWasReadBeforeAnErrorIsKeptAndGoneOnWith(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.PageSize = 2
	r.products(5)
	r.order(1, night.Add(-time.Hour), 1)
	r.server.AddFault(magentotest.Fault{Prefix: "/V1/products", After: 2, Status: 500})
	e := r.begin(extract.All())
	if _, err := e.job.Extract(t.Context()); err == nil {
		t.Fatal("the extraction ended well")
	}
	equal(t, "kept", e.keys("products"), "1 2 3 4")
	equal(t, "not extracted", fmt.Sprint(e.column("SELECT extracted_at FROM run.info")), "[]")
	e.close()
	r.server.ClearFaults()
	r.forget()
	e = r.resume(extract.All())
	e.must()
	equal(t, "products", e.keys("products"), "1 2 3 4 5")
	equal(t, "asked for the rest alone", r.requests("products?")[0][strings.Index(r.requests("products?")[0], "[value]="):][:9], "[value]=4")
	equal(t, "figures of both", strings.Split(e.streams(), "\n")[2], "products//full: 5 rows, 3 pages, 7 requests, 1 retries") // two of them to see whether one record is to blame
}

func TestExtract_RetriesAreCountedWhereTheyWereNeeded(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.Retries = 5
	r.products(2)
	r.order(1, night.Add(-time.Hour), 1)
	r.server.AddFault(magentotest.Fault{Prefix: "/V1/products", Status: 503, Times: 2})
	r.server.AddFault(magentotest.Fault{Prefix: "/V1/orders", Cut: 0.5, Times: 1})
	e := r.read(extract.All())
	equal(t, "streams", e.streams(), `
stores//full: 3 rows, 1 pages, 1 requests
websites//full: 3 rows, 1 pages, 1 requests
products//full: 2 rows, 1 pages, 4 requests, 2 retries
orders//window: 1 rows, 1 pages, 2 requests, 1 retries
stock_statuses//skus: 2 rows, 2 requests`)
	result, err := extract.Streams(t.Context(), e.run.DB)
	if err != nil || len(result) != 5 || result[2].Requests != 4 || result[2].Bytes == 0 || !result[2].Complete {
		t.Errorf("got %+v, %v", result, err)
	}
}

// An order that the shop counts and does not give must be read again by the next run.
func TestExtract_AWindowThatIsNotWholeIsNotComplete(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.order(1, night.Add(-time.Hour), 1)
	r.rewrite = total("/orders", 3)
	e := r.read(extract.Parts{SellOrders: true})
	equal(t, "stream", e.column("SELECT complete || ' ' || reason FROM run.streams WHERE stream = 'orders'")[0], "false 1 orders were read, and the shop counts 3")
}

// An order that is changed while the window is read leaves it, and is in the next one.
func TestExtract_AnOrderThatLeavesTheWindowMeanwhileIsNoLoss(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.PageSize = 2
	for id := 1; id <= 5; id++ {
		r.order(id, night.Add(-time.Hour), 1)
	}
	asked := 0
	r.meet = meetPath("/orders", func() {
		if asked++; asked == 2 {
			r.order(5, night.Add(time.Second), 1)
		}
	})
	e := r.read(extract.Parts{SellOrders: true})
	equal(t, "orders", e.keys("orders"), "1 2 3 4")
	equal(t, "complete", e.column("SELECT complete FROM run.streams WHERE stream = 'orders'")[0], "true")
}
