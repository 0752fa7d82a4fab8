package magentotest

import (
	"fmt"
	"strconv"
	"strings"
)

// skuForms are the shapes of SKUs. Each holds one number only, the product's id.
var skuForms = []string{"SKU %d", "SKU/%d/A", "SKU+%d", "%d%% COTTON", "SKU,%d;B", "ÄÖ-%d-ß", `SKU"%d"`, "SKU'%d'", "SKU#%d", "SKU&%d", "SKU?Q=%d", `SKU\%d`}

func (g *generator) sku(id int64) string {
	if h := g.hash("sku", id); h%25 == 0 {
		return fmt.Sprintf(skuForms[h/25%uint64(len(skuForms))], id)
	}
	return fmt.Sprintf("G-%07d", id)
}

// idOfSKU reads the number out of a SKU.
func idOfSKU(key string) (int64, bool) {
	at := strings.IndexAny(key, "0123456789")
	if at < 0 {
		return 0, false
	}
	end := at
	for end < len(key) && isDigit(key[end:]) {
		end++
	}
	return numericKey(key[at:end])
}

func (g *generator) typeOf(id int64) string {
	switch (id - 1) % 20 {
	case 0:
		return "configurable"
	case 5:
		return "virtual"
	case 6:
		return "downloadable"
	case 7:
		return "bundle"
	case 8:
		return "grouped"
	}
	return "simple"
}

func composite(kind string) bool {
	return kind == "configurable" || kind == "bundle" || kind == "grouped"
}

func (g *generator) disabled(id int64) bool { return g.one(13, "disabled", id) }

// price is in cents.
func (g *generator) price(id int64) int64 { return 199 + int64(g.hash("price", id)%30000) }

func (g *generator) products() family {
	n := int64(g.Products)
	dates := g.dates("product", n, func(field string) bool { return field == "entity_id" })
	return family{def: streamOf("products"), n: n, json: g.product, idOf: idOfSKU, number: func(id int64, field string) (int64, bool, bool) {
		switch {
		case field == "status" && g.disabled(id):
			return 2, false, true
		case field == "status":
			return 1, false, true
		}
		return dates(id, field)
	}}
}

func (g *generator) product(id int64) []byte {
	kind, sku := g.typeOf(id), g.sku(id)
	status, visibility := 1, 4
	if g.disabled(id) {
		status = 2
	}
	if at := (id - 1) % 20; at >= 1 && at <= 4 {
		visibility = 1 // a child of a configurable product
	}
	out := appendString(fmt.Appendf(make([]byte, 0, 4096), `{"id":%d,"sku":`, id), sku)
	out = fmt.Appendf(out, `,"name":"Generated product %d","attribute_set_id":4`, id)
	switch kind {
	case "configurable", "bundle":
		out = append(out, `,"price":0`...)
	case "simple", "virtual", "downloadable":
		out = append(append(out, `,"price":`...), money(g.price(id))...)
	}
	n := int64(g.Products)
	out = fmt.Appendf(out, `,"status":%d,"visibility":%d,"type_id":%q,"created_at":%q,"updated_at":%q`,
		status, visibility, kind, stamp(g.created(id, n)), stamp(g.updated("product", id, n)))
	if kind == "simple" {
		out = append(out, `,"weight":1.25`...)
	}
	websites := []string{"1", "1,2", "1", "1,2", "2", "1", "1", ""}[g.hash("website", id)%8]
	out = fmt.Appendf(out, `,"extension_attributes":{"website_ids":[%s],"category_links":[{"position":0,"category_id":"%d"}]`, websites, 3+id%40)
	out = append(g.appendParts(out, id, kind), "},"...)
	out = append(g.appendLinks(out, id, kind, sku), `,"options":[],"media_gallery_entries":[`...)
	if !g.Slim {
		for i := range 3 {
			out = fmt.Appendf(comma(out, i), `{"id":%d,"media_type":"image","label":null,"position":%d,"disabled":false,"types":["image","small_image","thumbnail"],"file":"\/g\/e\/generated-%d-%d.jpg"}`,
				id*3+int64(i), i+1, id, i)
		}
	}
	out = append(out, `],"tier_prices":[],"custom_attributes":[`...)
	return append(g.appendAttributes(out, id, kind), "]}"...)
}

