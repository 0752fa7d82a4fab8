package magentotest

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// table is a stream's records at one moment, by id. It is never changed, so that a request sees one state of the shop.
type table struct {
	stream  stream
	records []*record

	mu      sync.Mutex
	columns map[string][]value // by field, made when a filter or sort order first asks for it
	orders  map[string][]int   // by sort orders: the records' places in that order
	seen    map[string]bool    // every field that some record has
}

// column returns one field's value in every record.
func (t *table) column(field string) []value {
	t.mu.Lock()
	defer t.mu.Unlock()
	if made := t.columns[field]; made != nil || len(t.records) == 0 {
		return made
	}
	made := make([]value, len(t.records))
	for i, r := range t.records {
		made[i] = t.valueOf(r, field)
	}
	if t.columns == nil {
		t.columns = map[string][]value{}
	}
	t.columns[field] = made
	return made
}

// valueOf is a record's value of a field as a filter means it.
func (t *table) valueOf(r *record, field string) value {
	if field == t.stream.id && field != "id" || field == "entity_id" && t.stream.id == "id" {
		return number(r.id)
	}
	if t.stream.name == "products" {
		return productValue(r.raw, field)
	}
	return valueOf(member(r.raw, field))
}

// productValue looks a field up among a product's members and its custom attributes.
func productValue(product []byte, field string) value {
	switch field {
	case "website_id":
		return valueOf(member(member(product, "extension_attributes"), "website_ids"))
	case "category_id":
		return categoriesOf(product)
	case "quantity_and_stock_status":
		return number(1) // every product answers to `eq 1`, out of stock or not [obs: b-filter-products-qty]
	}
	if found := member(product, field); found != nil {
		return valueOf(found)
	}
	var found value
	eachElement(member(product, "custom_attributes"), func(attribute []byte) bool {
		if unquote(member(attribute, "attribute_code")) == field {
			found = valueOf(member(attribute, "value"))
			return false
		}
		return true
	})
	return found
}

func categoriesOf(product []byte) value {
	categories := value{kind: listKind}
	eachElement(member(member(product, "extension_attributes"), "category_links"), func(link []byte) bool {
		if id, ok := integer(member(link, "category_id")); ok {
			categories.list = append(categories.list, number(id))
		}
		return true
	})
	return categories
}

// knows tells whether the stream has this field: a column of Magento's, or one that some record has.
func (t *table) knows(field string) bool {
	if slices.Contains(strings.Fields(t.stream.columns), field) {
		return true
	}
	if t.stream.id == "id" && field == "id" {
		return false // the column is called entity_id; "id" is what the answer calls it [inf]
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil {
		t.seen = map[string]bool{}
		for _, r := range t.records {
			t.noteFields(r.raw)
		}
	}
	return t.seen[field]
}

func (t *table) noteFields(object []byte) {
	eachMember(object, func(key string, value []byte) bool {
		if !isObject(value) && !isArray(value) {
			t.seen[key] = true
		}
		return true
	})
	eachElement(member(object, "custom_attributes"), func(attribute []byte) bool {
		t.seen[unquote(member(attribute, "attribute_code"))] = true
		return true
	})
}

// order returns the records' places in the order asked for; ties, and no sort orders at all, go by id.
func (t *table) order(sorts []sortOrder) []int {
	columns := make([][]value, len(sorts))
	for i, sort := range sorts {
		columns[i] = t.column(sort.field)
	}
	name := orderName(sorts)
	t.mu.Lock()
	defer t.mu.Unlock()
	if made := t.orders[name]; made != nil {
		return made
	}
	made := make([]int, len(t.records))
	for i := range made {
		made[i] = i
	}
	slices.SortStableFunc(made, func(a, b int) int {
		for i, sort := range sorts {
			if c := sort.compare(columns[i][a], columns[i][b]); c != 0 {
				return c
			}
		}
		return a - b
	})
	if t.orders == nil {
		t.orders = map[string][]int{}
	}
	t.orders[name] = made
	return made
}

// compare orders two values; downwards unless it says ASC.
func (s sortOrder) compare(a, b value) int {
	if c := compareValues(a, b); s.direction == "ASC" {
		return c
	} else {
		return -c
	}
}

func orderName(sorts []sortOrder) string {
	var name strings.Builder
	for _, sort := range sorts {
		name.WriteString(sort.field + " " + sort.direction + ",")
	}
	return name.String()
}

// search returns the records that match all groups, in order.
func (t *table) search(q query) []*record {
	tests := make([]func(int) bool, len(q.groups))
	for i, group := range q.groups {
		tests[i] = t.groupTest(group)
	}
	var found []int
	for _, place := range t.order(q.sorts) {
		hidden := len(q.hidden) > 0 && q.hidden[t.records[place].id]
		if !hidden && !slices.ContainsFunc(tests, func(test func(int) bool) bool { return !test(place) }) {
			found = append(found, place)
		}
	}
	if q.ties != 0 {
		t.shuffleTies(found, q)
	}
	out := make([]*record, len(found))
	for i, place := range found {
		out[i] = t.records[place]
	}
	return out
}

// shuffleTies puts rows that are equal by the sort orders into an order of their own.
func (t *table) shuffleTies(places []int, q query) {
	columns := make([][]value, len(q.sorts))
	for i, sort := range q.sorts {
		columns[i] = t.column(sort.field)
	}
	slices.SortStableFunc(places, func(a, b int) int {
		for i, sort := range q.sorts {
			if c := sort.compare(columns[i][a], columns[i][b]); c != 0 {
				return c
			}
		}
		return cmp.Compare(mix(q.ties^uint64(t.records[a].id)), mix(q.ties^uint64(t.records[b].id)))
	})
}

// mix scatters a number (splitmix64's finish), the same everywhere and always.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// groupTest tells whether a record matches any filter of a group; filters of one group are ORed, groups are ANDed. [obs]
func (t *table) groupTest(group []filter) func(place int) bool {
	columns := make([][]value, len(group))
	matches := make([]func(value) bool, len(group))
	for i, f := range group {
		columns[i] = t.column(f.field)
		matches[i] = f.matcher()
	}
	return func(place int) bool {
		for i, match := range matches {
			if match(columns[i][place]) {
				return true
			}
		}
		return len(group) == 0
	}
}
