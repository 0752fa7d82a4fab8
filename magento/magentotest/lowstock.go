package magentotest

import (
	"fmt"
	"strconv"
)

// lowStockCriteria is what lowStock repeats of its question: page and page size, as texts. [obs: a-lowstock*]
const lowStockCriteria = `{"mapper_interface_name":"Magento\\CatalogInventory\\Model\\ResourceModel\\Stock\\Item\\StockItemCriteriaMapper",` +
	`"criteria_list":[],"filters":[],"orders":[],"limit":%s}`

// lowStock serves GET /V1/stockItems/lowStock: the stock items with at most `qty`, by item id. Rows without a quantity
// are not in it, and only scopeId 0 has any. It knows no input limit, and without a page size it gives one row. [obs:
// a-lowstock*, f-oauth1-flat]
func (s *Server) lowStock(c *call) *answer {
	scope, qty := c.params.first("scopeId", "scope_id"), c.params.first("qty")
	if problem := requireBoth(scope, qty); problem != nil {
		return problem
	}
	if _, err := strconv.Atoi(scope.text); err != nil {
		return invalidType(scope.text, "int")
	}
	if _, err := strconv.ParseFloat(qty.text, 64); err != nil {
		return invalidType(qty.text, "float")
	}
	current, currentText, problem := pageParam(c.params, 1, "currentPage", "current_page")
	if problem != nil {
		return problem
	}
	size, sizeText, problem := pageParam(c.params, 0, "pageSize", "page_size")
	if problem != nil {
		return problem
	}
	rows := max(size, 1)
	var items []*record
	total := 0
	if scope.text == "0" {
		upTo := filter{field: "qty", value: &qty.text, condition: "lteq"}
		items, total = c.find("stock_items", s.shop.source("stock_items"), query{
			groups: [][]filter{{upTo}}, size: &rows, page: &current, repeatLast: s.options.RepeatLastPage,
		})
		c.holds("stock_items", items...)
	}
	body := []byte(`{"items":[`)
	for i, item := range items {
		body = append(comma(body, i), item.out...)
	}
	body = fmt.Appendf(append(body, `],"search_criteria":`...), lowStockCriteria, quoted(currentText, sizeText))
	return jsonAnswer(200, fmt.Appendf(body, `,"total_count":%d}`, total))
}

// requireBoth answers for missing parameters: one by itself, two as a list of errors. [obs: a-lowstock4; one alone: src:
// InputException]
func requireBoth(scope, qty *node) *answer {
	switch {
	case scope == nil && qty == nil:
		body := []byte(`{"message":"One or more input exceptions have occurred.","errors":[`)
		body = append(append(body, isRequired("scopeId").body...), ',')
		body = append(append(body, isRequired("qty").body...), "]}"...)
		return jsonAnswer(400, body)
	case scope == nil:
		return isRequired("scopeId")
	case qty == nil:
		return isRequired("qty")
	}
	return nil
}

func pageParam(params *node, otherwise int, names ...string) (n int, text string, problem *answer) {
	param := params.first(names...)
	if param == nil {
		return otherwise, strconv.Itoa(otherwise), nil
	}
	n, err := strconv.Atoi(param.text)
	if err != nil {
		return 0, "", invalidType(param.text, "int")
	}
	return n, param.text, nil
}
