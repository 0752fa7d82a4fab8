package magento

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Param is one name and value of a query.
type Param struct{ Name, Value string }

// Query is the query part of a request, in the order in which it is sent.
type Query []Param

// Encode writes the query with everything but letters, digits and "-._~"
// percent-encoded. A space is %20 and never "+": Magento takes "+" for a space
// with a bearer token, but verifies an OAuth 1.0a signature over it as a plus.
func (q Query) Encode() string {
	var b strings.Builder
	for i, p := range q {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(escape(p.Name))
		b.WriteByte('=')
		b.WriteString(escape(p.Value))
	}
	return b.String()
}

// Filter is one condition on one field. Condition is Magento's condition type;
// empty means eq. Magento takes an unknown condition type for eq and a date it
// cannot read for a very old one, without a word.
type Filter struct{ Field, Condition, Value string }

// Condition types in use. In takes a comma-separated list without an escape,
// so a SKU with a comma is never found by it; Eq finds it.
const (
	Eq   = "eq"
	Gt   = "gt"
	GtEq = "gteq"
	Lt   = "lt"
	LtEq = "lteq"
	In   = "in"
)

// SortOrder sorts by one field, ascending unless Desc.
type SortOrder struct {
	Field string
	Desc  bool
}

// Criteria is a question to a list endpoint. The zero value asks for
// everything in one answer.
type Criteria struct {
	Groups      [][]Filter  // groups are ANDed, filters inside a group ORed
	SortOrders  []SortOrder // first is most significant
	PageSize    int         // 0 leaves it out, and Magento sends all rows
	CurrentPage int         // from 1; 0 leaves it out, which is the first page
	Fields      string      // such as "items[id,sku],total_count"; empty asks for all
}

// Where is c with one more group: any of filters must hold.
func (c Criteria) Where(filters ...Filter) Criteria {
	c.Groups = append(slices.Clip(c.Groups), filters)
	return c
}

// OrderBy is c sorted by field, after the sort orders it has.
func (c Criteria) OrderBy(field string, desc bool) Criteria {
	c.SortOrders = append(slices.Clip(c.SortOrders), SortOrder{field, desc})
	return c
}

// Query writes the criteria as Magento's search criteria. There is always at
// least one searchCriteria parameter: without any, a list answers 400.
func (c Criteria) Query() Query {
	var q Query
	add := func(name, value string) { q = append(q, Param{"searchCriteria" + name, value}) }
	for g, group := range c.Groups {
		for f, filter := range group {
			at := "[filterGroups][" + strconv.Itoa(g) + "][filters][" + strconv.Itoa(f) + "]"
			add(at+"[field]", filter.Field)
			add(at+"[value]", filter.Value)
			add(at+"[conditionType]", orElse(filter.Condition, Eq))
		}
	}
	for i, s := range c.SortOrders {
		at := "[sortOrders][" + strconv.Itoa(i) + "]"
		add(at+"[field]", s.Field)
		add(at+"[direction]", direction(s.Desc))
	}
	if c.PageSize > 0 {
		add("[pageSize]", strconv.Itoa(c.PageSize))
	}
	if c.CurrentPage > 0 {
		add("[currentPage]", strconv.Itoa(c.CurrentPage))
	}
	if len(q) == 0 {
		add("", "")
	}
	if c.Fields != "" {
		q = append(q, Param{"fields", c.Fields})
	}
	return q
}

func direction(desc bool) string {
	if desc {
		return "DESC"
	}
	return "ASC"
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// timeLayout is how Magento writes and compares times: UTC, to the second. It
// ignores an offset instead of applying it, so none is ever sent.
const timeLayout = "2006-01-02 15:04:05"

// FormatTime writes t as a filter on created_at or updated_at wants it.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// ParseTime reads a time of a record, such as updated_at.
func ParseTime(s string) (time.Time, error) { return time.ParseInLocation(timeLayout, s, time.UTC) }
