package magentotest

import (
	"fmt"
	"strconv"
	"strings"
)

// criteria is a request's searchCriteria.
type criteria struct {
	groups    [][]filter
	sorts     []sortOrder
	pageSize  *int
	page      *int
	anomalous bool // a key that Magento has no setter for: a 500 [obs: b-filter-badparam]
}

// parseCriteria reads searchCriteria; what is no list where a list belongs is ignored, without an error. A problem is
// the answer to give instead.
func parseCriteria(root *node) (criteria, *answer) {
	var c criteria
	var problem *answer
	fail := func(a *answer) {
		if problem == nil {
			problem = a
		}
	}
	root.each(func(name string, part *node) {
		switch name {
		case "filterGroups", "filter_groups":
			part.each(func(_ string, group *node) { c.addGroup(group) })
		case "sortOrders", "sort_orders":
			part.each(func(_ string, order *node) { fail(c.addSort(order)) })
		case "pageSize", "page_size":
			var bad *answer
			c.pageSize, bad = parseInt(name, part.text)
			fail(bad)
		case "currentPage", "current_page":
			var bad *answer
			c.page, bad = parseInt(name, part.text)
			fail(bad)
		default:
			c.anomalous = true
		}
	})
	if problem == nil && c.anomalous {
		problem = internalError()
	}
	return c, problem
}

func (c *criteria) addGroup(group *node) {
	filters := group.first("filters")
	if filters == nil || len(filters.names) == 0 {
		return
	}
	var parsed []filter
	filters.each(func(_ string, part *node) {
		f := filter{condition: "eq"}
		part.each(func(name string, member *node) {
			switch name {
			case "field":
				f.field = member.text
			case "value":
				text := member.text
				f.value = &text
			case "conditionType", "condition_type":
				f.condition = member.text
			default:
				c.anomalous = true
			}
		})
		parsed = append(parsed, f)
	})
	c.groups = append(c.groups, parsed)
}

func (c *criteria) addSort(order *node) *answer {
	var s sortOrder
	if field := order.first("field"); field != nil {
		s.field = field.text
	}
	if direction := order.first("direction"); direction != nil {
		s.direction = strings.ToUpper(direction.text) // [obs: b-sort-lower]
		if s.direction != "ASC" && s.direction != "DESC" {
			return failure(400, "The sort order has to be specified as %1 for ascending order or %2 for descending order.",
				`["ASC","DESC"]`)
		}
	}
	c.sorts = append(c.sorts, s)
	return nil
}

// parseInt reads a whole number of the searchCriteria. [obs: b-pagesize-text, b-page-text]
func parseInt(name, text string) (*int, *answer) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil, failure(400, fmt.Sprintf("Error occurred during %q processing. The \"%s\" value's type is invalid. "+
			"The \"int\" type was expected. Verify and try again.", name, text), "")
	}
	return &n, nil
}

// pageBounds tells which of so many rows a page has. [obs: b-page-*, b-pagesize-neg]
func pageBounds(total int, size, current *int, repeatLast bool) (from, to int) {
	if size == nil || *size == 0 {
		return 0, total // no page size: everything, whatever the page
	}
	rows := max(*size, 1) // a negative size is 1 row
	number := 1
	if current != nil {
		number = max(*current, 1)
	}
	last := max((total+rows-1)/rows, 1)
	if number > last {
		if !repeatLast {
			return 0, 0
		}
		number = last
	}
	from = (number - 1) * rows
	return from, min(from+rows, total)
}

// echo writes the criteria as Magento repeats them in its answer: only what was given, in this order. [obs]
func (c criteria) echo() []byte {
	out := []byte(`{"filter_groups":[`)
	for i, group := range c.groups {
		out = append(comma(out, i), `{"filters":[`...)
		for j, f := range group {
			out = append(comma(out, j), `{"field":`...)
			out = append(appendString(out, f.field), `,"value":`...)
			out = appendOptional(out, f.value)
			out = append(appendString(append(out, `,"condition_type":`...), f.condition), '}')
		}
		out = append(out, "]}"...)
	}
	out = append(out, ']')
	for i, sort := range c.sorts {
		if i == 0 {
			out = append(out, `,"sort_orders":[`...)
		}
		out = append(comma(out, i), `{"field":`...)
		out = append(appendString(out, sort.field), `,"direction":`...)
		if sort.direction == "" {
			out = append(out, "null}"...)
		} else {
			out = append(appendString(out, sort.direction), '}')
		}
	}
	if len(c.sorts) > 0 {
		out = append(out, ']')
	}
	if c.pageSize != nil {
		out = fmt.Appendf(out, `,"page_size":%d`, *c.pageSize)
	}
	if c.page != nil {
		out = fmt.Appendf(out, `,"current_page":%d`, *c.page)
	}
	return append(out, '}')
}

func comma(out []byte, i int) []byte {
	if i > 0 {
		return append(out, ',')
	}
	return out
}

func appendOptional(out []byte, text *string) []byte {
	if text == nil {
		return append(out, "null"...)
	}
	return appendString(out, *text)
}
