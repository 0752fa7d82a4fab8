package magentotest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// GenerateOptions says what a generated shop is like. The same options make the same shop, byte for byte.
type GenerateOptions struct {
	Seed     uint64
	Products int // with ids 1 to Products
	Orders   int
	// Customers, Invoices and CreditMemos. 0: as many as go with the orders; below 0: none.
	Customers, Invoices, CreditMemos int
	// Categories, SalesRules and Coupons. 0: as many as go with the products and the orders; below 0: none.
	Categories, SalesRules, Coupons int
	// Sources is how many stock sources there are; the first is "default". With more than one the website base sells from a
	// stock of its own, made of all the others, and the website b2b from the Default Stock. 0: one.
	Sources int
	// StockItemsPerProduct is at how many sources a product has a source item. 0: at all, but at most at three.
	StockItemsPerProduct int
	// Slim leaves out what makes records long: a product has about 700 bytes instead of 4 kB, an order about 2 kB instead of 10.
	Slim bool
	// SameSecond gives that many products and orders one and the same updated_at, as a mass update does.
	SameSecond int
	// Since and Now are when the first record was made, and the shop's clock. Zero: 2022-01-01 and 2026-11-23 22:00 UTC.
	Since, Now time.Time
	// AccessToken is the only good bearer token. Empty: any is.
	AccessToken string
}

// generator knows what a generated shop is like.
type generator struct {
	GenerateOptions
	since, now int64 // seconds
	sources    []string
}

// Generate makes a shop of any size. It holds no records: each is made of its id when it is asked for, and pages by keyset cost
// no more than their records. An index of ids is made for other filters and sort orders. Put, Delete and Touch work as on any
// shop; Records makes everything at once.
//
// In twenty products one is configurable, with four simple ones as its children, one a bundle and one grouped; one is virtual,
// one downloadable. One in thirteen is disabled, one in fifty without stock management, one in thirty has decimals, one in
// twenty-five an odd SKU. Stock items, source items, stock statuses and salable quantities belong together: see
// salableOf. Orders have every state and all types of lines. Categories, cart rules and coupons grow with products and orders.
func Generate(options GenerateOptions) *Shop {
	g := &generator{GenerateOptions: options}
	if g.Since.IsZero() {
		g.Since = time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if g.Now.IsZero() {
		g.Now = time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)
	}
	g.since, g.now = g.Since.Unix(), g.Now.Unix()
	g.Sources = max(g.Sources, 1)
	if g.StockItemsPerProduct <= 0 {
		g.StockItemsPerProduct = 3
	}
	g.StockItemsPerProduct = min(g.StockItemsPerProduct, g.Sources)
	g.Customers = orShare(g.Customers, g.Orders, 4)
	g.Invoices = orShare(g.Invoices, g.Orders, 2)
	g.CreditMemos = orShare(g.CreditMemos, g.Orders, 20)
	if g.Categories == 0 {
		g.Categories = fewestCategories + g.Products/500
	}
	if g.SalesRules == 0 {
		g.SalesRules = 4 + g.Orders/1000
	}
	g.Categories, g.SalesRules = max(g.Categories, 0), max(g.SalesRules, 0)
	g.Coupons = orShare(g.Coupons, g.Orders, 10)
	shop := &Shop{Name: fmt.Sprintf("generated-%d", g.Seed), Now: g.Now, AccessToken: g.AccessToken}
	g.putSmall(shop)
	shop.sources["products"] = newGenerated(g.products())
	shop.sources["stock_items"] = newGenerated(g.stockItems())
	shop.sources["source_items"] = newGenerated(g.sourceItems())
	shop.sources["stock_statuses"] = newGenerated(g.stockStatuses())
	shop.sources["orders"] = newGenerated(g.orders())
	shop.sources["customers"] = newGenerated(g.customers())
	shop.sources["invoices"] = newGenerated(g.documents("invoices", g.Invoices, 2))
	shop.sources["credit_memos"] = newGenerated(g.documents("credit_memos", g.CreditMemos, 20))
	shop.sources["categories"] = newGenerated(g.categories())
	shop.sources["sales_rules"] = newGenerated(g.salesRules())
	shop.sources["coupons"] = newGenerated(g.coupons())
	return shop
}

// orShare is n, or a share of the orders.
func orShare(n, orders, share int) int {
	if n == 0 {
		return orders / share
	}
	return max(n, 0)
}

