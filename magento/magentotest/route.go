package magentotest

import (
	"net/http"
	"regexp"
	"strings"
)

// call is one request, taken apart.
type call struct {
	request *http.Request
	store   string            // the store code of the path, or the shop's default
	params  *node             // the query
	path    map[string]string // what stands in place of {sku} and {id}, decoded

	*conditions
}

// endpoint is one route: its path after /V1/, the permission it asks for, and what answers it.
type endpoint struct {
	path     string
	resource string
	serve    func(*Server, *call) *answer
}

// endpoints are tried in order, so that a literal comes before a {placeholder}. The resources are those of 2.4.6. [obs;
// src: webapi.xml]
var endpoints = []endpoint{
	{"products", "Magento_Catalog::products", listOf("products")},
	{"products/attributes", "Magento_Catalog::attributes_attributes", listOf("product_attributes")},
	{"products/{sku}", "Magento_Catalog::products", (*Server).product},
	{"stockStatuses/{sku}", "Magento_Catalog::catalog_inventory", (*Server).stockStatus},
	{"stockItems/lowStock", "Magento_Catalog::catalog_inventory", (*Server).lowStock},
	{"stockItems/{sku}", "Magento_Catalog::catalog_inventory", (*Server).stockItem},
	{"inventory/source-items", "Magento_InventoryApi::source", listOf("source_items")},
	{"inventory/sources", "Magento_InventoryApi::source", listOf("sources")},
	{"inventory/stocks", "Magento_InventoryApi::stock", listOf("stocks")},
	{"inventory/stock-source-links", "Magento_InventoryApi::stock_source_link", listOf("stock_source_links")},
	{"inventory/stock-resolver/{type}/{code}", "Magento_InventorySalesApi::stock", (*Server).stockResolver},
	{"inventory/export-stock-salable-qty/{type}/{code}", "Magento_InventoryApi::stock", (*Server).exportSalable},
	{"inventory/dump-stock-index-data/{type}/{code}", "Magento_InventoryApi::stock", (*Server).dumpStockIndex},
	{"inventory/get-product-salable-quantity/{sku}/{id}", "Magento_InventorySalesApi::stock", (*Server).salableQuantity},
	{"inventory/is-product-salable/{sku}/{id}", "Magento_InventorySalesApi::stock", (*Server).isSalable},
	{"inventory/are-products-salable", "Magento_InventorySalesApi::stock", (*Server).areSalable},
	{"orders", "Magento_Sales::actions_view", listOf("orders")},
	{"orders/{id}", "Magento_Sales::actions_view", (*Server).order},
	{"customers/search", "Magento_Customer::customer", listOf("customers")},
	{"invoices", "Magento_Sales::sales_invoice", listOf("invoices")},
	{"creditmemos", "Magento_Sales::sales_creditmemo", listOf("credit_memos")},
	{"categories/list", "Magento_Catalog::categories", listOf("categories")},
	{"salesRules/search", "Magento_SalesRule::quote", listOf("sales_rules")},
	{"coupons/search", "Magento_SalesRule::quote", listOf("coupons")},
	{"store/storeViews", "Magento_Backend::store", bareListOf("stores")},
	{"store/websites", "Magento_Backend::store", bareListOf("websites")},
	{"store/storeGroups", "Magento_Backend::store", bareListOf("store_groups")},
	{"store/storeConfigs", "Magento_Backend::store", (*Server).storeConfigs},
	{"modules", "Magento_Backend::admin", func(*Server, *call) *answer { return jsonAnswer(200, modulesList) }},
}

var versionSegment = regexp.MustCompile(`^V\d+$`)

// route finds the endpoint of a path: /rest[/store code]/V1/..., with or without /index.php, doubled or trailing slashes
// allowed. [obs: b-path-*, b-scope-*] The answer, when there is one, is to be given instead.
func (s *Server) route(r *http.Request) (*endpoint, *call, *answer) {
	segments := strings.FieldsFunc(r.URL.EscapedPath(), func(c rune) bool { return c == '/' })
	if len(segments) > 0 && segments[0] == "index.php" {
		segments = segments[1:]
	}
	if len(segments) == 0 || segments[0] != "rest" {
		return nil, nil, &answer{status: 404, contentType: "text/html; charset=UTF-8", body: apache404Page}
	}
	segments = segments[1:]
	if len(segments) == 0 {
		return nil, nil, unknownRoute()
	}
	c := &call{request: r, store: s.shop.storeCode()}
	if !versionSegment.MatchString(segments[0]) {
		c.store = unescape(segments[0])
		if !s.shop.hasStore(c.store) {
			return nil, nil, badRequest()
		}
		segments = segments[1:]
	}
	if len(segments) == 0 || segments[0] != "V1" || r.Method != http.MethodGet {
		return nil, nil, unknownRoute()
	}
	for i := range endpoints {
		if s.lacks(endpoints[i].path) {
			continue
		}
		if path, ok := matchPath(endpoints[i].path, segments[1:]); ok {
			c.path = path
			c.params = parseQuery(r.URL.RawQuery)
			return &endpoints[i], c, nil
		}
	}
	return nil, nil, unknownRoute()
}

// lacks tells whether this shop is without an endpoint that others have. The bulk listings came with 2.3.2 and
// are-products-salable with 2.4.0. [src]
func (s *Server) lacks(path string) bool {
	if !strings.HasPrefix(path, "inventory/") {
		return false
	}
	bulk := strings.HasPrefix(path, "inventory/export-") || strings.HasPrefix(path, "inventory/dump-") ||
		path == "inventory/are-products-salable"
	return s.options.NoInventory || s.options.NoBulkStock && bulk
}

// matchPath compares escaped segments with a pattern. One level of percent-encoding is decoded, and `+` is a space.
// [obs: exp-sku-encoding-nginx-apache.txt]
func matchPath(pattern string, segments []string) (map[string]string, bool) {
	parts := strings.Split(pattern, "/")
	if len(parts) != len(segments) {
		return nil, false
	}
	values := map[string]string{}
	for i, part := range parts {
		switch {
		case strings.HasPrefix(part, "{"):
			values[strings.Trim(part, "{}")] = unescape(segments[i])
		case part != segments[i]:
			return nil, false
		}
	}
	return values, true
}
