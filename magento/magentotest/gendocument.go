package magentotest

import "fmt"

func (g *generator) customers() family {
	n := int64(g.Customers)
	dates := g.dates("customer", n, func(field string) bool { return field == "entity_id" })
	return family{def: streamOf("customers"), n: n, idOf: numericKey, number: dates, json: func(id int64) []byte {
		store := g.storeOf(id)
		website := int64(1)
		if store == 2 {
			website = 2
		}
		return fmt.Appendf(nil, `{"id":%d,"group_id":1,"created_at":%q,"updated_at":%q,"created_in":"View %d","email":"customer%d@example.com","firstname":"Generated","lastname":"Customer %d",`+
			`"store_id":%d,"website_id":%d,"addresses":[],"disable_auto_group_change":0,"extension_attributes":{"is_subscribed":false}}`,
			id, stamp(g.created(id, n)), stamp(g.updated("customer", id, n)), store, id, id, store, website)
	}}
}

// documents are invoices or credit memos: one of every so many orders has one.
func (g *generator) documents(name string, count int, every int64) family {
	n := int64(count)
	dates := g.dates(name, n, func(field string) bool { return field == "entity_id" })
	return family{def: streamOf(name), n: n, idOf: numericKey, number: dates, json: func(id int64) []byte {
		order := min(id*every, max(int64(g.Orders), 1))
		store := g.storeOf(order)
		total := 500 + int64(g.hash(name+" total", id)%40000)
		return fmt.Appendf(nil, `{"base_currency_code":%q,"base_grand_total":%s,"billing_address_id":%d,"created_at":%q,"entity_id":%d,"grand_total":%s,"increment_id":"%d%08d","order_currency_code":%q,`+
			`"order_id":%d,"shipping_amount":5,"state":2,"store_id":%d,"subtotal":%s,"updated_at":%q,"items":[{"entity_id":%d,"parent_id":%d,"price":%s,"qty":1,"row_total":%s,"sku":"G-%07d","product_id":%d,"order_item_id":%d}],"comments":[]}`,
			currency(store), money(total), 2*order, stamp(g.created(id, n)), id, money(total), store, id, currency(store),
			order, store, money(total-500), stamp(g.updated(name, id, n)), id, id, money(total-500), money(total-500), order, order, order*10)
	}}
}
