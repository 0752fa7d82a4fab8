package magentotest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mostIndexes is how many indexes a stream keeps; all go when there would be more.
const mostIndexes = 16

func (g *generated) find(q query) ([]*record, int) {
	page, total := g.pageOf(q)
	for i, r := range page {
		if r.raw == nil {
			r = g.fresh(r.id)
		}
		if q.view != nil {
			r = q.view(r)
		}
		page[i] = r
	}
	return page, total
}

// pageOf finds the records of one page; those that are still to be made have only their id.
func (g *generated) pageOf(q query) ([]*record, int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	low, high, rest := g.idRange(q.groups)
	ids := g.matching(rest)
	if len(q.sorts) == 0 || g.isID(q.sorts[0].field) {
		ids = ids.between(low, high).without(q.hidden)
		if len(q.sorts) > 0 && q.sorts[0].direction != "ASC" {
			return g.cut(q, ids.n, func(i int) int64 { return ids.at(ids.n - 1 - i) })
		}
		return g.cut(q, ids.n, ids.at)
	}
	if low > math.MinInt64 || high < math.MaxInt64 || len(q.hidden) > 0 || q.ties != 0 {
		ids = ids.between(low, high).without(q.hidden)
		ids = g.sorted(ids, q.sorts, q.ties)
	} else {
		ids = g.cached(groupsName(rest)+"\x00"+orderName(q.sorts), func() idList { return g.sorted(ids, q.sorts, 0) })
	}
	return g.cut(q, ids.n, ids.at)
}

// cut finds one page of ids.
func (g *generated) cut(q query, total int, at func(int) int64) ([]*record, int) {
	from, to := pageBounds(total, q.size, q.page, q.repeatLast)
	page := make([]*record, 0, to-from)
	for i := from; i < to; i++ {
		r, _ := g.exists(at(i))
		if r == nil {
			r = &record{id: at(i)}
		}
		page = append(page, r)
	}
	return page, total
}

// between keeps the ids of a range, both ends included.
func (l idList) between(low, high int64) idList {
	from, to := l.search(low), l.n
	if high < math.MaxInt64 {
		to = l.search(high + 1)
	}
	if from >= to {
		return idList{}
	}
	if l.listed == nil {
		return idList{n: to - from, first: l.first + int64(from)}
	}
	return idList{n: to - from, listed: l.listed[from:to]}
}

func (l idList) without(hidden map[int64]bool) idList {
	if len(hidden) == 0 {
		return l
	}
	kept := make([]int64, 0, l.n)
	for i := range l.n {
		if id := l.at(i); !hidden[id] {
			kept = append(kept, id)
		}
	}
	return idList{n: len(kept), listed: kept}
}

func (g *generated) isID(field string) bool {
	return field == g.def.id && field != "id" || field == "entity_id" && g.def.id == "id"
}

// idRange takes the conditions on the id out of the filters.
func (g *generated) idRange(groups [][]filter) (low, high int64, rest [][]filter) {
	low, high = math.MinInt64, math.MaxInt64
	for _, group := range groups {
		if len(group) == 1 && group[0].value != nil && g.isID(group[0].field) {
			n, err := strconv.ParseInt(*group[0].value, 10, 32)
			condition := group[0].condition
			switch {
			case err != nil:
			case condition == "gt":
				low = max(low, n+1)
				continue
			case condition == "gteq" || condition == "from":
				low = max(low, n)
				continue
			case condition == "lt":
				high = min(high, n-1)
				continue
			case condition == "lteq" || condition == "to":
				high = min(high, n)
				continue
			case condition == "eq":
				low, high = max(low, n), min(high, n)
				continue
			}
		}
		rest = append(rest, group)
	}
	return low, high, rest
}

// all are the ids that exist.
func (g *generated) all() idList {
	if g.absent == nil && len(g.gone) == 0 && g.last == g.n {
		return idList{n: int(g.n)}
	}
	return g.cached("", func() idList {
		ids := []int64{}
		for id := int64(1); id <= g.last; id++ {
			if g.added[id] != nil || id <= g.n && !g.gone[id] && (g.absent == nil || !g.absent(id)) {
				ids = append(ids, id)
			}
		}
		return idList{n: len(ids), listed: ids}
	})
}

