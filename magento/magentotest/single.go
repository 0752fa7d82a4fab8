package magentotest

import (
	"fmt"
	"strconv"
	"strings"
)

// product serves GET /V1/products/{sku}: the one place where a product carries its stock item. [obs]
func (s *Server) product(c *call) *answer {
	known := c.record("products", Key(c.path["sku"]))
	if known == nil {
		return failure(404, noProduct, "")
	}
	c.holds("products", known)
	seen := known.raw
	if values := c.record("store_values", Key(strconv.FormatInt(known.id, 10), c.store)); values != nil {
		seen = overlay(seen, values.raw)
	}
	extension := member(seen, "extension_attributes")
	if member(extension, "stock_item") != nil {
		return jsonAnswer(200, seen)
	}
	item := c.record("stock_items", strconv.FormatInt(known.id, 10))
	if item == nil {
		return jsonAnswer(200, seen)
	}
	return jsonAnswer(200, withMember(seen, "extension_attributes", withStockItem(extension, item.raw)))
}

// withStockItem puts the stock item where Magento has it: after website_ids and category_links. [obs: a-product-conf]
func withStockItem(extension, item []byte) []byte {
	out := []byte{'{'}
	add := func(key string, value []byte) {
		out = append(appendString(comma(out, len(out)-1), key), ':')
		out = append(out, value...)
	}
	added := false
	eachMember(extension, func(key string, value []byte) bool {
		if !added && key != "website_ids" && key != "category_links" {
			add("stock_item", item)
			added = true
		}
		add(key, value)
		return true
	})
	if !added {
		add("stock_item", item)
	}
	return append(out, '}')
}

// noSuchProduct is the 404 of the stock routes. [obs: a-stockItems-unknown]
func noSuchProduct(sku string) *answer {
	return failure(404, `The Product with the "%1" SKU doesn't exist.`, quoted(sku))
}

// stockItem serves GET /V1/stockItems/{sku}.
func (s *Server) stockItem(c *call) *answer {
	sku := c.path["sku"]
	product := c.record("products", Key(sku))
	if product == nil {
		return noSuchProduct(sku)
	}
	item := c.record("stock_items", strconv.FormatInt(product.id, 10))
	if item == nil {
		return noSuchProduct(sku)
	}
	c.holds("stock_items", item)
	return jsonAnswer(200, item.raw)
}

// stockStatus serves GET /V1/stockStatuses/{sku}: the fixture's answer for the store code, else for all. A product
// without one, or a set without products, is answered by what there is.
func (s *Server) stockStatus(c *call) *answer {
	sku := c.path["sku"]
	c.holds("stock_statuses", &record{key: Key(sku), id: -1})
	product := c.record("products", Key(sku))
	if product == nil && s.shop.source("products").count() > 0 {
		return noSuchProduct(sku)
	}
	if strings.HasSuffix(sku, " ") && product != nil {
		return applicationError() // [obs: a-stockStatuses-trail]
	}
	status := c.record("stock_statuses", Key(sku, c.store))
	if status == nil {
		status = c.record("stock_statuses", Key(sku))
	}
	switch {
	case status != nil:
		return jsonAnswer(200, member(status.raw, "answer"))
	case product == nil:
		return noSuchProduct(sku)
	}
	return c.derivedStatus(product)
}

// derivedStatus is the stock status of a product of which none was recorded, as a shop with one source and no open
// orders has it.
func (c *call) derivedStatus(product *record) *answer {
	disabled := unquote(member(product.raw, "status")) == "2"
	item := c.record("stock_items", strconv.FormatInt(product.id, 10))
	if disabled || item == nil {
		return jsonAnswer(200, []byte(disabledStatus))
	}
	qty, inStock := "0", "0"
	if unquote(member(item.raw, "is_in_stock")) == "true" {
		qty, inStock = wholePart(unquote(member(item.raw, "qty"))), "1"
	}
	return jsonAnswer(200, fmt.Appendf(nil, `{"product_id":%d,"stock_id":1,"qty":%s,"stock_status":%s,"stock_item":%s}`,
		product.id, qty, inStock, item.raw))
}

// wholePart cuts a quantity to a whole number, as Magento does here. [obs: 50.5 became 50]
func wholePart(qty string) string {
	whole, _, _ := strings.Cut(qty, ".")
	if _, err := strconv.Atoi(whole); err != nil {
		return "0"
	}
	return whole
}

// disabledStatus is the stock status of a disabled product. [obs: a-stockStatuses-disabled]
const disabledStatus = `{"product_id":null,"stock_id":null,"qty":0,"stock_status":0,"stock_item":{"product_id":0,"stock_id":1,` +
	`"qty":null,"is_in_stock":true,"is_qty_decimal":false,"show_default_notification_message":false,` +
	`"use_config_min_qty":false,"min_qty":0,"use_config_min_sale_qty":0,"min_sale_qty":0,"use_config_max_sale_qty":false,` +
	`"max_sale_qty":0,"use_config_backorders":false,"backorders":0,"use_config_notify_stock_qty":false,"notify_stock_qty":0,` +
	`"use_config_qty_increments":false,"qty_increments":0,"use_config_enable_qty_inc":false,"enable_qty_increments":false,` +
	`"use_config_manage_stock":false,"manage_stock":false,"low_stock_date":null,"is_decimal_divided":false,` +
	`"stock_status_changed_auto":0}}`

// order serves GET /V1/orders/{id}.
func (s *Server) order(c *call) *answer {
	id, err := strconv.ParseInt(c.path["id"], 10, 64)
	if err != nil {
		return invalidType(c.path["id"], "int")
	}
	if order := c.recordByID("orders", id); order != nil {
		c.holds("orders", order)
		return jsonAnswer(200, order.raw)
	}
	return failure(404, "The entity that was requested doesn't exist. Verify the entity and try again.", "") // b-err-order404
}
