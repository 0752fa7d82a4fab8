package magentotest

import "fmt"

// fewestCategories are those that the generated products are in, with the two at the root.
const fewestCategories = 42

// categories are a tree: 1 is the root of all, 2 the shop's, and of the others each has five below it.
func (g *generator) categories() family {
	n := int64(g.Categories)
	dates := g.dates("category", n, func(field string) bool { return field == "entity_id" })
	return family{def: streamOf("categories"), n: n, idOf: numericKey, number: dates, json: func(id int64) []byte {
		path, level := fmt.Sprint(id), 0
		for at := parentCategory(id); at > 0; at = parentCategory(at) {
			path, level = fmt.Sprintf("%d/%s", at, path), level+1
		}
		out := fmt.Appendf(nil, `{"id":%d,"parent_id":%d,"name":"Category %d","is_active":%t,"position":%d,"level":%d,"children":"",`, id, parentCategory(id), id, !g.one(20, "closed", id), id, level)
		out = fmt.Appendf(out, `"created_at":%q,"updated_at":%q,"path":%s,"include_in_menu":true,`, stamp(g.created(id, n)), stamp(g.updated("category", id, n)), appendString(nil, path))
		return fmt.Appendf(out, `"custom_attributes":[{"attribute_code":"path","value":%s},{"attribute_code":"url_key","value":"category-%d"}]}`, appendString(nil, path), id)
	}}
}

func parentCategory(id int64) int64 {
	switch {
	case id <= 2:
		return id - 1
	case id <= 12:
		return 2
	}
	return 3 + (id-13)/5
}

func (g *generator) salesRules() family {
	n := int64(g.SalesRules)
	return family{def: streamOf("sales_rules"), n: n, idOf: numericKey, number: isNumber("rule_id"), json: func(id int64) []byte {
		coupon := "SPECIFIC_COUPON"
		if id%4 == 1 {
			coupon = "NO_COUPON"
		}
		out := fmt.Appendf(nil, `{"rule_id":%d,"name":"Rule %d","store_labels":[],"description":"Generated rule %d","website_ids":[1,2],"customer_group_ids":[0,1,2,3],`, id, id, id)
		if g.one(3, "from", id) {
			out = fmt.Appendf(out, `"from_date":%q,`, stamp(g.created(id, n))[:len("2006-01-02")])
		}
		out = fmt.Appendf(out, `"uses_per_customer":0,"is_active":%t,"condition":%s,"action_condition":%s,"stop_rules_processing":false,"is_advanced":true,"sort_order":0,"simple_action":"by_percent",`,
			!g.one(3, "rule off", id), allOf(`Rule\\Condition\\Combine`), allOf(`Rule\\Condition\\Product\\Combine`))
		return fmt.Appendf(out, `"discount_amount":%d,"discount_step":0,"apply_to_shipping":false,"times_used":0,"is_rss":false,"coupon_type":%q,"use_auto_generation":%t,"uses_per_coupon":0}`,
			5+id%20, coupon, coupon == "SPECIFIC_COUPON")
	}}
}

// allOf is a condition without any below it.
func allOf(of string) string {
	return fmt.Sprintf(`{"condition_type":"Magento\\SalesRule\\Model\\%s","aggregator_type":"all","operator":null,"value":true}`, of)
}

func (g *generator) coupons() family {
	n := int64(g.Coupons)
	return family{def: streamOf("coupons"), n: n, idOf: numericKey, number: isNumber("coupon_id"), json: func(id int64) []byte {
		rule := 2 + 4*int64(g.hash("coupon rule", id)%uint64(max(g.SalesRules/4, 1)))
		return fmt.Appendf(nil, `{"coupon_id":%d,"rule_id":%d,"code":"G%011X","usage_limit":0,"usage_per_customer":0,"times_used":%d,"is_primary":null,"created_at":%q,"type":1}`,
			id, rule, g.hash("coupon", id)%(1<<44), g.hash("used", id)%3, stamp(g.created(id, n)))
	}}
}

// isNumber answers for a stream of which only the id is a number that sorts like its field.
func isNumber(idField string) func(int64, string) (int64, bool, bool) {
	return func(id int64, field string) (int64, bool, bool) { return id, false, field == idField }
}

// attributeCodes are those of the generated products, with the id of the first.
var attributeCodes = []string{"name", "sku", "description", "short_description", "price", "special_price", "special_from_date", "special_to_date", "cost", "weight",
	"color", "image", "small_image", "thumbnail", "swatch_image", "status", "visibility", "category_ids", "required_options", "has_options", "created_at", "updated_at",
	"url_key", "tax_class_id", "ean"}

const firstAttribute = 73

// putAttributes makes the attributes, of which there are as many in a large shop as in a small one.
func (g *generator) putAttributes(put func(stream, text string)) {
	for i, code := range attributeCodes {
		input, kind, options := "text", "varchar", ""
		if code == "color" {
			input, kind = "select", "int"
			options = `{"label":" ","value":""}`
			for value := range 4 {
				options += fmt.Sprintf(`,{"label":"Color %d","value":"%d"}`, value+1, value+8)
			}
		}
		put("product_attributes", fmt.Sprintf(`{"is_filterable":false,"position":0,"apply_to":[],"is_searchable":"0","is_visible":true,"scope":"global","attribute_id":%d,"attribute_code":%q,`+
			`"frontend_input":%q,"entity_type_id":"4","is_required":%t,"options":[%s],"is_user_defined":%t,"default_frontend_label":%q,"frontend_labels":[],"backend_type":%q,"is_unique":"0","validation_rules":[]}`,
			firstAttribute+i, code, input, i < 2, options, code == "color" || code == "ean", code, kind))
	}
}