// matching are the ids of what matches all groups, in order.
func (g *generated) matching(groups [][]filter) idList {
	all := g.all()
	if len(groups) == 0 {
		return all
	}
	return g.cached(groupsName(groups), func() idList {
		type test struct {
			field   string
			matches func(value) bool
		}
		tests := make([][]test, len(groups))
		for i, group := range groups {
			for _, f := range group {
				tests[i] = append(tests[i], test{f.field, f.matcher()})
			}
		}
		ids := []int64{}
		for i := range all.n {
			look := looker{g: g, id: all.at(i)}
			if !slices.ContainsFunc(tests, func(group []test) bool {
				return len(group) > 0 && !slices.ContainsFunc(group, func(t test) bool { return t.matches(look.value(t.field)) })
			}) {
				ids = append(ids, look.id)
			}
		}
		return idList{n: len(ids), listed: ids}
	})
}

// looker looks up fields of one record, which it makes only if it must.
type looker struct {
	g    *generated
	id   int64
	made *record
}

func (l *looker) value(field string) value {
	if l.g.added[l.id] == nil {
		if n, isDate, ok := l.g.number(l.id, field); ok && isDate {
			return value{kind: dateKind, text: time.Unix(n, 0).UTC().Format(time.DateTime)}
		} else if ok {
			return number(n)
		}
	}
	if l.made == nil {
		l.made = l.g.made(l.id)
	}
	return (&table{stream: l.g.def}).valueOf(l.made, field)
}

// sorted puts ids into an order; ties go by id, or at random.
func (g *generated) sorted(ids idList, sorts []sortOrder, ties uint64) idList {
	type row struct {
		id      int64
		tie     uint64
		values  []value
		seconds int64 // instead of one value that is a number
	}
	if len(sorts) == 2 && ties == 0 && g.isID(sorts[1].field) && sorts[1].direction == "ASC" {
		sorts = sorts[:1] // as ties go anyway
	}
	rows := make([]row, ids.n)
	plain := len(sorts) == 1 && len(g.added) == 0
	for i := range rows {
		rows[i].id = ids.at(i)
		rows[i].tie = uint64(rows[i].id)
		if ties != 0 {
			rows[i].tie = mix(ties ^ uint64(rows[i].id))
		}
		if plain {
			rows[i].seconds, _, plain = g.number(rows[i].id, sorts[0].field)
		}
	}
	if plain {
		up := sorts[0].direction == "ASC"
		slices.SortFunc(rows, func(a, b row) int {
			if c := cmp.Compare(a.seconds, b.seconds); c != 0 && up {
				return c
			} else if c != 0 {
				return -c
			}
			return cmp.Compare(a.tie, b.tie)
		})
	} else {
		for i := range rows {
			look := looker{g: g, id: rows[i].id}
			for _, sort := range sorts {
				rows[i].values = append(rows[i].values, look.value(sort.field))
			}
		}
		slices.SortFunc(rows, func(a, b row) int {
			for i, sort := range sorts {
				if c := sort.compare(a.values[i], b.values[i]); c != 0 {
					return c
				}
			}
			return cmp.Compare(a.tie, b.tie)
		})
	}
	out := make([]int64, len(rows))
	for i := range rows {
		out[i] = rows[i].id
	}
	return idList{n: len(out), listed: out}
}

func (g *generated) cached(name string, make func() idList) idList {
	if made, ok := g.index[name]; ok {
		return made
	}
	made := make()
	if g.index == nil || len(g.index) >= mostIndexes {
		g.index = map[string]idList{}
	}
	g.index[name] = made
	return made
}

// groupsName names filters; "" is no filter.
func groupsName(groups [][]filter) string {
	var name strings.Builder
	for _, group := range groups {
		for _, f := range group {
			fmt.Fprintf(&name, "%q %q ", f.field, f.condition)
			if f.value != nil {
				fmt.Fprintf(&name, "%q", *f.value)
			}
			name.WriteByte('|')
		}
		name.WriteByte('&')
	}
	return name.String()
}
