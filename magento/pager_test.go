package magento

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// table is a shop's table in the order of its ids, as a list endpoint sees it.
type table struct {
	ids []int64
	// repeats is true of Magento before 2.4: a page past the end is the last.
	repeats bool
	// lies is added to total_count.
	lies int
}

// ask answers criteria as Magento does: filters gt and lteq on the id, page
// size, page.
func (t table) ask(tb fataler, c Criteria) Page {
	var rows []int64
	for _, id := range t.ids {
		if passes(tb, id, c.Groups) {
			rows = append(rows, id)
		}
	}
	page := c.CurrentPage
	if last := (len(rows) + c.PageSize - 1) / c.PageSize; t.repeats {
		page = max(1, min(page, last))
	}
	from := min((page-1)*c.PageSize, len(rows))
	items := []map[string]int64{}
	for _, id := range rows[from:min(from+c.PageSize, len(rows))] {
		items = append(items, map[string]int64{"entity_id": id})
	}
	body, err := json.Marshal(map[string]any{"items": items, "total_count": max(0, len(rows)+t.lies)})
	if err != nil {
		tb.Fatal(err)
	}
	p, err := ReadPage(body, "entity_id")
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

type fataler interface{ Fatal(...any) }

func passes(tb fataler, id int64, groups [][]Filter) bool {
	for _, g := range groups {
		bound, err := strconv.ParseInt(g[0].Value, 10, 64)
		if err != nil || g[0].Field != "entity_id" || len(g) != 1 {
			tb.Fatal("a filter that this table does not know: ", g)
		}
		switch g[0].Condition {
		case Gt:
			if id <= bound {
				return false
			}
		case LtEq:
			if id > bound {
				return false
			}
		default:
			tb.Fatal("a condition that this table does not know: ", g)
		}
	}
	return true
}

// change deletes and adds rows, as people in a shop do between two requests.
func (t *table) change(r *rapid.T, removed map[int64]bool, next *int64) {
	for range rapid.IntRange(0, 4).Draw(r, "deletions") {
		if len(t.ids) > 0 {
			i := rapid.IntRange(0, len(t.ids)-1).Draw(r, "victim")
			removed[t.ids[i]] = true
			t.ids = slices.Delete(t.ids, i, i+1)
		}
	}
	for range rapid.IntRange(0, 2).Draw(r, "additions") {
		*next += int64(rapid.IntRange(1, 5).Draw(r, "gap"))
		t.ids = append(t.ids, *next)
	}
}

func drawTable(r *rapid.T) (table, int64) {
	var t table
	last := int64(0)
	for range rapid.IntRange(0, 60).Draw(r, "rows") {
		last += int64(rapid.IntRange(1, 5).Draw(r, "gap"))
		t.ids = append(t.ids, last)
	}
	t.repeats = rapid.Bool().Draw(r, "repeats")
	t.lies = rapid.IntRange(-10, 10).Draw(r, "lies")
	return t, last
}

// seen collects the ids of a table that a page covers: all between its ends.
func (t table) seen(read map[int64]int, p Page) {
	for _, id := range t.ids {
		if p.Count > 0 && id >= p.FirstID && id <= p.LastID {
			read[id]++
		}
	}
}

func TestKeyset_ReadsEveryRowThatStaysExactlyOnce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		tab, last := drawTable(r)
		original, removed, read := slices.Clone(tab.ids), map[int64]bool{}, map[int64]int{}
		k := Keyset{Field: "entity_id"}
		for step, done := 0, false; !done; step++ {
			if step > 500 {
				r.Fatal("no end")
			}
			k.PageSize = rapid.IntRange(1, 20).Draw(r, "page size") // it may shrink on the way
			p := tab.ask(r, k.Request())
			tab.seen(read, p)
			var err error
			if k, done, err = k.Next(p); err != nil {
				r.Fatal(err)
			}
			if step < 100 {
				tab.change(r, removed, &last)
			}
		}
		for _, id := range original {
			if !removed[id] && read[id] != 1 {
				r.Fatalf("row %d was read %d times", id, read[id])
			}
		}
	})
}

func TestKeyset_RangesShareTheTable(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		tab, last := drawTable(r)
		bounds := rapid.SliceOfN(rapid.Int64Range(1, last+5), 0, 4).Draw(r, "bounds")
		slices.Sort(bounds)
		bounds = append(slices.Compact(bounds), 0) // the last range is open
		read, after := map[int64]int{}, int64(0)
		for _, upto := range bounds {
			k := Keyset{Field: "entity_id", After: after, Upto: upto, PageSize: rapid.IntRange(1, 7).Draw(r, "page size")}
			for done := false; !done; {
				p := tab.ask(r, k.Request())
				tab.seen(read, p)
				var err error
				if k, done, err = k.Next(p); err != nil {
					r.Fatal(err)
				}
			}
			after = upto
		}
		for _, id := range tab.ids {
			if read[id] != 1 {
				r.Fatalf("row %d was read %d times", id, read[id])
			}
		}
	})
}

