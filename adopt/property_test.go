package adopt

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"magento-optiply/store/storetest"
)

// thing is a product at Optiply, as the matching sees it. An empty text is none.
type thing struct{ id, remote, article, sku string }

// world is everything that can say something about what is which: small, so that much of it collides.
type world struct {
	there    []thing
	here     map[string]string  // SKU by remote id
	state    map[string]string  // Optiply id by remote id
	snapshot map[[2]string]bool // remote id, Optiply id
	bySKU    bool
}

func someWorld(t *rapid.T) world {
	number := func(label string) string { return strconv.Itoa(rapid.IntRange(1, 5).Draw(t, label)) }
	maybe := func(label string) string {
		if rapid.Bool().Draw(t, "has "+label) {
			return number(label)
		}
		return ""
	}
	optiplyID := func() string { return strconv.Itoa(100 + rapid.IntRange(1, 6).Draw(t, "id")) }
	w := world{here: map[string]string{}, state: map[string]string{}, snapshot: map[[2]string]bool{}, bySKU: rapid.Bool().Draw(t, "by sku")}
	for i := range rapid.IntRange(0, 5).Draw(t, "there") {
		w.there = append(w.there, thing{strconv.Itoa(101 + i), maybe("remote"), maybe("article"), maybe("sku")})
	}
	for i, sku := range rapid.Permutation([]string{"1", "2", "3", "4", "5"}).Draw(t, "skus") {
		if rapid.Bool().Draw(t, "here") {
			w.here[strconv.Itoa(i+1)] = sku
		}
	}
	for range rapid.IntRange(0, 4).Draw(t, "known") {
		w.state[number("known")] = optiplyID()
	}
	for range rapid.IntRange(0, 4).Draw(t, "snapshot") {
		w.snapshot[[2]string{number("snapshot"), optiplyID()}] = true
	}
	return w
}

func (w world) lay(t *testing.T, b *storetest.Bench) {
	b.Clear(t)
	null := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	for _, o := range w.there {
		b.Exec(t, `INSERT INTO adopt.there SELECT 'products', ?, NULL, ?, json_object('articleCode', ?::VARCHAR, 'skuCode', ?::VARCHAR)`, o.id, null(o.remote), null(o.article), null(o.sku))
	}
	for r, sku := range w.here {
		b.Exec(t, "INSERT INTO adopt.products_here VALUES (?, ?)", r, sku)
	}
	for r, o := range w.state {
		b.Exec(t, "INSERT INTO state.products (remote_id, optiply_id, run_id, acknowledged_at, change) VALUES (?, ?, 'r', '2026-11-23', 1)", r, o)
	}
	for s := range w.snapshot {
		b.Exec(t, "INSERT INTO adopt.snapshot VALUES ('products', ?, ?, 'f:2')", s[0], s[1])
	}
	b.Exec(t, fmt.Sprintf("SET VARIABLE by_sku = %t", w.bySKU))
	j := Job{conn: b.Conn}
	for _, name := range []string{"110_products_there", "210_evidence", "220_pairs", "320_unadopted"} {
		if err := j.run(t.Context(), b.Conn, name); err != nil {
			t.Fatal(err)
		}
	}
}

// told is what ids say: of one at Optiply which remote ids it is, of a remote id which at Optiply it is.
func (w world) told(o thing) (remote []string) {
	for r, id := range w.state {
		if id == o.id {
			remote = append(remote, r)
		}
	}
	for s := range w.snapshot {
		if s[1] == o.id {
			remote = append(remote, s[0])
		}
	}
	if o.remote != "" {
		remote = append(remote, o.remote)
	}
	slices.Sort(remote)
	return slices.Compact(remote)
}

// TestMatch_NeverGuesses compares every match with a plain reading of the rules: nothing that is known about either side
// may say otherwise. And nothing that is left over may be created a second time.
func TestMatch_NeverGuesses(t *testing.T) {
	b := goldenBench(t)
	rapid.Check(t, func(rt *rapid.T) {
		w := someWorld(rt)
		w.lay(t, b)
		matched := map[string]string{} // Optiply id by remote id
		taken := map[string]bool{}
		for _, row := range rowsOf(t, b, "SELECT remote_id, optiply_id FROM adopt.pairs WHERE verdict = 'matched'") {
			if _, twice := matched[row[0]]; twice || taken[row[1]] {
				rt.Fatalf("%v is matched twice", row)
			}
			matched[row[0]], taken[row[1]] = row[1], true
		}
		claimed := map[string]bool{}
		for _, row := range rowsOf(t, b, "SELECT coalesce(remote_id, ''), optiply_id FROM adopt.unadopted") {
			claimed[row[0]+" "+row[1]] = true
		}
		for r, id := range matched {
			if why := w.objection(r, id); why != "" {
				rt.Fatalf("%s is matched with %s, although %s\n%+v", r, id, why, w)
			}
		}
		for _, o := range w.there {
			// What has the id of a product that nobody is known to be must hold its create.
			for _, r := range append(w.told(o), o.article) {
				_, known := w.state[r]
				if r == "" || known || matched[r] != "" || taken[o.id] || r == o.article && len(w.told(o)) > 0 && !slices.Contains(w.told(o), r) {
					continue
				}
				if !claimed[r+" "+o.id] {
					rt.Fatalf("%s may be %s at Optiply, and its create is not held\n%+v", r, o.id, w)
				}
			}
		}
	})
}

// objection says what speaks against a match.
func (w world) objection(r, id string) string {
	var o thing
	var mapped, chosen, sameArticle, sameSKU []string
	for _, other := range w.there {
		if other.id == id {
			o = other
		}
		if other.remote == r {
			mapped = append(mapped, other.id)
		}
		if told := w.told(other); len(told) == 0 && other.article == r {
			sameArticle = append(sameArticle, other.id)
		} else if len(told) == 0 && other.sku != "" && other.sku == w.here[r] {
			sameSKU = append(sameSKU, other.id)
		}
		if w.state[r] == other.id || w.snapshot[[2]string{r, other.id}] {
			chosen = append(chosen, other.id)
		}
	}
	told := w.told(o)
	switch {
	case len(told) > 1 || len(told) == 1 && told[0] != r:
		return fmt.Sprintf("it is told to be %v", told)
	case len(told) == 1:
		switch {
		case len(chosen) > 1:
			return fmt.Sprintf("%v were chosen", chosen)
		case len(chosen) == 1 && (chosen[0] != id || len(mapped) > 0 && !slices.Contains(mapped, id)):
			return fmt.Sprintf("%v was chosen, and remoteIdMap says %v", chosen, mapped)
		case len(chosen) == 0 && len(mapped) > 1:
			return fmt.Sprintf("remoteIdMap says %v", mapped)
		}
		return ""
	case len(mapped) > 0 || len(chosen) > 0:
		return "another is told to be it"
	}
	for other, sku := range w.here {
		if other != r && (sku == o.sku || other == o.article) {
			return other + " looks like it too"
		}
	}
	if o.article == r {
		if len(sameArticle) > 1 {
			return "its article code is there twice"
		}
		return ""
	}
	if !w.bySKU || o.sku != w.here[r] || len(sameArticle) > 0 || len(sameSKU) > 1 {
		return "its SKU does not tell"
	}
	return ""
}

func rowsOf(t *testing.T, b *storetest.Bench, query string) (list [][2]string) {
	t.Helper()
	rows, err := b.Conn.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var row [2]string
		if err := rows.Scan(&row[0], &row[1]); err != nil {
			t.Fatal(err)
		}
		list = append(list, row)
	}
	return list
}
