package magentotest

import (
	"fmt"
	"slices"
)

// Recorded is what a shop answered that its records alone do not tell: the part of a recorded night that went wrong. It
// stands in shop.json, under the names below.
type Recorded struct {
	// Broken are records that the shop cannot answer, as Fault.Poison.
	Broken []Poison `json:"broken,omitempty"`
	// Hidden are records that one way of asking does not find.
	Hidden []Hide `json:"hidden,omitempty"`
	// Uncounted are rows that a list counts and does not show.
	Uncounted []Uncounted `json:"uncounted,omitempty"`
}

// The ways of asking that Hide.From names.
const (
	FromLists = "lists" // lists that do not ask for ids: a product that only its id finds
	FromIDs   = "ids"   // questions for one record, and filters on its id: a product that is deleted after it was listed
)

// Uncounted says how many more rows a stream's total_count tells than the list has; with a store id, of the lists that
// filter by that store.
type Uncounted struct {
	Stream  string `json:"stream"`
	StoreID string `json:"store_id,omitempty"`
	Rows    int    `json:"rows"`
}

// check names an entry that means nothing.
func (r Recorded) check() error {
	for _, p := range r.Broken {
		if _, known := streamNamed(p.Stream); !known {
			return fmt.Errorf("broken: no stream is called %q", p.Stream)
		}
	}
	for _, h := range r.Hidden {
		if _, known := streamNamed(h.Stream); !known {
			return fmt.Errorf("hidden: no stream is called %q", h.Stream)
		}
		if h.From != FromLists && h.From != FromIDs {
			return fmt.Errorf("hidden: %q is no way of asking: it is %s or %s", h.From, FromLists, FromIDs)
		}
	}
	for _, u := range r.Uncounted {
		if _, known := streamNamed(u.Stream); !known {
			return fmt.Errorf("uncounted: no stream is called %q", u.Stream)
		}
	}
	return nil
}

// recorded is Recorded made ready to be looked into.
type recorded struct {
	broken    map[[2]string]*Poison                // by stream and key
	hidden    map[string]map[string]map[int64]bool // by way of asking and stream: ids
	uncounted []Uncounted
}

// recordedIndex makes it when it is first asked for.
func (s *Shop) recordedIndex() *recorded {
	s.recordedOnce.Do(func() {
		r := &recorded{broken: map[[2]string]*Poison{}, hidden: map[string]map[string]map[int64]bool{}, uncounted: s.Recorded.Uncounted}
		for _, p := range s.Recorded.Broken {
			r.broken[[2]string{p.Stream, Key(p.Key)}] = &p
		}
		for _, h := range s.Recorded.Hidden {
			found := s.record(h.Stream, Key(h.Key))
			if found == nil {
				continue
			}
			if r.hidden[h.From] == nil {
				r.hidden[h.From] = map[string]map[int64]bool{}
			}
			if r.hidden[h.From][h.Stream] == nil {
				r.hidden[h.From][h.Stream] = map[int64]bool{}
			}
			r.hidden[h.From][h.Stream][found.id] = true
		}
		s.recorded = r
	})
	return s.recorded
}

// hides tells whether a question for one record does not find it.
func (r *recorded) hides(stream string, id int64) bool { return r.hidden[FromIDs][stream][id] }

// from are the ids that a list does not show.
func (r *recorded) from(stream string, groups [][]filter) map[int64]bool {
	if asksForIDs(stream, groups) {
		return r.hidden[FromIDs][stream]
	}
	return r.hidden[FromLists][stream]
}

// more is what total_count tells beyond what the list has.
func (r *recorded) more(stream string, groups [][]filter) int {
	if len(r.uncounted) == 0 || asksForIDs(stream, groups) {
		return 0
	}
	store := ""
	eachFilter(groups, func(f filter) {
		if f.field == "store_id" && f.value != nil {
			store = *f.value
		}
	})
	rows := 0
	for _, u := range r.uncounted {
		if u.Stream == stream && (u.StoreID == "" || u.StoreID == store) {
			rows += u.Rows
		}
	}
	return rows
}

// asksForIDs tells a question for certain ids from one for a list.
func asksForIDs(stream string, groups [][]filter) bool {
	def, _ := streamNamed(stream)
	asks := false
	eachFilter(groups, func(f filter) {
		isID := f.field == "entity_id" || def.id != "" && f.field == def.id
		asks = asks || isID && slices.Contains([]string{"", "eq", "in"}, f.condition)
	})
	return asks
}

func eachFilter(groups [][]filter, f func(filter)) {
	for _, group := range groups {
		for _, one := range group {
			f(one)
		}
	}
}