// anyPage is a page such as no shop should send.
func anyPage(r *rapid.T) Page {
	return Page{
		Count: rapid.IntRange(0, 5).Draw(r, "count"), TotalCount: rapid.IntRange(-1, 20).Draw(r, "total"),
		FirstID: rapid.Int64Range(-1, 30).Draw(r, "first"), LastID: rapid.Int64Range(-1, 30).Draw(r, "last"),
		FirstKey: rapid.StringMatching("[ab]?").Draw(r, "first key"), LastKey: rapid.StringMatching("[ab]?").Draw(r, "last key"),
		Ascending: rapid.Bool().Draw(r, "ascending"),
	}
}

func TestKeyset_EndsWhateverTheShopAnswers(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		k := Keyset{Field: "entity_id", PageSize: 3, Upto: rapid.Int64Range(0, 20).Draw(r, "upto")}
		for range 40 {
			next, done, err := k.Next(anyPage(r))
			if done || err != nil {
				return
			}
			if next.After <= k.After {
				r.Fatalf("no progress: %d, then %d", k.After, next.After)
			}
			k = next
		}
		r.Fatal("no end although ids end at 30")
	})
}

func TestKeyset_RefusesAPageThatDoesNotFollow(t *testing.T) {
	k := Keyset{Field: "entity_id", After: 10, Upto: 20, PageSize: 2}
	for name, p := range map[string]Page{
		"the filter is ignored":    {Count: 2, FirstID: 1, LastID: 12, Ascending: true, TotalCount: 100},
		"the same page once more":  {Count: 2, FirstID: 9, LastID: 10, Ascending: true, TotalCount: 100},
		"the sort is ignored":      {Count: 3, FirstID: 11, LastID: 12, TotalCount: 100},
		"the range is ignored":     {Count: 2, FirstID: 19, LastID: 21, Ascending: true, TotalCount: 100},
		"no ids (Page without id)": {Count: 2, Ascending: true},
	} {
		next, done, err := k.Next(p)
		var e *Error
		if !errors.As(err, &e) || e.Kind != NotInOrder || done || next.After != 10 {
			t.Errorf("%s: got %+v, %v, %v", name, next, done, err)
		}
	}
}

func TestKeyset_GoesOnAfterAShortPageWithMoreBehind(t *testing.T) {
	k := Keyset{Field: "entity_id", PageSize: 10}
	next, done, err := k.Next(Page{Count: 7, FirstID: 1, LastID: 10, Ascending: true, TotalCount: 25})
	if done || err != nil || next.After != 10 {
		t.Errorf("got %+v, %v, %v", next, done, err)
	}
	for _, total := range []int{7, -1, 0} {
		if _, done, _ := k.Next(Page{Count: 7, FirstID: 1, LastID: 10, Ascending: true, TotalCount: total}); !done {
			t.Errorf("total %d: goes on", total)
		}
	}
}

func TestKeyset_KeepsTheFiltersAndFieldsItWasGiven(t *testing.T) {
	base := Criteria{Fields: "items[id]", CurrentPage: 9, PageSize: 9}.Where(Filter{"status", Eq, "1"}).OrderBy("sku", true)
	got := Keyset{Field: "entity_id", Base: base, After: 5, Upto: 9}.Request()
	if got.CurrentPage != 1 || got.PageSize != defaultPageSize || got.Fields != "items[id]" || len(got.Groups) != 3 ||
		!slices.Equal(got.SortOrders, []SortOrder{{Field: "entity_id"}}) || got.Groups[0][0].Field != "status" {
		t.Errorf("got %+v", got)
	}
}

func TestPageNumber_ReadsEveryRowOfATableAtRestOnce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		tab, _ := drawTable(r)
		read := map[int64]int{}
		n := PageNumber{PageSize: rapid.IntRange(1, 20).Draw(r, "page size"), MaxPages: 100}
		for step, s := 0, MorePages; s == MorePages; step++ {
			p := tab.ask(r, n.Request())
			if n, s = n.Next(p); s != RepeatedPage {
				tab.seen(read, p)
			}
			if s == WindowFull || step > 62 {
				r.Fatalf("step %v after %d pages", s, step)
			}
		}
		for _, id := range tab.ids {
			if read[id] != 1 {
				r.Fatalf("row %d was read %d times", id, read[id])
			}
		}
	})
}

