package magentotest

import "fmt"

// orderStates are state and status, in the proportions of a shop.
var orderStates = [][2]string{
	{"complete", "complete"}, {"complete", "complete"}, {"complete", "complete"}, {"complete", "complete"}, {"complete", "complete"},
	{"complete", "complete"}, {"complete", "complete"}, {"complete", "complete"}, {"complete", "complete"}, {"complete", "complete"},
	{"processing", "processing"}, {"processing", "processing"}, {"processing", "processing"}, {"new", "pending"}, {"new", "pending"},
	{"canceled", "canceled"}, {"canceled", "canceled"}, {"closed", "closed"}, {"holded", "holded"}, {"pending_payment", "pending_payment"},
}

func (g *generator) stateOf(id int64) [2]string {
	return orderStates[g.hash("state", id)%uint64(len(orderStates))]
}
func (g *generator) storeOf(id int64) int64 { return []int64{1, 1, 1, 3, 2}[g.hash("store", id)%5] }

func (g *generator) orders() family {
	n := int64(g.Orders)
	dates := g.dates("order", n, func(field string) bool { return field == "entity_id" })
	return family{def: streamOf("orders"), n: n, json: g.order, idOf: numericKey, number: func(id int64, field string) (int64, bool, bool) {
		if field == "store_id" {
			return g.storeOf(id), false, true
		}
		return dates(id, field)
	}}
}

// orderWriter writes one order, whose totals are known when its lines are.
type orderWriter struct {
	*generator
	id       int64
	stamp    string
	store    int64
	state    string
	items    []byte // with parents copied into children
	shipped  []byte // the same again, in the shipping assignment
	lines    int
	count    int64 // pieces, parents only
	subtotal int64 // cents
	tax      int64
}

func (g *generator) order(id int64) []byte {
	n := int64(g.Orders)
	state := g.stateOf(id)
	w := &orderWriter{generator: g, id: id, stamp: stamp(g.created(id, n)), store: g.storeOf(id), state: state[0], items: make([]byte, 0, 4096)}
	for i := range int64(1 + g.hash("lines", id)%3) {
		w.line(i)
	}
	discount := int64(0)
	if g.one(6, "discount", id) {
		discount = w.subtotal / 10
	}
	total := w.subtotal + w.tax + 500 - discount
	customer := int64(0)
	if g.Customers > 0 && !g.one(4, "guest", id) {
		customer = 1 + int64(g.hash("customer", id)%uint64(g.Customers))
	}
	out := fmt.Appendf(make([]byte, 0, 2048+len(w.items)+len(w.shipped)), `{"base_currency_code":%q,"base_discount_amount":-%s,"base_grand_total":%s,"base_shipping_amount":5,"base_subtotal":%s,"base_subtotal_incl_tax":%s,"base_tax_amount":%s,"base_to_global_rate":1,`,
		currency(w.store), money(discount), money(total), money(w.subtotal), money(w.subtotal+w.tax), money(w.tax))
	out = fmt.Appendf(out, `"base_to_order_rate":1,"billing_address_id":%d,`, 2*id)
	if g.one(6, "discount", id) {
		out = append(out, `"coupon_code":"WELKOM10",`...)
	}
	out = fmt.Appendf(out, `"created_at":%q,"customer_email":"customer%d@example.com","customer_firstname":"Generated","customer_group_id":%d,`, w.stamp, customer, min(customer, 1))
	if customer > 0 {
		out = fmt.Appendf(out, `"customer_id":%d,`, customer)
	}
	out = fmt.Appendf(out, `"customer_is_guest":%d,"customer_lastname":"Customer %d","discount_amount":-%s,"entity_id":%d,"global_currency_code":"EUR","grand_total":%s,`,
		1-min(customer, 1), customer, money(discount), id, money(total))
	out = fmt.Appendf(out, `"increment_id":"%d%08d","is_virtual":0,"order_currency_code":%q,"protect_code":"%032x","quote_id":%d,"remote_ip":"192.0.2.%d","shipping_amount":5,"shipping_description":"Flat Rate - Fixed",`,
		w.store, id, currency(w.store), g.hash("protect", id), id, id%250)
	out = fmt.Appendf(out, `"shipping_incl_tax":5,"shipping_tax_amount":0,"state":%q,"status":%q,"store_currency_code":%q,"store_id":%d,"store_name":"Main Website\nMain Website Store\nView %d",`,
		state[0], state[1], currency(w.store), w.store, w.store)
	out = fmt.Appendf(out, `"subtotal":%s,"subtotal_incl_tax":%s,"tax_amount":%s,"total_due":%s,"total_item_count":%d,"total_qty_ordered":%d,"updated_at":%q,"weight":%d,`,
		money(w.subtotal), money(w.subtotal+w.tax), money(w.tax), money(w.due(total)), w.lines, w.count, stamp(g.updated("order", id, n)), w.count)
	out = append(append(append(out, `"items":[`...), w.items...), ']')
	if !g.Slim {
		out = w.appendRest(out, customer, total)
	}
	return append(out, '}')
}

func (w *orderWriter) due(total int64) int64 {
	if w.state == "complete" || w.state == "closed" {
		return 0
	}
	return total
}

