package magentotest

import (
	"cmp"
	"slices"
	"sync"
)

// rows are the records of one stream, in memory.
type rows struct {
	def stream

	mu     sync.Mutex
	keys   map[string]*record
	ids    map[int64]*record
	last   int64             // the last number given
	tables map[string]*table // by store code; made when first asked for
}

func newRows(def stream) *rows {
	return &rows{def: def, keys: map[string]*record{}, ids: map[int64]*record{}}
}

func (s *rows) put(added *record) (replaced bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.keys[added.key]
	if same := s.ids[added.id]; added.hasID && same != nil && same != old {
		delete(s.keys, same.key)
		replaced = true
	}
	switch {
	case !added.hasID && old != nil:
		added.id = old.id
	case !added.hasID:
		added.id = s.last + 1
	}
	if old != nil {
		delete(s.ids, old.id)
		replaced = true
	}
	s.keys[added.key] = added
	s.ids[added.id] = added
	s.last = max(s.last, added.id)
	s.tables = nil
	return replaced
}

func (s *rows) remove(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.keys[key]
	if old == nil {
		return false
	}
	delete(s.keys, old.key)
	delete(s.ids, old.id)
	s.tables = nil
	return true
}

func (s *rows) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tables = nil
}

func (s *rows) byKey(key string) *record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[key]
}

func (s *rows) byID(id int64) *record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ids[id]
}

func (s *rows) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.keys)
}

func (s *rows) each(f func(*record) bool) {
	for _, r := range s.table("", nil).records {
		if !f(r) {
			return
		}
	}
}

func (s *rows) knows(field string) bool { return s.table("", nil).knows(field) }

func (s *rows) find(q query) ([]*record, int) {
	found := s.table(q.store, q.view).search(q)
	from, to := pageBounds(len(found), q.size, q.page, q.repeatLast)
	return found[from:to], len(found)
}

// table returns the records in order as a store view sees them, ready to be searched.
func (s *rows) table(store string, view func(*record) *record) *table {
	if view == nil {
		store = ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if made := s.tables[store]; made != nil {
		return made
	}
	made := &table{stream: s.def}
	for _, r := range s.keys {
		if view != nil {
			r = view(r)
		}
		made.records = append(made.records, r)
	}
	slices.SortFunc(made.records, func(a, b *record) int { return cmp.Compare(a.id, b.id) })
	if s.tables == nil {
		s.tables = map[string]*table{}
	}
	s.tables[store] = made
	return made
}