func TestPageNumber_EndsWhateverTheShopAnswers(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := PageNumber{PageSize: 3, MaxPages: rapid.IntRange(1, 10).Draw(r, "pages"), CutFrom: rapid.IntRange(0, 30).Draw(r, "cut from")}
		most := max(n.MaxPages, (n.CutFrom+2)/3)
		for step := 1; ; step++ {
			var s Step
			if n, s = n.Next(anyPage(r)); s.Done() {
				return
			}
			if step >= most {
				r.Fatalf("asks for page %d of %d", n.Page, most)
			}
		}
	})
}

func TestPageNumber_SaysWhyItEnds(t *testing.T) {
	page := func(count, total int, key string) Page {
		return Page{Count: count, TotalCount: total, FirstKey: key, LastKey: key}
	}
	for _, test := range []struct {
		name  string
		pager PageNumber
		pages []Page
		want  Step
	}{
		{"a short page", PageNumber{PageSize: 2}, []Page{page(2, 3, "a"), page(1, 3, "b")}, LastPage},
		{"an empty page, total unknown", PageNumber{PageSize: 2}, []Page{page(2, -1, "a"), page(0, -1, "")}, LastPage},
		{"a full page and nothing behind it", PageNumber{PageSize: 2}, []Page{page(2, 4, "a"), page(2, 4, "b"), page(0, 4, "")}, LastPage},
		{"a short page with more behind it", PageNumber{PageSize: 2}, []Page{page(1, 4, "a"), page(2, 4, "b"), page(0, 4, "")}, LastPage},
		{"a total that is contradicted", PageNumber{PageSize: 2}, []Page{page(2, 1, "a"), page(2, 1, "b"), page(0, 1, "")}, LastPage},
		{"Magento 2.3 repeats its last page", PageNumber{PageSize: 2}, []Page{page(2, -1, "a"), page(2, -1, "b"), page(2, -1, "b")}, RepeatedPage},
		{"too many pages", PageNumber{PageSize: 2, MaxPages: 2}, []Page{page(2, 9, "a"), page(2, 9, "b")}, WindowFull},
		{"pages cut from six products", PageNumber{PageSize: 2, CutFrom: 6}, []Page{page(1, 1, "a"), page(0, 0, ""), page(2, 2, "b")}, LastPage},
		{"an empty table", PageNumber{}, []Page{page(0, 0, "")}, LastPage},
	} {
		n, got := test.pager, MorePages
		for i, p := range test.pages {
			if got != MorePages {
				t.Errorf("%s: ended before page %d", test.name, i+1)
			}
			if want := i + 1; n.Request().CurrentPage != want {
				t.Errorf("%s: asks for page %d, want %d", test.name, n.Request().CurrentPage, want)
			}
			n, got = n.Next(p)
		}
		if got != test.want {
			t.Errorf("%s: got step %d, want %d", test.name, got, test.want)
		}
	}
}

func TestReadPage_KnowsEveryShapeOfAList(t *testing.T) {
	for body, want := range map[string]Page{
		`{"items":[{"entity_id":3},{"entity_id":5}],"total_count":9}`:           {Count: 2, FirstID: 3, LastID: 5, Ascending: true, FirstKey: "3", LastKey: "5", TotalCount: 9},
		`{"items":[{"entity_id":"3"},{"entity_id":3}],"search_criteria":null}`:  {Count: 2, FirstID: 3, LastID: 3, Ascending: true, FirstKey: "3", LastKey: "3", TotalCount: -1},
		`{"items":[{"x":{"entity_id":1},"entity_id":6},{"entity_id":5}]}`:       {Count: 2, FirstID: 6, LastID: 5, FirstKey: "6", LastKey: "5", TotalCount: -1},
		`{"items":null,"total_count":1215}`:                                     {Ascending: true, TotalCount: 1215},
		`{"items":[],"search_criteria":{},"total_count":0}`:                     {Ascending: true},
		`{"items":[],"message":"as a field of a listing this means nothing"}`:   {Ascending: true, TotalCount: -1},
		` {"total_count":1,"items":[{"entity_id":9007199254740993,"a":[{}]}]} `: {Count: 1, FirstID: 9007199254740993, LastID: 9007199254740993, Ascending: true, FirstKey: "9007199254740993", LastKey: "9007199254740993", TotalCount: 1},
	} {
		if got, err := ReadPage([]byte(body), "entity_id"); err != nil || got != want {
			t.Errorf("%s:\ngot  %+v, %v\nwant %+v", body, got, err, want)
		}
	}
	a, _ := ReadPage([]byte(`{"items":[{"sku":"a"},{"sku":"b"}]}`), "")
	b, _ := ReadPage([]byte(`{"items":[{"sku":"a"},{"sku":"c"}]}`), "")
	if a.FirstKey == "" || a.FirstKey != b.FirstKey || a.LastKey == b.LastKey {
		t.Errorf("items without an id are not told apart: %+v, %+v", a, b)
	}
}

