package magentotest

import (
	"fmt"
	"strings"
)

// qtyAt is what lies at the k-th source of a product. At the default source it is the stock item's quantity.
func (g *generator) qtyAt(id int64, k int) quantity {
	h := g.hash(fmt.Sprint("qty", k), id)
	switch {
	case h%10 == 0:
		return 0
	case h%97 == 1:
		return -one * quantity(h>>8%20)
	case g.one(30, "decimal", id):
		return quantity(h >> 8 % 5000000)
	}
	return one * quantity(h>>8%400)
}

// sourceOf is the k-th source of a product: the default one, then others in turn.
func (g *generator) sourceOf(id int64, k int) string {
	if k == 0 {
		return g.sources[0]
	}
	return g.sources[1+(int(id)+k)%(len(g.sources)-1)]
}

func (g *generator) unmanaged(id int64) bool  { return g.one(50, "unmanaged", id) }
func (g *generator) backorders(id int64) bool { return g.one(20, "backorders", id) }

// inStock tells what the merchant has set, which most of the time goes with the quantity.
func (g *generator) inStock(id int64) bool {
	return composite(g.typeOf(id)) || g.unmanaged(id) || (g.qtyAt(id, 0) > 0 || g.backorders(id)) && !g.one(60, "held back", id)
}

// reserved is what buyers wait for on the stock that base sells from: whole units.
func (g *generator) reserved(id int64) quantity {
	if h := g.hash("reserved", id); h%5 == 0 {
		return one * quantity(1+h>>8%9)
	}
	return 0
}

func (g *generator) stockItems() family {
	return family{def: streamOf("stock_items"), n: int64(g.Products), json: g.stockItem, idOf: numericKey, number: func(id int64, field string) (int64, bool, bool) {
		return id, false, field == "item_id" || field == "product_id"
	}}
}

func (g *generator) stockItem(id int64) []byte {
	qty, backorders := g.qtyAt(id, 0), 0
	if g.backorders(id) {
		backorders = 1
	}
	if composite(g.typeOf(id)) || g.unmanaged(id) {
		qty = 0
	}
	return fmt.Appendf(nil, `{"item_id":%d,"product_id":%d,"stock_id":1,"qty":%s,"is_in_stock":%t,"is_qty_decimal":%t,"show_default_notification_message":false,`+
		`"use_config_min_qty":true,"min_qty":0,"use_config_min_sale_qty":1,"min_sale_qty":1,"use_config_max_sale_qty":true,"max_sale_qty":10000,`+
		`"use_config_backorders":%t,"backorders":%d,"use_config_notify_stock_qty":true,"notify_stock_qty":5,"use_config_qty_increments":true,`+
		`"qty_increments":0,"use_config_enable_qty_inc":true,"enable_qty_increments":false,"use_config_manage_stock":%t,"manage_stock":%t,`+
		`"low_stock_date":null,"is_decimal_divided":false,"stock_status_changed_auto":0}`,
		id, id, qty, g.inStock(id), g.one(30, "decimal", id), backorders == 0, backorders, !g.unmanaged(id), !g.unmanaged(id))
}

func (g *generator) sourceItems() family {
	per := int64(g.StockItemsPerProduct)
	product := func(id int64) (int64, int) { return (id-1)/per + 1, int((id - 1) % per) }
	return family{
		def: streamOf("source_items"), n: int64(g.Products) * per,
		absent: func(id int64) bool { p, _ := product(id); return composite(g.typeOf(p)) },
		json: func(id int64) []byte {
			p, k := product(id)
			return g.sourceItem(id, p, k)
		},
		idOf: func(key string) (int64, bool) {
			sku, source, _ := strings.Cut(key, "\t")
			p, ok := idOfSKU(sku)
			for k := range int(per) {
				if ok && g.sourceOf(p, k) == source {
					return (p-1)*per + int64(k) + 1, true
				}
			}
			return 0, false
		},
		number: func(id int64, field string) (int64, bool, bool) { return id, false, field == "source_item_id" },
		related: func(sku string) []string {
			keys := make([]string, len(g.sources))
			for i, source := range g.sources {
				keys[i] = Key(sku, source)
			}
			return keys
		},
	}
}

func (g *generator) sourceItem(id, product int64, k int) []byte {
	qty, status := g.qtyAt(product, k), 1
	if g.unmanaged(product) {
		qty = 0
	}
	if k == 0 && !g.inStock(product) || k > 0 && g.one(30, fmt.Sprint("off", k), product) {
		status = 0
	}
	return fmt.Appendf(nil, `{"source_item_id":%d,"sku":%s,"source_code":%q,"quantity":%s,"status":%d}`,
		id, appendString(nil, g.sku(product)), g.sourceOf(product, k), qty, status)
}

// stockStatuses are, with one source, one answer a product, for all store codes; with several sources the answers of b2b_nl and
// all are the Default Stock's, and others the main stock's.
func (g *generator) stockStatuses() family {
	codes := []string{""}
	if g.Sources > 1 {
		codes = []string{"", "b2b_nl", "all"}
	}
	per := int64(len(codes))
	return family{
		def: streamOf("stock_statuses"), n: int64(g.Products) * per,
		json: func(id int64) []byte {
			product, code := (id-1)/per+1, codes[(id-1)%per]
			stock := 1
			if per > 1 && code == "" {
				stock = 2
			}
			out := appendString([]byte(`{"sku":`), g.sku(product))
			if code != "" {
				out = fmt.Appendf(out, `,"store_code":%q`, code)
			}
			return append(append(append(out, `,"answer":`...), g.stockStatus(product, stock)...), '}')
		},
		idOf: func(key string) (int64, bool) {
			sku, code, _ := strings.Cut(key, "\t")
			product, ok := idOfSKU(sku)
			for i := range codes {
				if ok && codes[i] == code {
					return (product-1)*per + int64(i) + 1, true
				}
			}
			return 0, false
		},
		number: func(int64, string) (int64, bool, bool) { return 0, false, false },
	}
}

// stockStatus is what /V1/stockStatuses answers for a stock.
func (g *generator) stockStatus(id int64, stock int) []byte {
	qty, status := quantity(0), 1
	switch kind := g.typeOf(id); {
	case g.disabled(id):
		return []byte(disabledStatus)
	case composite(kind) || g.unmanaged(id):
	default:
		qty = g.physical(id, stock) - g.reserved(id)
		if qty <= 0 && !g.backorders(id) || stock == 1 && !g.inStock(id) {
			qty, status = 0, 0
		}
	}
	return fmt.Appendf(nil, `{"product_id":%d,"stock_id":1,"qty":%d,"stock_status":%d,"stock_item":%s}`, id, qty/one, status, g.stockItem(id))
}

// physical sums a product's source items of a stock that count.
func (g *generator) physical(id int64, stock int) (sum quantity) {
	if stock == 1 {
		return g.qtyAt(id, 0)
	}
	for k := 1; k < g.StockItemsPerProduct; k++ {
		closed := len(g.sources) > 3 && g.sourceOf(id, k) == g.sources[len(g.sources)-1]
		if !closed && !g.one(30, fmt.Sprint("off", k), id) {
			sum += g.qtyAt(id, k)
		}
	}
	return sum
}
