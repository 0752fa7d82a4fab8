package magentotest

import "strings"

// filter is one condition on a field. A filter without a value compares with NULL and finds nothing. [obs: b-filter-novalue]
type filter struct {
	field     string
	value     *string
	condition string
}

// sortOrder sorts by a field, "ASC" or "DESC"; an empty direction was not given and sorts downwards. [src: SortingProcessor]
type sortOrder struct {
	field, direction string
}

// matcher returns what tells whether a column's value satisfies the filter. As in SQL, no comparison with NULL is ever true. A
// condition type that Magento does not know, moreq among them, is eq. [obs: b-filter-unknowncond, b-filter-updated-moreq]
func (f filter) matcher() func(value) bool {
	switch f.condition {
	case "null":
		return func(v value) bool { return v.kind == nullKind }
	case "notnull":
		return func(v value) bool { return v.kind != nullKind }
	}
	if f.value == nil {
		return func(value) bool { return false }
	}
	text := *f.value
	o := newOperand(text)
	switch f.condition {
	case "neq":
		return func(v value) bool { return v.kind != nullKind && !o.equals(v) }
	case "gt":
		return comparison(o, func(c int) bool { return c > 0 })
	case "gteq", "from":
		return comparison(o, func(c int) bool { return c >= 0 })
	case "lt":
		return comparison(o, func(c int) bool { return c < 0 })
	case "lteq", "to":
		return comparison(o, func(c int) bool { return c <= 0 })
	case "in", "nin":
		return inMatcher(text, f.condition == "in")
	case "like", "nlike":
		pattern, wanted := strings.ToLower(text), f.condition == "like"
		return func(v value) bool { return v.kind != nullKind && like(pattern, v.text) == wanted }
	case "finset":
		return func(v value) bool { return inSet(o, v) }
	}
	return o.equals
}

func comparison(o operand, holds func(int) bool) func(value) bool {
	return func(v value) bool {
		return v.kind != nullKind && v.kind != listKind && holds(o.compare(v))
	}
}

// inMatcher splits at every comma; there is no escape, so that a SKU with a comma is never found. [obs:
// b-filter-sourceitems-sku-comma]
func inMatcher(text string, wanted bool) func(value) bool {
	var operands []operand
	for part := range strings.SplitSeq(text, ",") {
		operands = append(operands, newOperand(part))
	}
	return func(v value) bool {
		if v.kind == nullKind {
			return false
		}
		for _, o := range operands {
			if o.equals(v) {
				return wanted
			}
		}
		return !wanted
	}
}

// inSet is MySQL's FIND_IN_SET: the column holds values with commas between them.
func inSet(o operand, v value) bool {
	if v.kind != textKind {
		return o.equals(v)
	}
	for part := range strings.SplitSeq(v.text, ",") {
		if part == o.asText {
			return true
		}
	}
	return false
}

// like is MySQL's LIKE: % stands for any text, _ for one character, a backslash takes the next one literally. Both sides are
// already in lower case.
func like(pattern, text string) bool {
	p, t := []rune(pattern), []rune(text)
	var i, j int
	star, from := -1, 0 // the last %, and how much of the text it has taken
	for j < len(t) {
		width, matches := likeOne(p[i:], t[j])
		switch {
		case i < len(p) && p[i] == '%':
			star, from = i, j
			i++
		case matches:
			i += width
			j++
		case star >= 0:
			from++
			i, j = star+1, from
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '%' {
		i++
	}
	return i == len(p)
}

// likeOne matches one character with the head of a pattern and tells how long that head is.
func likeOne(p []rune, r rune) (width int, matches bool) {
	switch {
	case len(p) == 0:
		return 0, false
	case p[0] == '\\' && len(p) > 1:
		return 2, p[1] == r
	case p[0] == '_':
		return 1, true
	}
	return 1, p[0] == r
}
