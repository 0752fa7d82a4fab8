package magentotest

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
)

// dumpStockIndex serves GET /V1/inventory/dump-stock-index-data/website/{code}: the whole stock index in one answer, without
// reservations; products without stock management come first. [obs: b-dump-stock-index, d-, e-dump-*]
func (s *Server) dumpStockIndex(c *call) *answer {
	stock, problem := s.stockOf(c)
	if problem != nil {
		return problem
	}
	dump := stockDump{shop: s.shop, stock: stock, inventory: s.shop.inventory(), managed: []byte{}}
	dump.website = dump.inventory.websiteID[c.path["code"]]
	dump.write()
	out := append([]byte{'['}, dump.unmanaged...)
	if len(dump.unmanaged) > 0 && len(dump.managed) > 0 {
		out = append(out, ',')
	}
	return jsonAnswer(200, append(append(out, dump.managed...), ']'))
}

type stockDump struct {
	shop               *Shop
	inventory          *inventory
	stock              int64
	website            string // its id
	unmanaged, managed []byte
	rows               map[string]salable // of another stock than the default one
}

func (d *stockDump) add(to *[]byte, sku string, found salable) {
	*to = append(comma(*to, len(*to)), found.row(sku)...)
}

// sorted writes the rows in the order of that index's primary key.
func (d *stockDump) sorted() {
	for _, sku := range slices.SortedFunc(maps.Keys(d.rows), func(a, b string) int { return cmp.Compare(fold(a), fold(b)) }) {
		d.add(&d.managed, sku, d.rows[sku])
	}
}

// write lists the enabled products of the website on the default stock, with the default source's quantity. Another stock
// follows its source items instead, with those of disabled and deleted products, and has composites only where a child has a
// quantity. [obs]
func (d *stockDump) write() {
	d.rows = map[string]salable{}
	d.shop.source("products").each(func(product *record) bool {
		sku := unquote(member(product.raw, "sku"))
		item := d.shop.record("stock_items", strconv.FormatInt(product.id, 10))
		composite := isComposite(product.raw)
		listed := d.stock != defaultStock || unquote(member(product.raw, "status")) == "1" && d.sold(product.raw)
		switch {
		case !listed:
		case !composite && item != nil && unquote(member(item.raw, "manage_stock")) == "false":
			d.add(&d.unmanaged, sku, salable{is: true})
		case d.stock == defaultStock && (item != nil || composite):
			d.add(&d.managed, sku, indexed(item, composite))
		case d.stock == defaultStock:
			sum, _ := d.inventory.physical(d.stock, sku)
			d.add(&d.managed, sku, salable{sum, sum > 0})
		case composite:
			if d.shop.compositeInStock(d.inventory, d.stock, product, item) {
				d.rows[sku] = salable{is: true}
			}
		default:
			d.addPhysical(sku)
		}
		return true
	})
	if d.stock != defaultStock {
		d.addDeleted()
		d.sorted()
	}
}

func (d *stockDump) addPhysical(sku string) {
	if sum, known := d.inventory.physical(d.stock, sku); known {
		d.rows[sku] = salable{sum, sum > 0}
	}
}

// addDeleted lists the source items whose product is gone; a generated shop has none such.
func (d *stockDump) addDeleted() {
	for sku := range d.inventory.items {
		if d.shop.record("products", Key(sku)) == nil {
			d.addPhysical(sku)
		}
	}
}

// sold tells whether a product is sold on the website.
func (d *stockDump) sold(product []byte) bool {
	found := false
	eachElement(member(member(product, "extension_attributes"), "website_ids"), func(id []byte) bool {
		found = unquote(id) == d.website
		return !found
	})
	return found
}

// indexed is a stock item as the default stock's index has it: not below 0. [obs: BACKORDER-NOTIFY with -4 is 0]
func indexed(item *record, composite bool) salable {
	if item == nil {
		return salable{is: true}
	}
	inStock := unquote(member(item.raw, "is_in_stock")) == "true"
	if composite {
		return salable{is: inStock}
	}
	qty := max(parseQuantity(member(item.raw, "qty")), 0)
	return salable{qty, inStock && (qty > 0 || unquote(member(item.raw, "backorders")) != "0")}
}