func TestReadPage_SaysWhatIsNoList(t *testing.T) {
	for body, want := range map[string]Kind{
		`{"message":"%1 is gone","parameters":["it"]}`: MessageOnly,
		`[]`: BadShape, `"token"`: BadShape, `{}`: BadShape, `null`: BadShape, `{"items":{}}`: BadShape, `{"items":[[],[]]}`: BadShape,
		`{"items":[{"id":1}]}`: BadShape, `{"items":[{"entity_id":1.5}]}`: BadShape, `{"items":[{"entity_id":null}]}`: BadShape,
		``: BadJSON, `{"items":[{"entity_id":1},{"ent`: BadJSON, `{"items":[]}x`: BadJSON, `<html>`: BadJSON,
	} {
		_, err := ReadPage([]byte(body), "entity_id")
		var e *Error
		if !errors.As(err, &e) || e.Kind != want {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
}

func FuzzReadPage(f *testing.F) {
	for _, seed := range []string{`{"items":[{"id":1}],"total_count":1}`, `{"items":null}`, `[]`, `{"message":"x"}`, `{"items":[[]]}`, `{"items":[{"id":"`, `{"ITEMS":[{"id":7}]}`} {
		f.Add([]byte(seed), "id")
		f.Add([]byte(seed), "")
	}
	f.Fuzz(func(t *testing.T, body []byte, field string) {
		p, err := ReadPage(body, field)
		var e *Error
		switch {
		case err != nil && !errors.As(err, &e):
			t.Fatalf("not an *Error: %v", err)
		case err == nil && !json.Valid(body):
			t.Fatal("accepted what is no JSON")
		case err == nil && (p.Count < 0 || p.Count > 0 && p.LastKey == ""):
			t.Fatalf("a page that no pager can use: %+v", p)
		}
	})
}

// TestMember_FindsWhatADecoderFinds draws objects of objects, with names and
// strings that hold quotes, brackets and backslashes.
func TestMember_FindsWhatADecoderFinds(t *testing.T) {
	name := rapid.SampledFrom([]string{"id", "entity_id", "x", "[", "}", ",", ":", "a b"})
	leaf := rapid.OneOf(
		rapid.Map(rapid.Int64(), func(n int64) any { return n }),
		rapid.Map(rapid.StringMatching(`[\[\]{}",:\\ a]{0,6}`), func(s string) any { return s }),
		rapid.Just(any(nil)), rapid.Just(any([]any{})), rapid.Just(any(map[string]any{})),
	)
	inner := rapid.Map(rapid.MapOf(name, leaf), func(m map[string]any) any { return m })
	list := rapid.Map(rapid.SliceOf(inner), func(l []any) any { return l })
	object := rapid.MapOf(name, rapid.OneOf(leaf, inner, list))
	rapid.Check(t, func(r *rapid.T) {
		raw, err := json.MarshalIndent(object.Draw(r, "object"), "", rapid.SampledFrom([]string{"", "\t"}).Draw(r, "indent"))
		if err != nil {
			r.Fatal(err)
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(raw, &want); err != nil {
			r.Fatal(err)
		}
		key := name.Draw(r, "key")
		got, ok := member(raw, key)
		if _, there := want[key]; ok != there || string(got) != string(want[key]) {
			r.Fatalf("%s of %s: got %s, want %s", key, raw, got, want[key])
		}
	})
}

func TestReadKeyedPage_TellsThatARowCameTwice(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{"items":[{"id":1},{"id":2},{"id":3}]}`: false, `{"items":[{"id":1},{"id":2},{"id":"2"}]}`: true, `{"items":[{"id":0}]}`: false,
		`{"items":[{"id":4},{"id":4},{"id":5}],"Total_Count":3}`: true, // which is decoded
	} {
		if p, err := ReadKeyedPage([]byte(body), "id"); err != nil || p.Repeats != want || !p.Ascending {
			t.Errorf("%s: got %+v, %v", body, p, err)
		}
	}
}

func BenchmarkReadPage(b *testing.B) {
	items := make([]map[string]any, 300)
	for i := range items {
		item := map[string]any{"entity_id": i + 1}
		for j := range 40 {
			item[fmt.Sprintf("field_%d", j)] = "some value of a field"
		}
		items[i] = item
	}
	body, err := json.Marshal(map[string]any{"items": items, "total_count": 300})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := ReadPage(body, "entity_id"); err != nil {
			b.Fatal(err)
		}
	}
}
