package magento

import (
	"errors"
	"maps"
	"math"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// brokenTable is a table with records that no answer can have in it.
type brokenTable struct {
	table
	broken map[int64]bool
	kind   Kind
	passes func(Criteria) bool // a failure that passes; nil: none
}

func (t brokenTable) ask(tb fataler, c Criteria) (Page, error) {
	p := t.table.ask(tb, c)
	if t.passes != nil && t.passes(c) {
		return Page{}, &Error{Kind: t.kind}
	}
	for id := range t.broken {
		if p.Count > 0 && id >= p.FirstID && id <= p.LastID && slices.Contains(t.ids, id) {
			return Page{}, &Error{Kind: t.kind}
		}
	}
	return p, nil
}

func drawBroken(r *rapid.T) brokenTable {
	t := brokenTable{broken: map[int64]bool{}, kind: rapid.SampledFrom([]Kind{ServerError, NotFound, MessageOnly, BadJSON}).Draw(r, "kind")}
	last := int64(0)
	for range rapid.IntRange(0, 60).Draw(r, "rows") {
		last += rapid.OneOf(rapid.Int64Range(1, 4), rapid.Int64Range(1, 100_000)).Draw(r, "gap")
		t.ids = append(t.ids, last)
	}
	if len(t.ids) == 0 {
		return t
	}
	switch rapid.SampledFrom([]string{"some", "some", "adjacent", "first and last", "all", "none"}).Draw(r, "broken") {
	case "some":
		for range rapid.IntRange(0, 5).Draw(r, "how many") {
			t.broken[rapid.SampledFrom(t.ids).Draw(r, "which")] = true
		}
	case "adjacent":
		from := rapid.IntRange(0, len(t.ids)-1).Draw(r, "from")
		for _, id := range t.ids[from:min(from+5, len(t.ids))] {
			t.broken[id] = true
		}
	case "first and last":
		t.broken[t.ids[0]], t.broken[t.ids[len(t.ids)-1]] = true, true
	case "all":
		for _, id := range t.ids {
			t.broken[id] = true
		}
	}
	return t
}

// readAll follows a Narrow to its end, at most so many requests.
func readAll(r *rapid.T, n Narrow, ask func(Criteria) (Page, error), keep func(Page)) (named []int64, requests int) {
	for {
		if requests++; requests > 20_000 {
			r.Fatal("no end")
		}
		p, err := ask(n.Request())
		before := n.Keyset.After
		next, found, err := n.Next(p, err)
		if err != nil {
			r.Fatal(err)
		}
		if next.Keyset.After < before {
			r.Fatalf("goes back from %d to %d", before, next.Keyset.After)
		}
		n = next
		if found.Keep {
			keep(p)
		}
		if found.Quarantined != 0 {
			named = append(named, found.Quarantined)
		}
		if found.Done {
			return named, requests
		}
	}
}

func TestNarrow_NamesEachBrokenRecordAndReadsAllOthersOnce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		tab := drawBroken(r)
		size := rapid.IntRange(1, 40).Draw(r, "page size")
		upto := rapid.SampledFrom(append([]int64{0}, tab.ids...)).Draw(r, "upto")
		read := map[int64]int{}
		named, requests := readAll(r, NewNarrow(Keyset{Field: "entity_id", PageSize: size, Upto: upto}),
			func(c Criteria) (Page, error) { return tab.ask(r, c) }, func(p Page) { tab.seen(read, p) })
		var want []int64
		rows, bound, before := 0, 0.0, int64(0)
		for _, id := range tab.ids {
			if upto > 0 && id > upto {
				break
			}
			rows++
			if tab.broken[id] {
				want = append(want, id)
				bound += 2*math.Log2(float64(size)) + 2*math.Log2(float64(id-before)) + 9
			} else if read[id] != 1 {
				r.Fatalf("row %d was read %d times", id, read[id])
			}
			before = id
		}
		if !slices.Equal(named, want) {
			r.Fatalf("named %v, want %v", named, want)
		}
		if most := bound + float64(rows/size+2); float64(requests) > most {
			r.Fatalf("%d requests for %d rows, %d to a page, %v broken: at most %.1f", requests, rows, size, want, most)
		}
	})
}

func TestNarrow_NamesNothingThatPasses(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		tab, asked := drawBroken(r), map[string]bool{}
		left, every := rapid.IntRange(1, 20).Draw(r, "failures that pass"), rapid.IntRange(1, 5).Draw(r, "every so many requests")
		// A request fails once for no reason, never twice; the check of the
		// empty range does not.
		tab.passes = func(c Criteria) bool {
			key := c.Query().Encode()
			again := asked[key]
			asked[key] = true
			empty := len(c.Groups) == 2 && c.Groups[0][0].Value == c.Groups[1][0].Value
			if again || empty || left == 0 || len(asked)%every != 0 {
				return false
			}
			left--
			return true
		}
		read := map[int64]int{}
		named, _ := readAll(r, NewNarrow(Keyset{Field: "entity_id", PageSize: rapid.IntRange(1, 40).Draw(r, "page size")}),
			func(c Criteria) (Page, error) { return tab.ask(r, c) }, func(p Page) { tab.seen(read, p) })
		if want := slices.Sorted(maps.Keys(tab.broken)); !slices.Equal(named, want) {
			r.Fatalf("named %v, want %v", named, want)
		}
		for _, id := range tab.ids {
			if !tab.broken[id] && read[id] != 1 {
				r.Fatalf("row %d was read %d times", id, read[id])
			}
		}
	})
}

