package sandbox

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	defaultLimit = 50  // documented
	maxLimit     = 100 // documented
)

// listing is what the query of a read asks for.
type listing struct {
	limit, offset int
	filters       []filter
	sort          []sortKey
}

// sortKey is one attribute to sort by.
type sortKey struct {
	attribute  attribute
	descending bool
}

// filter compares one attribute with one value.
type filter struct {
	attribute attribute
	operator  string
	null      bool
	value     any // as stored; time.Time for a moment; lower-case text for LIKE
}

var filterName = regexp.MustCompile(`^filter\[([^\[\]]*)\](?:\[([^\[\]]*)\])?$`)

// parseListing reads a query. Parameters, attributes, operators and values that do not exist are errors: the framework
// behind the API refuses them too (inferred), and a filter that is silently ignored would return everything.
func parseListing(k *kind, query string) (listing, error) {
	l := listing{limit: defaultLimit}
	q, err := url.ParseQuery(query)
	if err != nil {
		return listing{}, fmt.Errorf("cannot read the query: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		for _, value := range q[name] {
			if err := l.take(k, name, value); err != nil {
				return listing{}, err
			}
		}
	}
	if l.offset%l.limit != 0 { // documented
		return listing{}, fmt.Errorf("page[offset] must be a multiple of page[limit]")
	}
	return l, nil
}

func (l *listing) take(k *kind, name, value string) (err error) {
	switch name {
	case "page[limit]":
		if l.limit, err = strconv.Atoi(value); err != nil || l.limit < 1 || l.limit > maxLimit {
			return fmt.Errorf("page[limit] must be a number from 1 to %d", maxLimit)
		}
	case "page[offset]":
		if l.offset, err = strconv.Atoi(value); err != nil || l.offset < 0 {
			return fmt.Errorf("page[offset] must be a number from 0")
		}
	case "sort":
		l.sort, err = parseSort(k, value)
	case "accountId", "couplingId":
		if !digits.MatchString(value) {
			return fmt.Errorf("%s must be a number", name)
		}
	default:
		m := filterName.FindStringSubmatch(name)
		if m == nil {
			return fmt.Errorf("unknown parameter %q", name)
		}
		var f filter
		f, err = parseFilter(k, m[1], m[2], value)
		l.filters = append(l.filters, f)
	}
	return err
}

func parseSort(k *kind, value string) ([]sortKey, error) {
	var out []sortKey
	for name := range strings.SplitSeq(value, ",") {
		name, descending := strings.CutPrefix(name, "-")
		a, ok := k.attribute(name)
		if !ok || a.form == remoteIDs {
			return nil, fmt.Errorf("cannot sort by %q", name)
		}
		out = append(out, sortKey{attribute: a, descending: descending})
	}
	return out, nil
}

// parseFilter reads filter[name][operator]=value. Operators are those of the documentation, in any case (it uses both
// itself). remoteId is not an attribute one can filter by: no client was ever seen to.
func parseFilter(k *kind, name, operator, value string) (filter, error) {
	a, ok := k.attribute(name)
	if !ok || a.form == remoteIDs {
		return filter{}, fmt.Errorf("cannot filter %s by %q", k.name, name)
	}
	f := filter{attribute: a, operator: strings.ToUpper(operator)}
	if f.operator == "" {
		f.operator = "EQ"
	}
	if !slices.Contains([]string{"EQ", "NEQ", "LIKE", "LT", "LE", "GT", "GE"}, f.operator) {
		return filter{}, fmt.Errorf("unknown filter operator %q", operator)
	}
	if value == "null" { // matches open orders by completed=null (seen)
		f.null = true
		if f.operator != "EQ" && f.operator != "NEQ" {
			return filter{}, fmt.Errorf("null can only be compared with EQ and NEQ")
		}
		return f, nil
	}
	if f.operator == "LIKE" {
		f.value = strings.ToLower(value)
		return f, nil
	}
	var err error
	f.value, err = filterValue(a, value)
	return f, err
}

func filterValue(a attribute, value string) (any, error) {
	fail := func(what string) error { return fmt.Errorf("filter[%s]: %q is not %s", a.name, value, what) }
	switch a.form {
	case integer, reference, identifier:
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, fail("an integer")
		}
		return n, nil
	case number, money:
		r, ok := rat(value)
		if !ok {
			return nil, fail("a number")
		}
		return r, nil
	case flag:
		b, err := strconv.ParseBool(strings.ToLower(value))
		if err != nil || len(value) == 1 {
			return nil, fail("true or false")
		}
		return b, nil
	case moment:
		t, err := readMoment(value)
		if err != nil {
			return nil, fail("a date and time with zone (was + encoded?)")
		}
		return t, nil
	case status:
		return strings.ToLower(value), nil
	default:
		return value, nil
	}
}

func rat(s string) (*big.Rat, bool) {
	if !decimalForm.MatchString(s) {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

func (l listing) matches(r *record) bool {
	for _, f := range l.filters {
		if !f.matches(r.value(f.attribute.name)) {
			return false
		}
	}
	return true
}

// matches compares as a database would: null is neither equal to a value nor different from one.
func (f filter) matches(v any) bool {
	if f.null {
		return (v == nil) == (f.operator == "EQ")
	}
	if v == nil {
		return false
	}
	if f.operator == "LIKE" {
		return strings.Contains(strings.ToLower(fmt.Sprint(v)), f.value.(string))
	}
	c := compare(alike(v, f.value), f.value)
	switch f.operator {
	case "EQ":
		return c == 0
	case "NEQ":
		return c != 0
	case "LT":
		return c < 0
	case "LE":
		return c <= 0
	case "GT":
		return c > 0
	default:
		return c >= 0
	}
}

// alike brings a stored value into the form of the value it is compared with.
func alike(stored, with any) any {
	switch with.(type) {
	case *big.Rat:
		if r, ok := rat(fmt.Sprint(stored)); ok {
			return r
		}
	case time.Time:
		if t, err := readMoment(fmt.Sprint(stored)); err == nil {
			return t
		}
	}
	return stored
}

// compare orders two values of one form.
func compare(a, b any) int {
	switch a := a.(type) {
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b)
		}
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(a, b)
		}
	case bool:
		if b, ok := b.(bool); ok && a != b {
			if b {
				return -1
			}
			return 1
		}
	case *big.Rat:
		if b, ok := b.(*big.Rat); ok {
			return a.Cmp(b)
		}
	case time.Time:
		if b, ok := b.(time.Time); ok {
			return a.Compare(b)
		}
	}
	return 0
}

// less sorts by the attributes asked for, null first, and by id where they are equal.
func (l listing) less(a, b *record) bool {
	for _, o := range l.sort {
		va, vb := a.value(o.attribute.name), b.value(o.attribute.name)
		c := 0
		switch {
		case va == nil || vb == nil:
			c = cmp.Compare(presence(va), presence(vb))
		case o.attribute.form == money || o.attribute.form == number:
			c = compare(alike(va, (*big.Rat)(nil)), alike(vb, (*big.Rat)(nil)))
		default:
			c = compare(va, vb)
		}
		if o.descending {
			c = -c
		}
		if c != 0 {
			return c < 0
		}
	}
	return a.id < b.id
}

func presence(v any) int {
	if v == nil {
		return 0
	}
	return 1
}