// putSmall puts in what a shop has few of.
func (g *generator) putSmall(shop *Shop) {
	put := func(stream, text string) { shop.source(stream).put(mustRecord(stream, text)) }
	put("websites", `{"id":0,"code":"admin","name":"Admin","default_group_id":0}`)
	put("websites", `{"id":1,"code":"base","name":"Main Website","default_group_id":1}`)
	put("websites", `{"id":2,"code":"b2b","name":"B2B Website","default_group_id":2}`)
	for id, code := range []string{"admin", "default", "b2b_nl", "nl"} {
		website := []int{0, 1, 2, 1}[id]
		put("stores", fmt.Sprintf(`{"id":%d,"code":%q,"name":%q,"website_id":%d,"store_group_id":%d,"is_active":1}`, id, code, code, website, website))
		put("store_configs", fmt.Sprintf(`{"id":%d,"code":%q,"website_id":%d,"locale":"nl_NL","base_currency_code":%q,"timezone":"Europe/Amsterdam","weight_unit":"kgs"}`,
			id, code, website, currency(int64(id))))
	}
	for id := range 3 {
		put("store_groups", fmt.Sprintf(`{"id":%d,"website_id":%d,"root_category_id":2,"default_store_id":%d,"name":"Group %d","code":"group_%d"}`, id, id, id, id, id))
	}
	for i := range g.Sources {
		code := defaultSource
		if i > 0 {
			code = fmt.Sprintf("source-%d", i+1)
		}
		g.sources = append(g.sources, code)
		enabled := i < 3 || i < g.Sources-1 // the last of four or more is closed
		put("sources", fmt.Sprintf(`{"source_code":%q,"name":"Source %d","enabled":%t,"country_id":"NL","postcode":"1000 AA"}`, code, i+1, enabled))
		stock := 1
		if i > 0 {
			stock = 2
		}
		put("stock_source_links", fmt.Sprintf(`{"stock_id":%d,"source_code":%q,"priority":%d}`, stock, code, i+1))
	}
	channel := func(code string) string { return fmt.Sprintf(`{"type":"website","code":%q}`, code) }
	stock := func(id int, name string, channels ...string) {
		put("stocks", fmt.Sprintf(`{"stock_id":%d,"name":%q,"extension_attributes":{"sales_channels":[%s]}}`, id, name, strings.Join(channels, ",")))
	}
	g.putAttributes(put)
	if g.Sources == 1 {
		stock(1, "Default Stock", channel("b2b"), channel("base"))
		return
	}
	stock(1, "Default Stock", channel("b2b"))
	stock(2, "Main stock", channel("base"))
}

// hash scatters an id; what for keeps one trait of a record apart from another.
func (g *generator) hash(what string, id int64) uint64 {
	h := g.Seed ^ 0x9e3779b97f4a7c15
	for _, c := range []byte(what) {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return mix(mix(h) + uint64(id)*0x9e3779b97f4a7c15)
}

// one in so many records has a trait.
func (g *generator) one(in uint64, what string, id int64) bool { return g.hash(what, id)%in == 0 }

// created is when record id of n was made: in the order of ids.
func (g *generator) created(id, n int64) int64 {
	span := max(g.now-g.since-3600, 1)
	return g.since + int64(float64(span)*float64(id-1)/float64(max(n, 1)))
}

// updated is when it was saved last. Of a mass update many have the same second.
func (g *generator) updated(what string, id, n int64) int64 {
	created := g.created(id, n)
	if id <= int64(g.SameSecond) {
		return max(g.now-86400, created)
	}
	return created + int64(g.hash(what+" updated", id)%uint64(max(g.now-created, 1)))
}

func stamp(seconds int64) string { return time.Unix(seconds, 0).UTC().Format(time.DateTime) }

// dates answers for the fields that all families have.
func (g *generator) dates(what string, n int64, isID func(string) bool) func(int64, string) (int64, bool, bool) {
	return func(id int64, field string) (int64, bool, bool) {
		switch {
		case isID(field):
			return id, false, true
		case field == "updated_at":
			return g.updated(what, id, n), true, true
		case field == "created_at":
			return g.created(id, n), true, true
		}
		return 0, false, false
	}
}

// money writes cents.
func money(cents int64) string {
	return (quantity(cents) * one / 100).String()
}

// numericKey reads the id of a stream whose key is its id.
func numericKey(key string) (int64, bool) {
	id, err := strconv.ParseInt(key, 10, 64)
	return id, err == nil
}

func currency(store int64) string {
	if store == 2 {
		return "USD"
	}
	return "EUR"
}
