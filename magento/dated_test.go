package magento

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// noon is second 0 of the tables below.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func at(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }

// datedRow is a row of a table with dates.
type datedRow struct {
	id int64
	at int // second
}

// datedTable is a shop's table as a list endpoint sees it.
type datedTable struct {
	rows    []datedRow
	repeats bool // Magento before 2.4: a page past the end is the last
	lies    int  // is added to total_count
}

func (t datedTable) ask(r *rapid.T, c Criteria) (p Page, ids []int64) {
	rows := slices.DeleteFunc(slices.Clone(t.rows), func(row datedRow) bool { return !inside(r, row, c.Groups) })
	if want := []SortOrder{{Field: "updated_at"}, {Field: "entity_id"}}; !slices.Equal(c.SortOrders, want) {
		r.Fatalf("sorted by %v", c.SortOrders)
	}
	slices.SortFunc(rows, func(a, b datedRow) int {
		if a.at != b.at {
			return a.at - b.at
		}
		return int(a.id - b.id)
	})
	page := c.CurrentPage
	if t.repeats {
		page = max(1, min(page, (len(rows)+c.PageSize-1)/c.PageSize))
	}
	from := min((page-1)*c.PageSize, len(rows))
	items := []map[string]any{}
	for _, row := range rows[from:min(from+c.PageSize, len(rows))] {
		ids = append(ids, row.id)
		items = append(items, map[string]any{"entity_id": row.id, "updated_at": FormatTime(at(row.at))})
	}
	body, err := json.Marshal(map[string]any{"items": items, "total_count": max(0, len(rows)+t.lies)})
	if err != nil {
		r.Fatal(err)
	}
	p, err = ReadDatedPage(body, "entity_id", "updated_at")
	if err != nil {
		r.Fatal(err)
	}
	return p, ids
}

func inside(r *rapid.T, row datedRow, groups [][]Filter) bool {
	for _, g := range groups {
		when, err := ParseTime(g[0].Value)
		if err != nil || g[0].Field != "updated_at" {
			r.Fatalf("a filter that this table does not know: %v", g)
		}
		if g[0].Condition == GtEq && at(row.at).Before(when) || g[0].Condition == LtEq && at(row.at).After(when) {
			return false
		}
	}
	return true
}

// drawDated draws a table whose rows share few seconds, and a pager over them.
func drawDated(r *rapid.T) (t datedTable, d Dated) {
	for id := range rapid.IntRange(0, 60).Draw(r, "rows") {
		t.rows = append(t.rows, datedRow{int64(id + 1), rapid.IntRange(0, rapid.SampledFrom([]int{0, 3, 20}).Draw(r, "seconds")).Draw(r, "at")})
	}
	t.repeats = rapid.Bool().Draw(r, "repeats")
	d = Dated{Field: "updated_at", Then: "entity_id", End: at(20), PageSize: rapid.IntRange(1, 20).Draw(r, "page size"), MaxPages: rapid.IntRange(1, 5).Draw(r, "pages")}
	if rapid.Bool().Draw(r, "from") {
		d.Start = at(0)
	}
	if rapid.Bool().Draw(r, "gently") {
		d = d.Starting(1)
	}
	return t, d
}

func TestDated_ReadsEveryRowOfATableAtRest(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		tab, d := drawDated(r)
		tab.lies = rapid.IntRange(-10, 10).Draw(r, "lies")
		read := map[int64]int{}
		for step, done := 0, false; !done; step++ {
			p, ids := tab.ask(r, d.Request())
			next, found, err := d.Next(p, nil)
			if err != nil || step > 400 {
				r.Fatalf("step %d: %v", step, err)
			}
			if number := d.Request().CurrentPage; number > d.MaxPages && !d.second {
				r.Fatalf("asks for page %d", number)
			}
			for _, id := range ids {
				if found.Keep {
					read[id]++
				}
			}
			d, done = next, found.Done
		}
		for _, row := range tab.rows {
			if read[row.id] == 0 {
				r.Fatalf("row %d of second %d was not read", row.id, row.at)
			}
		}
	})
}

