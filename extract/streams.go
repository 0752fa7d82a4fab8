package extract

import (
	"fmt"
	"slices"
	"strings"

	"magento-optiply/config"
)

// stream is one kind of record that a shop can be asked for. The README's table of streams is this one.
type stream struct {
	name string
	path string // below /V1/
	key  string // the member that raw.<stream>.key is, and that tells records apart
	// column is what pages are read by, ascending (section 6.1). Pages by keyset go on behind its last value; by page number
	// it only sorts.
	column string
	paging paging
	window bool // only what was updated since the stream's bookmark is read; else all of it
	// byStore streams are read for each store of magento.store_id. The others know no store, or are the whole shop's.
	byStore bool
	people  people
	// fields is what is asked for, and kept of an answer that has more (invariant 6). Of streams that have a step of their own
	// it stands there.
	fields string
	// extra streams are of no use to the sync, and are read when they were named.
	extra bool
}

// paging is how a stream is cut into requests.
type paging string

const (
	byKeyset  paging = "keyset"
	byNumber  paging = "page number"
	oneAnswer paging = "one answer"
	oneBySKU  paging = "one request a SKU"
	oneByCode paging = "one request a store"
)

// people tells what a stream has to do with persons.
type people string

const (
	noPeople people = "no"
	notAsked people = "left at the shop"     // its records hold some, which fields= does not ask for
	holds    people = "yes: only when named" // what is asked for holds some, so it is read only when it was named
)

// Keyset was recorded for products, orders and customers, and told of for invoices and credit memos (contracts, part 0). For
// categories, sales rules and coupons it follows from Magento's repositories, which take a filter and a sort order on any
// column. Those of attributes join two tables that also have an attribute_id, so these go by number (AttributeRepository).
var streams = []stream{
	{name: "products", path: "products", key: "id", column: "entity_id", paging: byKeyset, window: true, byStore: true, people: noPeople},
	{name: "stock_statuses", path: "stockStatuses/{sku}", key: "sku", paging: oneBySKU, people: noPeople},
	{name: "stock_items", path: "stockItems/lowStock", key: "product_id", paging: byNumber, people: noPeople},
	{name: "source_items", path: "inventory/source-items", key: "sku", column: "source_item_id", paging: byNumber, people: noPeople},
	{name: "sources", path: "inventory/sources", key: "source_code", column: "source_code", paging: byNumber, people: notAsked},
	{name: "orders", path: "orders", key: "entity_id", column: "entity_id", paging: byKeyset, window: true, byStore: true, people: notAsked},
	{name: "customers", path: "customers/search", key: "id", column: "entity_id", paging: byKeyset, window: true, byStore: true, people: holds, extra: true,
		fields: "id,group_id,email,firstname,lastname,store_id,website_id,created_in,created_at,updated_at"},
	{name: "invoices", path: "invoices", key: "entity_id", column: "entity_id", paging: byKeyset, window: true, byStore: true, people: notAsked, extra: true,
		fields: "entity_id,increment_id,order_id,store_id,state,created_at,updated_at,order_currency_code,base_currency_code," +
			"subtotal,base_subtotal,discount_amount,base_discount_amount,shipping_amount,base_shipping_amount,tax_amount,base_tax_amount,grand_total,base_grand_total,total_qty," +
			"items[entity_id,order_item_id,product_id,sku,qty,price,base_price,base_cost,row_total,base_row_total,discount_amount,base_discount_amount,tax_amount,base_tax_amount]"},
	{name: "credit_memos", path: "creditmemos", key: "entity_id", column: "entity_id", paging: byKeyset, window: true, byStore: true, people: notAsked, extra: true,
		fields: "entity_id,increment_id,order_id,invoice_id,store_id,state,creditmemo_status,created_at,updated_at,order_currency_code,base_currency_code," +
			"subtotal,base_subtotal,discount_amount,base_discount_amount,shipping_amount,base_shipping_amount,tax_amount,base_tax_amount," +
			"adjustment,base_adjustment,adjustment_positive,adjustment_negative,grand_total,base_grand_total," +
			"items[entity_id,order_item_id,product_id,sku,qty,price,base_price,base_cost,row_total,base_row_total,discount_amount,base_discount_amount,tax_amount,base_tax_amount]"},
	{name: "categories", path: "categories/list", key: "id", column: "entity_id", paging: byKeyset, window: true, people: noPeople, extra: true,
		fields: "id,parent_id,name,is_active,position,level,path,include_in_menu,created_at,updated_at"},
	{name: "sales_rules", path: "salesRules/search", key: "rule_id", column: "rule_id", paging: byKeyset, people: noPeople, extra: true,
		fields: "rule_id,name,description,website_ids,customer_group_ids,from_date,to_date,is_active,sort_order,simple_action,discount_amount,discount_qty,discount_step," +
			"apply_to_shipping,stop_rules_processing,coupon_type,use_auto_generation,uses_per_coupon,uses_per_customer,times_used"},
	{name: "coupons", path: "coupons/search", key: "coupon_id", column: "coupon_id", paging: byKeyset, people: noPeople, extra: true,
		fields: "coupon_id,rule_id,code,type,is_primary,usage_limit,usage_per_customer,times_used,created_at,expiration_date"},
	{name: "websites", path: "store/websites", key: "id", paging: oneAnswer, people: noPeople},
	{name: "stores", path: "store/storeViews", key: "id", paging: oneAnswer, people: noPeople},
	{name: "store_configs", path: "store/storeConfigs", key: "id", paging: oneByCode, byStore: true, people: noPeople, extra: true,
		fields: "id,code,website_id,locale,base_currency_code,default_display_currency_code,timezone,weight_unit,base_url,secure_base_url,base_media_url,secure_base_media_url"},
	{name: "product_attributes", path: "products/attributes", key: "attribute_id", column: "attribute_code", paging: byNumber, people: noPeople, extra: true,
		fields: "attribute_id,attribute_code,default_frontend_label,frontend_input,backend_type,scope,is_required,is_unique,is_user_defined,is_visible,apply_to," +
			"options[label,value]"},
}

