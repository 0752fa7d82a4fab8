package magentotest

import (
	"cmp"
	"slices"
	"sync"
)

// family says how to make the records of one stream of a generated shop from their ids, which are 1 to n.
type family struct {
	def stream
	n   int64
	// absent tells ids in between that do not exist. nil: all do.
	absent func(id int64) bool
	// json makes the record, in PHP's JSON.
	json func(id int64) []byte
	// idOf finds the id of a key, if it can be one; it need not be sure.
	idOf func(key string) (int64, bool)
	// number is a field's value as a number that sorts like it, without making the record; a date's are its seconds.
	number func(id int64, field string) (n int64, isDate, ok bool)
	// related are the keys of this stream's records for a SKU. Only source items have them.
	related func(sku string) []string
}

// generated is a stream whose records are made each time they are asked for. Records that were put, and keys that were deleted,
// are kept beside it. An index of ids is made, as in a database, for a filter or a sort order on something else than the id; a
// page by keyset costs no more than its records.
type generated struct {
	family

	mu    sync.Mutex
	added map[int64]*record // or changed
	keys  map[string]*record
	gone  map[int64]bool
	last  int64
	index map[string]idList // by what it is an index of
	known *table            // some records, to know the fields
}

func newGenerated(f family) *generated {
	return &generated{family: f, added: map[int64]*record{}, keys: map[string]*record{}, gone: map[int64]bool{}, last: f.n}
}

// idList is a list of n ids: those listed, or without a list the numbers that follow first.
type idList struct {
	n      int
	first  int64
	listed []int64
}

func (l idList) at(i int) int64 {
	if l.listed == nil {
		return l.first + int64(i) + 1
	}
	return l.listed[i]
}

// search is the place of the first id that is not smaller, in a list by id.
func (l idList) search(id int64) int {
	if l.listed != nil {
		at, _ := slices.BinarySearch(l.listed, id)
		return at
	}
	if id <= l.first {
		return 0
	}
	return int(min(id-l.first-1, int64(l.n)))
}

// exists tells whether there is such a record, and which it is if it was put.
func (g *generated) exists(id int64) (put *record, exists bool) {
	if r := g.added[id]; r != nil {
		return r, true
	}
	return nil, id >= 1 && id <= g.n && !g.gone[id] && (g.absent == nil || !g.absent(id))
}

func (g *generated) made(id int64) *record {
	put, exists := g.exists(id)
	if put != nil || !exists {
		return put
	}
	return g.fresh(id)
}

// fresh makes a record. It needs no lock, so that many can be made at the same time.
func (g *generated) fresh(id int64) *record {
	raw := g.json(id)
	key, _ := g.def.keyOf(raw)
	return &record{key: key, id: id, hasID: true, raw: raw, out: listed(g.def, raw)}
}

func (g *generated) byID(id int64) *record {
	g.mu.Lock()
	put, exists := g.exists(id)
	g.mu.Unlock()
	if put != nil || !exists {
		return put
	}
	return g.fresh(id)
}

func (g *generated) byKey(key string) *record {
	g.mu.Lock()
	put, id := g.keyed(key)
	g.mu.Unlock()
	return g.ifKeyed(put, id, key)
}

// keyed finds what was put under a key, or the id that may have it, 0 for none.
func (g *generated) keyed(key string) (put *record, id int64) {
	if r := g.keys[key]; r != nil {
		return r, 0
	}
	id, ok := g.idOf(key)
	if put, exists := g.exists(id); !ok || !exists || put != nil {
		return nil, 0
	}
	return nil, id
}

// ifKeyed makes the record with that id if it has the key.
func (g *generated) ifKeyed(put *record, id int64, key string) *record {
	if put != nil || id == 0 {
		return put
	}
	if r := g.fresh(id); r.key == key {
		return r
	}
	return nil
}

func (g *generated) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all().n
}

func (g *generated) each(f func(*record) bool) {
	g.mu.Lock()
	ids := g.all()
	g.mu.Unlock()
	for i := range ids.n {
		if r := g.byID(ids.at(i)); r != nil && !f(r) {
			return
		}
	}
}

func (g *generated) put(added *record) (replaced bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before, id := g.keyed(added.key)
	old := g.ifKeyed(before, id, added.key)
	switch {
	case !added.hasID && old != nil:
		added.id = old.id
	case !added.hasID:
		added.id = g.last + 1
	}
	for _, before := range []*record{old, g.made(added.id)} {
		if before != nil {
			g.drop(before)
			replaced = true
		}
	}
	delete(g.gone, added.id)
	g.added[added.id] = added
	g.keys[added.key] = added
	g.last = max(g.last, added.id)
	g.index, g.known = nil, nil
	return replaced
}

func (g *generated) remove(key string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	before, id := g.keyed(key)
	old := g.ifKeyed(before, id, key)
	if old == nil {
		return false
	}
	g.drop(old)
	g.index = nil
	return true
}

func (g *generated) drop(old *record) {
	delete(g.added, old.id)
	delete(g.keys, old.key)
	g.gone[old.id] = true
}

func (g *generated) forget() {}

// sampled is how many records are looked at to know a stream's fields.
const sampled = 200

func (g *generated) knows(field string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known == nil {
		g.known = &table{stream: g.def}
		for id := int64(1); id <= min(g.n, sampled); id++ {
			if r := g.made(id); r != nil {
				g.known.records = append(g.known.records, r)
			}
		}
		for _, r := range g.added {
			g.known.records = append(g.known.records, r)
		}
	}
	return g.known.knows(field)
}

// itemsOf returns the source items of a SKU.
func (g *generated) itemsOf(sku string) []sourceItem {
	var items []sourceItem
	for _, key := range g.related(sku) {
		if r := g.byKey(key); r != nil {
			items = append(items, newSourceItem(r.raw))
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, r := range g.added {
		if item := newSourceItem(r.raw); id > g.n && item.sku == sku && !slices.Contains(g.related(sku), r.key) {
			items = append(items, item)
		}
	}
	slices.SortFunc(items, func(a, b sourceItem) int { return cmp.Compare(a.source, b.source) })
	return items
}
