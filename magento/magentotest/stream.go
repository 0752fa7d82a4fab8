package magentotest

import "strings"

// stream says how the records of one stream are told apart and ordered.
type stream struct {
	name string
	// key are the members that make a record's key, compared without regard to case, as MySQL does.
	key []string
	// id is the numeric member that orders the records. Empty: they stay in the order of the file.
	id string
	// hidden is a top-level member that Magento never answers.
	hidden string
	// eav streams answer 400 to a filter on an unknown attribute; the others are plain tables and answer 500. [obs]
	eav bool
	// columns may be filtered and sorted by even when no record has them (Magento leaves out null values).
	columns string
}

// streams are all streams of a fixture set.
var streams = []stream{
	{name: "products", key: []string{"sku"}, id: "id", eav: true, columns: productColumns},
	{name: "stock_statuses", key: []string{"sku", "store_code"}},
	{name: "stock_items", key: []string{"product_id"}, id: "item_id"},
	{name: "source_items", key: []string{"sku", "source_code"}, id: "source_item_id", hidden: "source_item_id",
		columns: "source_item_id source_code sku quantity status"},
	{name: "sources", key: []string{"source_code"}, columns: "source_code name enabled description latitude longitude " +
		"country_id region_id region city street postcode contact_name email phone fax"},
	{name: "orders", key: []string{"entity_id"}, id: "entity_id", columns: orderColumns},
	{name: "customers", key: []string{"id"}, id: "id", eav: true, columns: "entity_id website_id store_id group_id increment_id email " +
		"created_at updated_at is_active created_in prefix firstname middlename lastname suffix dob gender taxvat " +
		"confirmation disable_auto_group_change default_billing default_shipping"},
	{name: "invoices", key: []string{"entity_id"}, id: "entity_id", columns: documentColumns},
	{name: "credit_memos", key: []string{"entity_id"}, id: "entity_id", columns: documentColumns + " creditmemo_status adjustment"},
	{name: "categories", key: []string{"id"}, id: "id", eav: true, columns: "entity_id parent_id name is_active position level path " +
		"children_count include_in_menu url_key url_path created_at updated_at"},
	{name: "sales_rules", key: []string{"rule_id"}, id: "rule_id", columns: "rule_id name description from_date to_date is_active " +
		"uses_per_customer sort_order simple_action discount_amount discount_qty coupon_type times_used"},
	{name: "coupons", key: []string{"coupon_id"}, id: "coupon_id", columns: "coupon_id rule_id code usage_limit usage_per_customer " +
		"times_used expiration_date is_primary created_at type"},
	{name: "stores", key: []string{"id"}},
	{name: "websites", key: []string{"id"}},
	{name: "store_groups", key: []string{"id"}},
	{name: "store_configs", key: []string{"id"}},
	{name: "product_attributes", key: []string{"attribute_id"}, id: "attribute_id", columns: "attribute_id attribute_code frontend_input " +
		"frontend_label backend_type is_required is_user_defined is_unique is_visible is_global position"},
	{name: "store_values", key: []string{"id", "store_code"}},
	{name: "stocks", key: []string{"stock_id"}, id: "stock_id", columns: "stock_id name"},
	{name: "stock_source_links", key: []string{"stock_id", "source_code"}, columns: "stock_id source_code priority"},
	{name: "salable", key: []string{"website", "sku"}},
}

const (
	// productColumns: the attributes of Magento's default set and the columns of catalog_product_entity. [obs: a-attributes]
	productColumns = "entity_id sku name description short_description price special_price special_from_date special_to_date cost " +
		"weight manufacturer meta_title meta_keyword meta_description image small_image thumbnail old_id tier_price color " +
		"news_from_date news_to_date gallery status minimal_price visibility custom_design page_layout category_ids " +
		"options_container required_options has_options created_at updated_at country_of_manufacture " +
		"quantity_and_stock_status url_key url_path price_type sku_type weight_type price_view shipment_type msrp " +
		"links_exist gift_message_available swatch_image tax_class_id type_id attribute_set_id store_id website_id category_id"
	// orderColumns: the columns of sales_order that a record may lack. [obs: f-orders]
	orderColumns = "entity_id increment_id state status store_id customer_id customer_email customer_firstname customer_lastname " +
		"customer_group_id customer_is_guest coupon_code quote_id ext_order_id relation_parent_id created_at updated_at " +
		"grand_total base_grand_total subtotal base_subtotal total_paid total_due total_refunded total_qty_ordered is_virtual " +
		"order_currency_code base_currency_code remote_ip shipping_description weight protect_code hold_before_state " +
		"hold_before_status discount_amount tax_amount shipping_amount"
	documentColumns = "entity_id increment_id order_id store_id state grand_total base_grand_total subtotal base_subtotal " +
		"billing_address_id shipping_address_id created_at updated_at order_currency_code base_currency_code transaction_id"
)

// streamNamed finds a stream's definition.
func streamNamed(name string) (stream, bool) {
	for _, s := range streams {
		if s.name == name {
			return s, true
		}
	}
	return stream{}, false
}

// keyOf returns the key of a record, and the name of a member that it lacks.
func (s stream) keyOf(object []byte) (key, missing string) {
	parts := make([]string, len(s.key))
	for i, name := range s.key {
		value := member(object, name)
		if isNull(value) && !(s.name == "stock_statuses" && name == "store_code") {
			return "", name
		}
		if !isNull(value) {
			parts[i] = unquote(value)
		}
	}
	return Key(parts...), ""
}

// Key makes a record's key of its parts, in the order that stream.go lists them: Key("24-MB01", "default") for a source
// item. Letter case and trailing spaces do not count, as in MySQL.
func Key(parts ...string) string {
	folded := make([]string, len(parts))
	for i, part := range parts {
		folded[i] = fold(part)
	}
	return strings.TrimRight(strings.Join(folded, "\t"), "\t")
}

// fold is what MySQL's general collations compare text by: no letter case, no trailing spaces. [obs: MixedCase-Sku,
// "TRAILING "]
func fold(text string) string { return strings.ToLower(strings.TrimRight(text, " ")) }