// KnownStreams are the streams that can be named.
func KnownStreams() []string {
	names := make([]string, len(streams))
	for i, s := range streams {
		names[i] = s.name
	}
	return names
}

// CheckStreams refuses a stream that there is not, rather than to leave it out without a word.
func CheckStreams(names []string) error {
	for _, name := range names {
		if name != config.AllStreams && !slices.Contains(KnownStreams(), name) {
			return &UsageError{fmt.Errorf("stream %q: there are %s, and %s", name, strings.Join(KnownStreams(), ", "), config.AllStreams)}
		}
	}
	return nil
}

// LeftOutOfAll are the streams that "all" does not name, since they hold personal data, and that were not named beside it.
func LeftOutOfAll(named []string) []string {
	var left []string
	for _, s := range streams {
		if slices.Contains(named, config.AllStreams) && s.people == holds && !slices.Contains(named, s.name) {
			left = append(left, s.name)
		}
	}
	return left
}

// isNamed tells whether a stream is among those named: by its name, or by "all" where no personal data is in it.
func (s stream) isNamed(names []string) bool {
	return slices.Contains(names, s.name) || s.people != holds && slices.Contains(names, config.AllStreams)
}

// names tells whether one of some streams was named.
func names(list []string, wanted ...string) bool {
	return slices.ContainsFunc(streams, func(s stream) bool { return slices.Contains(wanted, s.name) && s.isNamed(list) })
}

// PartsOf are the parts of a run that named streams alone are for.
func PartsOf(list []string) Parts {
	return Parts{Products: names(list, "products"), Stocks: names(list, "stock_statuses", "stock_items", "source_items"), SellOrders: names(list, "orders")}
}

// wants tells whether a stock stream is read: the stock mode needs it, or it was named.
func (j *Job) wants(stream string) bool {
	if names(j.Streams, stream) {
		return true
	}
	// A run that syncs no stock still needs it for the products it creates. One with --streams reads only what it names.
	if j.OnlyStreams || !j.Parts.Stocks && !j.Parts.Products {
		return false
	}
	mode := j.Config.Sync.StockMode()
	switch stream {
	case "stock_statuses":
		return mode == config.StockSalable || mode == config.StockPhysical
	case "sources", "source_items":
		return mode == config.StockWarehouse
	case "stock_items":
		// manage_stock, from which unlimitedStock comes, is in the bulk listing for the modes that do not ask one by one.
		return mode == config.StockListing || mode == config.StockWarehouse || mode == config.StockOff
	}
	return false
}