func TestDated_LosesNothingWhileTheShopChanges(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		tab, d := drawDated(r)
		tab.lies = rapid.IntRange(0, 10).Draw(r, "lies")
		original, gone, read := slices.Clone(tab.rows), map[int64]bool{}, map[int64]int{}
		last := int64(len(tab.rows))
		for step, done := 0, false; !done; step++ {
			p, ids := tab.ask(r, d.Request())
			next, found, err := d.Next(p, nil)
			var e *Error
			if errors.As(err, &e) && e.Kind == Changing {
				return // and the list is not complete
			}
			if err != nil || step > 600 {
				r.Fatalf("step %d: %v", step, err)
			}
			for _, id := range ids {
				if found.Keep {
					read[id]++
				}
			}
			d, done = next, found.Done
			for range rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(r, "changes") {
				i := rapid.IntRange(0, len(tab.rows)).Draw(r, "which")
				switch {
				case i == len(tab.rows): // added: later than the window
					last++
					tab.rows = append(tab.rows, datedRow{last, 100})
				case rapid.Bool().Draw(r, "touched"): // leaves the window
					gone[tab.rows[i].id] = true
					tab.rows[i].at = 100
				default:
					gone[tab.rows[i].id] = true
					tab.rows = slices.Delete(tab.rows, i, i+1)
				}
			}
		}
		for _, row := range original {
			if !gone[row.id] && read[row.id] == 0 {
				r.Fatalf("row %d of second %d was not read", row.id, row.at)
			}
		}
	})
}

func TestDated_EndsWhateverTheShopAnswers(t *testing.T) {
	kinds := []Kind{ServerError, Gateway, Stalled, TooLarge, PageSizeLimit}
	rapid.Check(t, func(r *rapid.T) {
		d := Dated{Field: "updated_at", Then: "entity_id", PageSize: 3, MaxPages: rapid.IntRange(1, 4).Draw(r, "pages"), Shrink: rapid.IntRange(-1, 2).Draw(r, "shrink")}
		if rapid.Bool().Draw(r, "from") {
			d.Start = at(0)
		}
		if rapid.Bool().Draw(r, "to") {
			d.End = at(12)
		}
		for range 3000 {
			p, failure := anyPage(r), error(nil)
			p.FirstDate, p.LastDate = at(rapid.IntRange(0, 12).Draw(r, "first date")), at(rapid.IntRange(0, 12).Draw(r, "last date"))
			if rapid.Bool().Draw(r, "sensible") && p.Count > 0 {
				p.FirstDate = d.Start
				if p.LastDate.Before(d.Start) {
					p.LastDate = d.Start
				}
			}
			p.InTime, p.Sorted = !p.LastDate.Before(p.FirstDate), rapid.Bool().Draw(r, "sorted")
			if rapid.IntRange(0, 9).Draw(r, "fails") == 0 {
				failure = &Error{Kind: rapid.SampledFrom(kinds).Draw(r, "kind"), Max: 2}
			}
			next, found, err := d.Next(p, failure)
			if found.Done || err != nil {
				return
			}
			d = next
		}
		r.Fatal("no end")
	})
}

func TestDated_SaysWhatIsNotOfItsWindow(t *testing.T) {
	d := Dated{Field: "updated_at", Then: "entity_id", Start: at(5), End: at(9), PageSize: 2}
	for name, p := range map[string]Page{
		"not sorted":               {Count: 2, FirstDate: at(8), LastDate: at(6)},
		"the filter is ignored":    {Count: 2, FirstDate: at(4), LastDate: at(6), InTime: true},
		"the other end is ignored": {Count: 2, FirstDate: at(6), LastDate: at(10), InTime: true},
	} {
		_, found, err := d.Next(p, nil)
		var e *Error
		if !errors.As(err, &e) || e.Kind != NotInOrder || found != (Found{}) {
			t.Errorf("%s: got %+v, %v", name, found, err)
		}
	}
}

func TestDated_MovesTheWindowAndGoesDeeperWithinASecond(t *testing.T) {
	page := func(first, last int64, from, to, total int) Page {
		return Page{Count: 2, FirstID: first, LastID: last, FirstKey: fmt.Sprint(first), LastKey: fmt.Sprint(last), Ascending: first < last, TotalCount: total,
			FirstDate: at(from), LastDate: at(to), InTime: true, Sorted: true}
	}
	d := Dated{Field: "updated_at", Then: "entity_id", Start: at(0), End: at(9), PageSize: 2, MaxPages: 2}
	for i, step := range []struct {
		page       Page
		start, end int // of the next window
		number     int
		keep       bool
	}{
		{page(1, 2, 0, 1, 20), 0, 9, 2, true},
		{page(3, 4, 1, 3, 20), 3, 9, 1, true},   // the second page: the window moves to the last second
		{page(4, 5, 3, 4, 17), 3, 9, 2, true},   // which is read again
		{page(7, 8, 4, 5, 16), 4, 9, 1, false},  // another count: from the last second on
		{page(5, 7, 4, 4, 15), 4, 4, 1, true},   // a page of one second: that second on its own
		{page(5, 7, 4, 4, 5), 4, 4, 2, true},    //
		{page(8, 9, 4, 4, 5), 4, 4, 3, true},    // however deep
		{page(9, 10, 4, 4, 4), 4, 4, 1, false},  // and from its beginning where it changed
		{Page{TotalCount: 0}, 5, 9, 1, false},   // then what is behind it
		{page(20, 21, 5, 6, -1), 5, 9, 2, true}, //
		{page(22, 23, 6, 6, -1), 6, 9, 1, true}, //
	} {
		next, found, err := d.Next(step.page, nil)
		c := next.Request()
		if err != nil || found != (Found{Keep: step.keep}) || c.CurrentPage != step.number ||
			c.Groups[0][0].Value != FormatTime(at(step.start)) || c.Groups[1][0].Value != FormatTime(at(step.end)) {
			t.Fatalf("step %d: %+v, %v, then page %d of %v", i, found, err, c.CurrentPage, c.Groups)
		}
		d = next
	}
}

