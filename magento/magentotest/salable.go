package magentotest

import (
	"slices"
	"strconv"
)

// salable is what can be sold of a SKU from one stock: what is there without what is promised to buyers.
type salable struct {
	qty quantity
	is  bool
}

// salableOf is a product's salable quantity on a website, or on a stock without one; ok is false when the bulk listing does not
// have it.
//
// salable.ndjson decides for every website that it mentions: {"website", "sku", "qty", "is_salable"}; what has no row there is
// not listed. Otherwise it is derived, by the rules that the recordings show:
//
//   - a composite has 0; it is salable if it is in stock, on other stocks than the default one if a child has a quantity there;
//   - a product without stock management has 0 and is salable;
//   - a recorded stock status of the website (see statusOf) tells the quantity, cut to a whole number. Reservations are of whole
//     units here, so its decimals are those of the sum of the source items of the stock;
//   - else it is the stock item's quantity (default stock, if it has one) or the sum of the source items;
//   - on other stocks than the default one, a product without a source item there is not listed.
func (s *Shop) salableOf(website string, stock int64, product *record) (found salable, ok bool) {
	inventory := s.inventory()
	sku := unquote(member(product.raw, "sku"))
	if inventory.recorded[website] {
		row := s.record("salable", Key(website, sku))
		if row == nil {
			return salable{}, false
		}
		return salable{parseQuantity(member(row.raw, "qty")), unquote(member(row.raw, "is_salable")) == "true"}, true
	}
	item := s.record("stock_items", strconv.FormatInt(product.id, 10))
	switch {
	case isComposite(product.raw):
		return salable{is: s.compositeInStock(inventory, stock, product, item)}, true
	case item != nil && unquote(member(item.raw, "manage_stock")) == "false":
		return salable{is: true}, true
	}
	physical, known := inventory.physical(stock, sku)
	if stock != defaultStock && !known {
		return salable{}, false
	}
	if status := s.statusOf(inventory.websiteID[website], sku); status != nil && website != "" {
		found = salable{parseQuantity(member(status, "qty")), unquote(member(status, "stock_status")) == "1"}
		if found.is && found.qty >= 0 && physical > found.qty {
			found.qty += physical.fraction()
		}
		return found, true
	}
	if stock != defaultStock {
		return salable{physical, physical > 0}, true
	}
	if item == nil && unquote(member(product.raw, "status")) != "2" {
		return salable{physical, physical > 0}, true
	}
	if unquote(member(product.raw, "status")) == "2" || unquote(member(item.raw, "is_in_stock")) != "true" {
		return salable{}, true
	}
	qty := parseQuantity(member(item.raw, "qty"))
	return salable{qty, qty > 0 || unquote(member(item.raw, "backorders")) != "0"}, true
}

// isComposite tells a product that has no source items of its own. [obs: configurable, grouped, bundle]
func isComposite(product []byte) bool {
	return slices.Contains([]string{"configurable", "grouped", "bundle"}, unquote(member(product, "type_id")))
}

func (s *Shop) compositeInStock(inventory *inventory, stock int64, product, item *record) bool {
	if stock == defaultStock {
		return unquote(member(product.raw, "status")) != "2" &&
			(item == nil || unquote(member(item.raw, "is_in_stock")) == "true")
	}
	return slices.ContainsFunc(s.children(product.raw), func(sku string) bool {
		sum, _ := inventory.physical(stock, sku)
		return sum > 0
	})
}

// children are the SKUs that a composite is made of.
func (s *Shop) children(product []byte) (skus []string) {
	extension := member(product, "extension_attributes")
	eachElement(member(extension, "configurable_product_links"), func(id []byte) bool {
		if n, ok := integer(id); ok {
			if child := s.recordByID("products", n); child != nil {
				skus = append(skus, unquote(member(child.raw, "sku")))
			}
		}
		return true
	})
	eachElement(member(extension, "bundle_product_options"), func(option []byte) bool {
		eachElement(member(option, "product_links"), func(link []byte) bool {
			skus = append(skus, unquote(member(link, "sku")))
			return true
		})
		return true
	})
	eachElement(member(product, "product_links"), func(link []byte) bool {
		if unquote(member(link, "link_type")) == "associated" {
			skus = append(skus, unquote(member(link, "linked_product_sku")))
		}
		return true
	})
	return skus
}

