package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"sort"
)

// record is one stored resource. It is never changed, only replaced, so that readers need no lock after finding it.
type record struct {
	kind   *kind
	id     int64
	values map[string]any
}

// value is an attribute for filters and sorting, the id included.
func (r *record) value(name string) any {
	if name == "id" {
		return r.id
	}
	return r.values[name]
}

func (r *record) account() int64 { n, _ := r.values["accountId"].(int64); return n }

type table struct {
	kind *kind
	last int64 // highest id ever given: ids are not used twice
	ids  []int64
	rows map[int64]*record
}

func (t *table) put(r *record) {
	if _, known := t.rows[r.id]; !known {
		at, _ := slices.BinarySearch(t.ids, r.id)
		t.ids = slices.Insert(t.ids, at, r.id)
	}
	t.rows[r.id] = r
	t.last = max(t.last, r.id)
}

func (t *table) remove(id int64) {
	if at, found := slices.BinarySearch(t.ids, id); found {
		t.ids = slices.Delete(t.ids, at, at+1)
	}
	delete(t.rows, id)
}

// all gives the records by ascending id.
func (t *table) all() []*record {
	out := make([]*record, 0, len(t.ids))
	for _, id := range t.ids {
		out = append(out, t.rows[id])
	}
	return out
}

// state is everything the sandbox holds. It changes only by apply, live and at replay alike.
type state struct {
	tables map[string]*table
	lines  map[int64]map[int64]bool // sell order id -> ids of its lines
}

func newState() *state {
	s := &state{tables: map[string]*table{}, lines: map[int64]map[int64]bool{}}
	for _, k := range []*kind{products, sellOrders, sellOrderLines} {
		s.tables[k.name] = &table{kind: k, last: k.firstID - 1, rows: map[int64]*record{}}
	}
	return s
}

func (s *state) find(kind string, id int64) (*record, bool) {
	t, ok := s.tables[kind]
	if !ok {
		return nil, false
	}
	r, ok := t.rows[id]
	return r, ok
}

// linesOf gives an order's lines by ascending id.
func (s *state) linesOf(order int64) []*record {
	var out []*record
	for _, id := range slices.Sorted(maps.Keys(s.lines[order])) {
		out = append(out, s.tables[kindSellOrderLines].rows[id])
	}
	return out
}

// productInUse says whether an order line names the product.
func (s *state) productInUse(id int64) bool {
	for _, line := range s.tables[kindSellOrderLines].rows {
		if line.values["productId"] == id {
			return true
		}
	}
	return false
}

// apply does one journalled write. An error means that the journal does not fit together.
func (s *state) apply(e entry) error {
	k, ok := kindOf(e.Type)
	if !ok || k.readOnly {
		return fmt.Errorf("unknown type %q", e.Type)
	}
	before, known := s.find(e.Type, e.ID)
	switch {
	case e.Op == opCreate && known:
		return fmt.Errorf("%s %d is created twice", e.Type, e.ID)
	case e.Op != opCreate && !known:
		return fmt.Errorf("%s %d does not exist", e.Type, e.ID)
	}
	switch e.Op {
	case opCreate:
		s.put(&record{kind: k, id: e.ID, values: e.values})
		for _, line := range e.Lines {
			s.put(&record{kind: sellOrderLines, id: line.ID, values: line.values})
		}
	case opUpdate:
		values := maps.Clone(before.values)
		maps.Copy(values, e.values)
		s.unlink(before)
		s.put(&record{kind: k, id: e.ID, values: values})
	case opDelete:
		s.remove(before)
	default:
		return fmt.Errorf("unknown operation %q", e.Op)
	}
	return nil
}

func (s *state) put(r *record) {
	s.tables[r.kind.name].put(r)
	if order, ok := r.values["sellOrderId"].(int64); ok {
		if s.lines[order] == nil {
			s.lines[order] = map[int64]bool{}
		}
		s.lines[order][r.id] = true
	}
}

func (s *state) unlink(r *record) {
	if order, ok := r.values["sellOrderId"].(int64); ok {
		delete(s.lines[order], r.id)
	}
}

// remove deletes a record; a sell order takes its lines along. The cascade is documented for buy orders only and
// assumed for sell orders.
func (s *state) remove(r *record) {
	s.unlink(r)
	s.tables[r.kind.name].remove(r.id)
	if r.kind.withLines {
		for _, line := range s.linesOf(r.id) {
			s.remove(line)
		}
		delete(s.lines, r.id)
	}
}

// selectRecords gives the records of a kind that match, in the order asked for.
func (s *state) selectRecords(k *kind, l listing) []*record {
	var out []*record
	for _, r := range s.tables[k.name].all() {
		if l.matches(r) {
			out = append(out, r)
		}
	}
	if len(l.sort) > 0 {
		sort.SliceStable(out, func(i, j int) bool { return l.less(out[i], out[j]) })
	}
	return out
}