// appendRest adds the addresses, the payment and the shipping assignment, which repeats all lines. [obs: f-order-1]
func (w *orderWriter) appendRest(out []byte, customer, total int64) []byte {
	address := func(kind string, id int64) []byte {
		return fmt.Appendf(nil, `{"address_type":%q,"city":"Amsterdam","country_id":"NL","email":"customer%d@example.com","entity_id":%d,"firstname":"Generated","lastname":"Customer %d",`+
			`"parent_id":%d,"postcode":"1000 AA","region":"Noord-Holland","region_code":"Noord-Holland","street":["Streetname %d"],"telephone":"+31 20 0000000"}`,
			kind, customer, id, customer, w.id, w.id%300)
	}
	out = fmt.Appendf(out, `,"billing_address":%s,"payment":{"account_status":null,"additional_information":["Check \/ Money order"],"amount_ordered":%s,"base_amount_ordered":%s,"base_shipping_amount":5,"cc_last4":null,"entity_id":%d,"method":"checkmo","parent_id":%d,"shipping_amount":5}`,
		address("billing", 2*w.id), money(total), money(total), w.id, w.id)
	return fmt.Appendf(out, `,"status_histories":[],"extension_attributes":{"shipping_assignments":[{"shipping":{"address":%s,"method":"flatrate_flatrate","total":{"base_shipping_amount":5,"shipping_amount":5}},"items":[%s]}]}`,
		address("shipping", 2*w.id-1), w.shipped)
}

// line adds one line, with its children: a configurable product's child has no price, a bundle's children have their own. [obs]
func (w *orderWriter) line(i int64) {
	h := w.hash(fmt.Sprint("line", i), w.id)
	qty := 1 + int64(h>>40%3)
	item := w.id*10 + i*3
	if w.Products == 0 {
		w.add(soldLine{id: item, product: 1, sku: "GONE-1", kind: "simple", qty: qty, price: 1000})
		return
	}
	product := 1 + int64(h%uint64(w.Products))
	line := soldLine{id: item, product: product, sku: w.sku(product), kind: w.typeOf(product), qty: qty, price: w.price(product)}
	switch children := w.children(product, 4); {
	case line.kind == "grouped" && len(children) > 0: // its parts are sold, not itself
		line.product = children[0]
		line.sku, line.kind, line.price = w.sku(line.product), w.typeOf(line.product), w.price(line.product)
		w.add(line)
	case line.kind == "configurable" && len(children) > 0:
		child := children[int(h>>20%uint64(len(children)))]
		line.sku, line.price = w.sku(child), w.price(child)
		parent := w.add(line)
		w.add(soldLine{id: item + 1, product: child, sku: line.sku, kind: "simple", qty: qty, parent: item, copied: parent})
	case line.kind == "bundle":
		parts := w.bundled(product)
		line.price = 0
		for _, part := range parts {
			line.price += w.price(part)
			line.sku += "-" + w.sku(part)
		}
		parent := w.add(line)
		for n, part := range parts {
			w.add(soldLine{id: item + 1 + int64(n), product: part, sku: w.sku(part), kind: "simple", qty: qty, price: w.price(part), parent: item, copied: parent})
		}
	default:
		w.add(line)
	}
}

// soldLine is one line of an order.
type soldLine struct {
	id, product, qty, price, parent int64
	sku, kind                       string
	copied                          []byte // the parent, which Magento repeats inside its children
}

// add writes a line and returns it.
func (w *orderWriter) add(l soldLine) []byte {
	var canceled, invoiced, shipped, refunded int64
	switch w.state {
	case "complete":
		invoiced, shipped = l.qty, l.qty
	case "processing":
		invoiced = l.qty
	case "canceled":
		canceled = l.qty
	case "closed":
		invoiced, shipped, refunded = l.qty, l.qty, l.qty
	}
	if l.parent > 0 {
		shipped, canceled = 0, 0 // they stay 0 on children [obs]
	}
	total := l.price * l.qty
	tax := total * 21 / 100
	out := fmt.Appendf(make([]byte, 0, 1024+len(l.copied)), `{"amount_refunded":%s,"base_discount_amount":0,"base_original_price":%s,"base_price":%s,"base_price_incl_tax":%s,"base_row_invoiced":%s,"base_row_total":%s,"base_row_total_incl_tax":%s,"base_tax_amount":%s,`,
		money(l.price*refunded), money(l.price), money(l.price), money(l.price*121/100), money(l.price*invoiced), money(total), money(total+tax), money(tax))
	out = fmt.Appendf(out, `"created_at":%q,"discount_amount":0,"discount_percent":0,"free_shipping":0,"is_qty_decimal":0,"is_virtual":0,"item_id":%d,"name":"Generated product %d","no_discount":0,"order_id":%d,"original_price":%s,`,
		w.stamp, l.id, l.product, w.id, money(l.price))
	if l.parent > 0 {
		out = fmt.Appendf(out, `"parent_item_id":%d,`, l.parent)
	}
	out = fmt.Appendf(out, `"price":%s,"price_incl_tax":%s,"product_id":%d,"product_type":%q,"qty_canceled":%d,"qty_invoiced":%d,"qty_ordered":%d,"qty_refunded":%d,"qty_shipped":%d,"quote_item_id":%d,`,
		money(l.price), money(l.price*121/100), l.product, l.kind, canceled, invoiced, l.qty, refunded, shipped, l.id)
	out = fmt.Appendf(out, `"row_invoiced":%s,"row_total":%s,"row_total_incl_tax":%s,"row_weight":%d,"sku":%s,"store_id":%d,"tax_amount":%s,"tax_percent":21,"updated_at":%q,"weight":1`,
		money(l.price*invoiced), money(total), money(total+tax), l.qty, appendString(nil, l.sku), w.store, money(tax), w.stamp)
	switch {
	case l.copied != nil && w.Slim:
	case l.copied != nil:
		out = append(append(out, `,"parent_item":`...), l.copied...)
	default:
		w.count += l.qty
		w.lines++
		w.subtotal += total
		w.tax += tax
	}
	out = append(out, '}')
	w.items = append(comma(w.items, len(w.items)), out...)
	if !w.Slim {
		w.shipped = append(comma(w.shipped, len(w.shipped)), out...)
	}
	return out
}