// A shop that leaves the rows of a second unsorted may sort them otherwise for the next page.
func TestDated_ReadsOnFromTheDateWhereTheRowsOfASecondAreUnsorted(t *testing.T) {
	d := Dated{Field: "updated_at", Then: "entity_id", Start: at(0), PageSize: 3}
	d, found, err := d.Next(Page{Count: 3, FirstID: 2, LastID: 7, FirstDate: at(0), LastDate: at(1), InTime: true, TotalCount: 9}, nil)
	if c := d.Request(); err != nil || !found.Keep || c.CurrentPage != 1 || c.Groups[0][0].Value != FormatTime(at(1)) {
		t.Errorf("got %+v, %v, then %+v", found, err, c)
	}
}

func TestDated_AsksForLessWhereThePageIsTooMuch(t *testing.T) {
	tooLong := &Error{Kind: Gateway, Status: 504}
	for shrink, want := range map[int][]int{0: {10, 5, 2, 1}, 2: {10, 5, 2}, -1: {10}} {
		d, n := Dated{Field: "updated_at", PageSize: 10, Shrink: shrink}, NewNarrow(Keyset{Field: "entity_id", PageSize: 10})
		n.Shrink = shrink
		var sizes, others []int
		for err := error(nil); err == nil; {
			sizes = append(sizes, d.Asking())
			d, _, err = d.Next(Page{}, tooLong)
		}
		for err := error(nil); err == nil; {
			others = append(others, n.Asking())
			n, _, err = n.Next(Page{}, tooLong)
		}
		if !slices.Equal(sizes, want) || !slices.Equal(others, want) {
			t.Errorf("%d halvings: %v and %v, want %v", shrink, sizes, others, want)
		}
	}
	deep := Dated{Field: "updated_at", Start: at(0), PageSize: 2}
	deep, _, _ = deep.Next(Page{Count: 2, FirstID: 1, LastID: 2, FirstDate: at(0), LastDate: at(3), InTime: true, Sorted: true, TotalCount: 9}, nil)
	deep, _, err := deep.Next(Page{}, tooLong)
	if c := deep.Request(); err != nil || c.CurrentPage != 1 || c.PageSize != 2 || c.Groups[0][0].Value != FormatTime(at(3)) {
		t.Errorf("a deep page: %+v, %v", c, err)
	}
	limited, _, err := Dated{PageSize: 1000, Shrink: -1}.Next(Page{}, &Error{Kind: PageSizeLimit, Max: 300})
	if err != nil || limited.Size() != 300 || limited.Request().PageSize != 300 {
		t.Errorf("a limit of 300: %+v, %v", limited, err)
	}
}

func TestReadDatedPage_ReadsTheDatesOfEveryItem(t *testing.T) {
	page, err := ReadDatedPage([]byte(`{"items":[{"id":2,"at":"2026-11-23 12:00:01"},{"id":1,"at":"2026-11-23 12:00:01"},{"id":3,"at":"2026-11-23 12:00:02"}],"total_count":3}`), "id", "at")
	if err != nil || !page.FirstDate.Equal(at(1)) || !page.LastDate.Equal(at(2)) || !page.InTime || page.Sorted || page.Count != 3 {
		t.Errorf("got %+v, %v", page, err)
	}
	for _, body := range []string{`{"items":[{"id":1}]}`, `{"items":[{"id":1,"at":null}]}`, `{"items":[{"id":1,"at":"soon"}]}`} {
		var e *Error
		if _, err := ReadDatedPage([]byte(body), "id", "at"); !errors.As(err, &e) || e.Kind != BadShape {
			t.Errorf("%s: got %v", body, err)
		}
	}
}