func TestNarrow_WorksWhileTheShopChanges(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		tab := drawBroken(r)
		last, read, removed, ever := int64(0), map[int64]int{}, map[int64]bool{}, maps.Clone(tab.broken)
		original := slices.Clone(tab.ids)
		if len(original) > 0 {
			last = original[len(original)-1]
		}
		steps := 0
		named, _ := readAll(r, NewNarrow(Keyset{Field: "entity_id", PageSize: rapid.IntRange(1, 20).Draw(r, "page size")}), func(c Criteria) (Page, error) {
			if steps++; steps < 60 {
				tab.change(r, removed, &last)
				if len(tab.broken) > 0 && rapid.IntRange(0, 9).Draw(r, "mends one") == 0 {
					delete(tab.broken, slices.Min(slices.Collect(maps.Keys(tab.broken))))
				}
			}
			return tab.ask(r, c)
		}, func(p Page) { tab.seen(read, p) })
		for _, id := range named {
			if !ever[id] || read[id] > 0 {
				r.Fatalf("named %d, broken were %v", id, ever)
			}
		}
		if slices.Sort(named); len(slices.Compact(slices.Clone(named))) != len(named) {
			r.Fatalf("named twice: %v", named)
		}
		for _, id := range original {
			if !removed[id] && !slices.Contains(named, id) && read[id] != 1 {
				r.Fatalf("row %d was read %d times", id, read[id])
			}
		}
	})
}

func TestNarrow_EndsWhateverTheShopAnswers(t *testing.T) {
	kinds := []Kind{ServerError, NotFound, Gateway, TooLarge, PageSizeLimit}
	rapid.Check(t, func(r *rapid.T) {
		n := NewNarrow(Keyset{Field: "entity_id", PageSize: 3, Upto: rapid.Int64Range(0, 20).Draw(r, "upto")})
		for range 5000 {
			p, failure := anyPage(r), error(nil)
			if rapid.Bool().Draw(r, "fails") {
				failure = &Error{Kind: rapid.SampledFrom(kinds).Draw(r, "kind"), Max: 2}
			}
			if n.Keyset.Upto == 0 && n.Keyset.After > 30 {
				failure, p = nil, Page{} // ids end here
			}
			next, found, err := n.Next(p, failure)
			if found.Done || err != nil {
				return
			}
			n = next
		}
		r.Fatal("no end")
	})
}

func TestNarrow_GivesUpOnAListThatFailsAsAWhole(t *testing.T) {
	n := NewNarrow(Keyset{Field: "entity_id", PageSize: 300})
	down := &Error{Kind: ServerError, Status: 500}
	for requests := 1; ; requests++ {
		next, found, err := n.Next(Page{}, down)
		if found != (Found{}) {
			t.Fatalf("%+v", found)
		}
		if err != nil {
			if !errors.Is(err, down) || requests != 2 {
				t.Errorf("after %d requests: %v", requests, err)
			}
			return
		}
		n = next
	}
}

func TestNarrow_GivesUpWhenTooManyAreBroken(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		tab := brokenTable{broken: map[int64]bool{}, kind: ServerError}
		for id := range int64(20) {
			tab.ids, tab.broken[id+1] = append(tab.ids, id+1), true
		}
		n := NewNarrow(Keyset{Field: "entity_id", PageSize: 5})
		n.Most = 7
		for named := 0; ; {
			p, err := tab.ask(r, n.Request())
			next, found, err := n.Next(p, err)
			if found.Quarantined != 0 {
				named++
			}
			if err != nil {
				if named != 7 {
					r.Fatalf("named %d: %v", named, err)
				}
				return
			}
			n = next
		}
	})
}

func TestNarrow_AsksForLessWhereThePageIsTooMuch(t *testing.T) {
	for _, kind := range []Kind{Gateway, Stalled, TooLarge} {
		n, sizes := NewNarrow(Keyset{Field: "entity_id", PageSize: 10}), []int{}
		for {
			sizes = append(sizes, n.Request().PageSize)
			next, _, err := n.Next(Page{}, &Error{Kind: kind})
			if err != nil {
				break
			}
			n = next
		}
		if !slices.Equal(sizes, []int{10, 5, 2, 1}) {
			t.Errorf("%s: %v", kind, sizes)
		}
	}
	n, _, err := NewNarrow(Keyset{Field: "entity_id", PageSize: 1000}).Next(Page{}, &Error{Kind: PageSizeLimit, Max: 300})
	if err != nil || n.Request().PageSize != 300 {
		t.Errorf("a limit of 300: asks for %d, %v", n.Request().PageSize, err)
	}
	if _, _, err := n.Next(Page{}, &Error{Kind: Forbidden}); err == nil {
		t.Error("goes on without a permission")
	}
}

// TestNarrow_CostsLittle states the price of one broken order among 600.
func TestNarrow_CostsLittle(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		tab := brokenTable{broken: map[int64]bool{}, kind: NotFound}
		for id := range int64(600) {
			tab.ids = append(tab.ids, 3*id+1)
		}
		id := rapid.SampledFrom(tab.ids).Draw(r, "broken")
		tab.broken[id] = true
		failures := 0
		named, requests := readAll(r, NewNarrow(Keyset{Field: "entity_id", PageSize: 300}), func(c Criteria) (Page, error) {
			p, err := tab.ask(r, c)
			if err != nil {
				failures++
			}
			return p, err
		}, func(Page) {})
		if !slices.Equal(named, []int64{id}) || requests > 3+28 || failures > 15 {
			r.Fatalf("%s: %d requests, %d of them fail", strconv.FormatInt(id, 10), requests, failures)
		}
	})
}