// exportSalable serves GET /V1/inventory/export-stock-salable-qty/website/{code}. The page is cut from all products and then
// thinned to those in the stock, and total_count counts what is left: pages in the middle are short or empty. [obs:
// b-export-salable*, e-export-*] Filters and sort orders are those of products [inf].
func (s *Server) exportSalable(c *call) *answer {
	criteria, problem := s.criteria(c, false)
	if problem != nil {
		return problem
	}
	stock, problem := s.stockOf(c)
	if problem != nil {
		return problem
	}
	products, _, problem := s.search(c, "products", criteria)
	if problem != nil {
		return problem
	}
	var items []*record
	for _, product := range products {
		sku := unquote(member(product.raw, "sku"))
		if slices.Contains(s.options.ExportLacks, sku) {
			continue
		}
		if found, ok := s.shop.salableOf(c.path["code"], stock, product); ok {
			items = append(items, &record{key: Key(c.path["code"], sku), id: product.id, out: found.row(sku)})
		}
	}
	c.holds("salable", items...)
	return listAnswer(items, len(items), criteria)
}

func (s salable) row(sku string) []byte {
	out := append(appendString([]byte(`{"sku":`), sku), `,"qty":`...)
	out = append(append(out, s.qty.String()...), `,"is_salable":`...)
	return append(strconv.AppendBool(out, s.is), '}')
}

// salableQuantity serves GET /V1/inventory/get-product-salable-quantity/{sku}/{stock id}: bare JSON. A SKU in another letter
// case is unknown here, and a 500 in plain text. [obs: a-, d-, e-salable-qty-*]
func (s *Server) salableQuantity(c *call) *answer {
	product, website, stock, problem := s.productAndStock(c)
	switch {
	case problem != nil:
		return problem
	case product == nil:
		return applicationError()
	case isComposite(product.raw):
		return failure(400, "Can't check requested quantity for products without Source Items support.", "")
	case s.shop.inventory().linked[stock] == nil:
		return failure(400, "Could not receive Stock Item data", "")
	}
	found, _ := s.shop.salableOf(website, stock, product)
	return jsonAnswer(200, []byte(found.qty.String()))
}

// isSalable serves GET /V1/inventory/is-product-salable/{sku}/{stock id}; an unknown SKU is not. [obs: a-is-salable-*]
func (s *Server) isSalable(c *call) *answer {
	product, website, stock, problem := s.productAndStock(c)
	if problem != nil {
		return problem
	}
	is := false
	if product != nil {
		found, _ := s.shop.salableOf(website, stock, product)
		is = found.is
	}
	return jsonAnswer(200, strconv.AppendBool(nil, is))
}

// productAndStock reads {sku} and {id}; the website is one that sells from that stock.
func (s *Server) productAndStock(c *call) (product *record, website string, stock int64, problem *answer) {
	stock, err := strconv.ParseInt(c.path["id"], 10, 64)
	if err != nil {
		return nil, "", 0, invalidType(c.path["id"], "int")
	}
	return s.exactly(c, c.path["sku"]), s.shop.inventory().website(stock), stock, nil
}

// exactly finds a product by its SKU to the letter.
func (s *Server) exactly(c *call, sku string) *record {
	product := c.record("products", Key(sku))
	if product == nil || unquote(member(product.raw, "sku")) != sku {
		return nil
	}
	return product
}

// areSalable serves GET /V1/inventory/are-products-salable?skus[0]=...&stockId=. [obs: b-bulk-aresalable, e-aresalable]
func (s *Server) areSalable(c *call) *answer {
	skus, id := c.params.first("skus"), c.params.first("stockId", "stock_id")
	switch {
	case skus == nil:
		return isRequired("skus")
	case id == nil:
		return isRequired("stockId")
	}
	stock, err := strconv.ParseInt(id.text, 10, 64)
	if err != nil {
		return invalidType(id.text, "int")
	}
	website := s.shop.inventory().website(stock)
	out := []byte{'['}
	skus.each(func(_ string, sku *node) {
		var found salable
		if product := s.exactly(c, sku.text); product != nil {
			found, _ = s.shop.salableOf(website, stock, product)
		}
		out = append(appendString(append(comma(out, len(out)-1), `{"sku":`...), sku.text), `,"stock_id":`...)
		out = append(strconv.AppendInt(out, stock, 10), `,"salable":`...)
		out = append(strconv.AppendBool(out, found.is), '}')
	})
	return jsonAnswer(200, append(out, ']'))
}
