package magentotest

import "fmt"

// listOf serves a stream by search criteria.
func listOf(stream string) func(*Server, *call) *answer {
	return func(s *Server, c *call) *answer {
		// These alone can do without searchCriteria: sources [obs: b-page-sources-nosc] and stocks, whose
		// method has the same default. [src: StockRepositoryInterface::getList(?SearchCriteriaInterface = null)]
		optional := stream == "sources" || stream == "stocks"
		criteria, problem := s.criteria(c, optional)
		if problem != nil {
			return problem
		}
		items, total, problem := s.search(c, stream, criteria)
		if problem != nil {
			return problem
		}
		c.holds(stream, items...)
		return listAnswer(items, total, criteria)
	}
}

func listAnswer(items []*record, total int, c criteria) *answer {
	size := 1024
	for _, item := range items {
		size += len(item.out) + 1
	}
	body := append(make([]byte, 0, size), `{"items":[`...)
	for i, item := range items {
		body = append(comma(body, i), item.out...)
	}
	body = append(append(body, `],"search_criteria":`...), c.echo()...)
	return jsonAnswer(200, fmt.Appendf(body, `,"total_count":%d}`, total))
}

// criteria reads the search criteria of a request.
func (s *Server) criteria(c *call, optional bool) (criteria, *answer) {
	search := c.params.first("searchCriteria", "search_criteria")
	if search == nil {
		if !optional {
			return criteria{}, isRequired("searchCriteria")
		}
		search = &node{}
	}
	parsed, problem := parseCriteria(search)
	if problem == nil {
		problem = s.limit(&parsed)
	}
	return parsed, problem
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

// search finds one page of a stream.
func (s *Server) search(call *call, name string, c criteria) (page []*record, total int, problem *answer) {
	def, _ := streamNamed(name)
	source := s.shop.source(name)
	if name == "stocks" || name == "stock_source_links" {
		source = s.shop.inventory().sources[name]
	}
	for _, group := range c.groups {
		for _, f := range group {
			if !source.knows(f.field) {
				return nil, 0, unknownField(def, f.field)
			}
		}
	}
	sorts, problem := sortable(def, source, c.sorts)
	if problem != nil {
		return nil, 0, problem
	}
	q := query{groups: c.groups, sorts: sorts, size: c.pageSize, page: c.page, repeatLast: s.options.RepeatLastPage}
	if name == "products" {
		q.groups = s.byWebsite(c.groups)
		q.store = s.viewOf(c, call.store)
		q.view = s.shop.viewOf(q.store)
	}
	page, total = call.find(name, source, q)
	return page, total + call.always.more(name, c.groups), nil
}

// unknownField: a 400 that names it, or a permanent 500. [obs: b-filter-unknownfield-*]
func unknownField(stream stream, field string) *answer {
	if stream.eav {
		return failure(400, `The "%1" attribute name is invalid. Reset the name and try again.`, quoted(field))
	}
	return internalError()
}

// sortable drops sort orders by unknown attributes, as products do; elsewhere they are a 500. [obs: b-sort-badfield*]
func sortable(def stream, source source, sorts []sortOrder) ([]sortOrder, *answer) {
	var known []sortOrder
	for _, sort := range sorts {
		if source.knows(sort.field) {
			known = append(known, sort)
		} else if !def.eav {
			return nil, internalError()
		}
	}
	return known, nil
}

// byWebsite turns a products' filter on a store view into one on its website: that is what a product belongs to. Store
// 0, admin, has them all. Whatever its condition type, it keeps what is there. [obs: b-filter-products-store; src:
// ProductStoreFilter, ProductWebsiteFilter]
func (s *Server) byWebsite(groups [][]filter) [][]filter {
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
		s.shop.source(stream).each(func(r *record) bool {
			body = append(comma(body, len(body)-1), r.out...)
			return true
		})
		return jsonAnswer(200, append(body, ']'))
	}
}

// storeConfigs serves GET /V1/store/storeConfigs, all of them or those of `storeCodes[]`; the store code in the path makes no
// difference. [src: StoreConfigManagerInterface::getStoreConfigs] An unknown code is not in the list [inf].
func (s *Server) storeConfigs(c *call) *answer {
	codes := c.params.first("storeCodes", "store_codes")
	if codes == nil {
		return bareListOf("store_configs")(s, c)
	}
	wanted := map[string]bool{}
	codes.each(func(_ string, code *node) { wanted[code.text] = true })
	body := []byte{'['}
	s.shop.source("store_configs").each(func(r *record) bool {
		if wanted[unquote(member(r.raw, "code"))] {
			body = append(comma(body, len(body)-1), r.out...)
		}
		return true
	})
	return jsonAnswer(200, append(body, ']'))
}
