package magentotest

import "fmt"

// listOf serves a stream by search criteria.
func listOf(stream string) func(*Server, *call) *answer {
	return func(s *Server, c *call) *answer {
		search := c.params.first("searchCriteria", "search_criteria")
		if search == nil {
			if stream != "sources" { // which alone can do without [obs: b-page-sources-nosc]
				return isRequired("searchCriteria")
			}
			search = &node{}
		}
		criteria, problem := parseCriteria(search)
		if problem == nil {
			problem = s.limit(&criteria)
		}
		if problem != nil {
			return problem
		}
		table := s.shop.table(stream)
		if stream == "products" {
			table = s.shop.productTable(s.viewOf(criteria, c.store))
		}
		return s.list(table, criteria)
	}
}

// limit applies Magento's input limits, which are off by default; a page size of 0 gets past them. [obs: c-limit-*]
func (s *Server) limit(c *criteria) *answer {
	if c.pageSize == nil && s.options.DefaultPageSize > 0 {
		size := s.options.DefaultPageSize
		c.pageSize = &size
	}
	if limit := s.options.MaxPageSize; limit > 0 && c.pageSize != nil && *c.pageSize > limit {
		return failure(400, "Maximum SearchCriteria pageSize is %max", fmt.Sprintf(`{"max":%d}`, limit))
	}
	return nil
}

func (s *Server) list(t *table, c criteria) *answer {
	for _, group := range c.groups {
		for _, f := range group {
			if !t.knows(f.field) {
				return unknownField(t.stream, f.field)
			}
		}
	}
	sorts, problem := sortable(t, c.sorts)
	if problem != nil {
		return problem
	}
	found := t.search(s.byWebsite(t.stream, c.groups), sorts)
	items := page(found, c.pageSize, c.page, s.options.RepeatLastPage)
	body := []byte(`{"items":[`)
	for i, item := range items {
		body = append(comma(body, i), item.out...)
	}
	body = append(append(body, `],"search_criteria":`...), c.echo()...)
	return jsonAnswer(200, fmt.Appendf(body, `,"total_count":%d}`, len(found)))
}

// unknownField: a 400 that names it, or a permanent 500. [obs: b-filter-unknownfield-*]
func unknownField(stream stream, field string) *answer {
	if stream.eav {
		return failure(400, `The "%1" attribute name is invalid. Reset the name and try again.`, quoted(field))
	}
	return internalError()
}

// sortable drops sort orders by unknown attributes, as products do; elsewhere they are a 500. [obs: b-sort-badfield*]
func sortable(t *table, sorts []sortOrder) ([]sortOrder, *answer) {
	var known []sortOrder
	for _, sort := range sorts {
		if t.knows(sort.field) {
			known = append(known, sort)
		} else if !t.stream.eav {
			return nil, internalError()
		}
	}
	return known, nil
}

// byWebsite turns a products' filter on a store view into one on its website: that is what a product belongs to. Store
// 0, admin, has them all. Whatever its condition type, it keeps what is there. [obs: b-filter-products-store; src:
// ProductStoreFilter, ProductWebsiteFilter]
func (s *Server) byWebsite(stream stream, groups [][]filter) [][]filter {
	if stream.name != "products" {
		return groups
	}
	out := make([][]filter, len(groups))
	for i, group := range groups {
		for _, f := range group {
			switch f.field {
			case "store_id":
				f = s.storeFilter(f)
			case "website_id":
				f.condition = "in"
			}
			out[i] = append(out[i], f)
		}
	}
	return out
}

func (s *Server) storeFilter(f filter) filter {
	if f.value == nil {
		return f
	}
	_, website := s.shop.store(*f.value)
	if website == "0" {
		return filter{field: "entity_id", condition: "notnull"}
	}
	return filter{field: "website_id", value: &website, condition: "in"}
}

// viewOf is the store view whose values are answered: a filter on store_id changes it, whatever store code the path has.
// [obs: b-filter-products-store has the price of store 2]
func (s *Server) viewOf(c criteria, code string) string {
	for _, group := range c.groups {
		for _, f := range group {
			if f.field == "store_id" && f.value != nil {
				if named, _ := s.shop.store(*f.value); named != "" {
					code = named
				}
			}
		}
	}
	return code
}

// bareListOf serves all records of a stream as a list without anything around it. [obs: a-store-*]
func bareListOf(stream string) func(*Server, *call) *answer {
	return func(s *Server, _ *call) *answer {
		body := []byte{'['}
		for i, record := range s.shop.table(stream).records {
			body = append(comma(body, i), record.out...)
		}
		return jsonAnswer(200, append(body, ']'))
	}
}