// appendParts adds what a configurable product or a bundle is made of.
func (g *generator) appendParts(out []byte, id int64, kind string) []byte {
	switch kind {
	case "configurable":
		out = fmt.Appendf(out, `,"configurable_product_options":[{"id":%d,"attribute_id":"93","label":"Color","position":0,"values":[`, id)
		var children []byte
		for i, child := range g.children(id, 4) {
			out = fmt.Appendf(comma(out, i), `{"value_index":%d}`, 8+i)
			children = strconv.AppendInt(comma(children, i), child, 10)
		}
		return fmt.Appendf(out, `],"product_id":%d}],"configurable_product_links":[%s]`, id, children)
	case "bundle":
		out = append(out, `,"bundle_product_options":[`...)
		for i, child := range g.bundled(id) {
			out = fmt.Appendf(comma(out, i), `{"option_id":%d,"title":"Option %d","required":true,"type":"select","position":%d,"sku":%s,"product_links":[{"id":"%d","sku":%s,`+
				`"option_id":%d,"qty":1,"position":1,"is_default":true,"price":%s,"price_type":null,"can_change_quantity":0}]}`, id*2+int64(i), i+1, i+1,
				appendString(nil, g.sku(id)), id*2+int64(i), appendString(nil, g.sku(child)), id*2+int64(i), money(g.price(child)))
		}
		return append(out, ']')
	}
	return out
}

// children are the products that follow one, as many as there are.
func (g *generator) children(id, most int64) (ids []int64) {
	for child := id + 1; child <= min(id+most, int64(g.Products)); child++ {
		ids = append(ids, child)
	}
	return ids
}

// bundled are the two products of a bundle: those after the grouped product that follows it.
func (g *generator) bundled(id int64) []int64 {
	ids := g.children(id, 3)
	return ids[min(1, len(ids)):]
}

func (g *generator) appendLinks(out []byte, id int64, kind, sku string) []byte {
	out = append(out, `"product_links":[`...)
	if kind == "grouped" {
		for i, child := range g.children(id, 3) {
			out = fmt.Appendf(comma(out, i), `{"sku":%s,"link_type":"associated","linked_product_sku":%s,"linked_product_type":"simple","position":%d,"extension_attributes":{"qty":1}}`,
				appendString(nil, sku), appendString(nil, g.sku(child)), i)
		}
	}
	return append(out, ']')
}

// text is what people write into descriptions.
const text = "<p>This generated product is described at some length, as products are: its material, its measures, who made it and for whom, how to wash it and why one should have two of it.<\\/p>"

func (g *generator) appendAttributes(out []byte, id int64, kind string) []byte {
	out = fmt.Appendf(out, `{"attribute_code":"url_key","value":"generated-product-%d"}`, id)
	add := func(code, value string) {
		out = append(append(append(append(out, `,{"attribute_code":"`...), code...), `","value":"`...), value...)
		out = append(out, `"}`...)
	}
	if !composite(kind) {
		add("cost", fmt.Sprintf("%d.%06d", g.price(id)/250, id%1000000))
		add("ean", fmt.Sprintf("87%011d", id))
	}
	if g.one(9, "special", id) && !composite(kind) {
		add("special_price", fmt.Sprintf("%d.990000", g.price(id)/130))
		add("special_from_date", "2026-11-01 00:00:00")
	}
	add("tax_class_id", "2")
	add("required_options", "0")
	add("has_options", "0")
	if !g.Slim {
		add("description", strings.Repeat(text, 9))
		add("short_description", text)
		for _, code := range []string{"image", "small_image", "thumbnail", "swatch_image"} {
			add(code, fmt.Sprintf(`\/g\/e\/generated-%d-0.jpg`, id))
		}
		add("options_container", "container2")
		add("msrp_display_actual_price_type", "0")
		add("meta_title", fmt.Sprintf("Generated product %d", id))
		add("meta_description", fmt.Sprintf("Buy generated product %d here and now", id))
	}
	return fmt.Appendf(out, `,{"attribute_code":"category_ids","value":["%d"]}`, 3+id%40)
}
