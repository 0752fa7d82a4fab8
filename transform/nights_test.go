package transform_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"magento-optiply/store/storetest"
)

// someNight is one night of a shop whose products come and go, and what the run could read of it.
type someNight struct {
	full     bool
	listed   []int        // what the listing shows, of what is there
	complete bool         // the listing can be proven to be whole
	looks    map[int]bool // the second look: whether it was found; not in it: it could not be asked for
	whole    bool         // the second look came to everything that seems to be gone
}

// drawNight draws what a run reads of the products that are there.
func drawNight(rt *rapid.T, there map[int]bool, products int) someNight {
	n := someNight{full: rapid.IntRange(0, 4).Draw(rt, "full") > 0, complete: true, looks: map[int]bool{}, whole: true}
	hidden, unasked := map[int]bool{}, map[int]bool{}
	switch trouble := rapid.SampledFrom([]string{"", "", "", "quarantined", "no product", "left a store", "second look failed"}).Draw(rt, "trouble"); trouble {
	case "quarantined": // the page is read around a record, and the shop counts it
		n.complete = false
		hidden[rapid.IntRange(0, products-1).Draw(rt, "quarantined")] = true
	case "no product": // an empty store view
		for id := range products {
			hidden[id] = true
		}
		n.complete = rapid.Bool().Draw(rt, "and counts none")
	case "left a store": // the listing of the stores is whole, and the product is in the shop
		for id := range products {
			hidden[id] = rapid.IntRange(0, 9).Draw(rt, "left") == 0
		}
	case "second look failed":
		for id := range products {
			unasked[id] = rapid.Bool().Draw(rt, "not asked for")
		}
	}
	for id := range products {
		switch {
		case there[id] && !hidden[id]:
			if n.full || rapid.Bool().Draw(rt, "changed") {
				n.listed = append(n.listed, id)
			}
		case unasked[id]:
			n.whole = false
		default:
			n.looks[id] = there[id]
		}
	}
	return n
}

// run works out the changes of a night, with the permission to disable as many as allow says, and has Optiply take them.
func (n someNight) run(t *testing.T, b *storetest.Bench, allow int) {
	t.Helper()
	b.Set(t, "run.allow_deletions", fmt.Sprint(allow))
	b.Exec(t, "UPDATE run.info SET products_full = ?", n.full)
	b.Exec(t, "DELETE FROM stage.products; DELETE FROM run.second_look; DELETE FROM run.coverage")
	var listed, looks []string
	for _, id := range n.listed {
		listed = append(listed, fmt.Sprintf("(%d, 'S%d', 'N%d', 1, 1, 'virtual')", id, id, id))
	}
	for id, found := range n.looks {
		looks = append(looks, fmt.Sprintf("('%d', %t, TIMESTAMP '2026-11-24 02:00:00')", id, found))
	}
	slices.Sort(looks)
	insert(t, b, "stage.products (product_id, sku, name, price, status, type_id)", listed)
	insert(t, b, "run.second_look", looks)
	if n.full {
		b.Exec(t, "INSERT INTO run.coverage VALUES ('products', '', ?, ?, ?, NULL)", n.complete, len(listed), len(listed))
	}
	sqlFiles(t, b, "000_settings", "220_model_products", "310_diff_deletions", "320_diff_products")
	b.Exec(t, "CREATE OR REPLACE TEMP TABLE evening AS FROM before.products")
	b.Exec(t, apply)
}

// Over any row of nights, whatever is missing in which of them: what is in the shop is never disabled, every product that seems to
// be gone has a verdict with its reason, a product that comes back is enabled under the id it had, and what stays gone is disabled.
func TestDeletions_OverConsecutiveNights(t *testing.T) {
	b := bench(t)
	check(t, func(rt *rapid.T) {
		b.Clear(t)
		b.Set(t, "sync.sync_product_deletions", "true")
		products := rapid.IntRange(1, 30).Draw(rt, "products")
		there := map[int]bool{}
		first := someNight{full: true, complete: true, whole: true}
		for id := range products {
			there[id] = true
			first.listed = append(first.listed, id)
		}
		first.run(t, b, 0)
		b.Exec(t, "CREATE OR REPLACE TEMP TABLE first AS FROM before.products")
		for i := range rapid.IntRange(1, 6).Draw(rt, "nights") {
			for id := range products {
				if rapid.IntRange(0, 4).Draw(rt, "moves") == 0 {
					there[id] = !there[id]
				}
			}
			n := drawNight(rt, there, products)
			n.run(t, b, rapid.SampledFrom([]int{0, 0, 30}).Draw(rt, "allow"))
			if wrong := wrongNight(t, b, n, there); wrong != "" {
				rt.Errorf("night %d (%+v, there %v): %s", i+2, n, there, wrong)
			}
		}
		last := someNight{full: true, complete: true, looks: map[int]bool{}, whole: true}
		for id := range products {
			if there[id] {
				last.listed = append(last.listed, id)
			} else {
				last.looks[id] = false
			}
		}
		last.run(t, b, products)
		if len(last.listed) == 0 { // a shop without products proves nothing
			return
		}
		for id, is := range there {
			want := map[bool]string{true: "enabled", false: "disabled"}[is]
			if got := rows(t, b, fmt.Sprintf("SELECT b.status FROM before.products b JOIN first f USING (remote_id, optiply_id) WHERE remote_id = '%d'", id)); len(got) != 1 || got[0] != want {
				rt.Errorf("product %d is %q at the end, want it %s under the id it had", id, got, want)
			}
		}
	})
}

// wrongNight says what a night did that it must not; empty where it did nothing.
func wrongNight(t *testing.T, b *storetest.Bench, n someNight, there map[int]bool) string {
	t.Helper()
	for _, id := range rows(t, b, "SELECT remote_id FROM diff.products WHERE op = 'disable'") {
		var product int
		if _, err := fmt.Sscan(id, &product); err != nil {
			t.Fatal(err)
		}
		if there[product] {
			return "product " + id + " is in the shop, and is disabled"
		}
		if !n.full || !n.complete || !n.whole && len(unlooked(t, b)) > 0 || len(n.listed) == 0 {
			return "product " + id + " is disabled without proof"
		}
	}
	if wrong := rows(t, b, `SELECT e.remote_id, d.verdict, d.reason FROM evening e LEFT JOIN diff.deletions d USING (remote_id) LEFT JOIN stage.products p ON p.product_id::VARCHAR = e.remote_id
		WHERE (e.status = 'enabled' AND p.product_id IS NULL AND getvariable('products_full')) <> coalesce(d.verdict IN ('disable', 'held', 'kept') AND d.reason <> '', false)`); len(wrong) > 0 {
		return "verdicts that are missing or too many:\n" + strings.Join(wrong, "\n")
	}
	if wrong := rows(t, b, "SELECT p.product_id FROM stage.products p LEFT JOIN before.products b ON b.remote_id = p.product_id::VARCHAR LEFT JOIN first f USING (remote_id, optiply_id) WHERE b.status IS DISTINCT FROM 'enabled' OR f.remote_id IS NULL"); len(wrong) > 0 {
		return "products of the listing that are not enabled under the id they had: " + strings.Join(wrong, " ")
	}
	return ""
}

// unlooked are the products that seem to be gone and could not be asked for.
func unlooked(t *testing.T, b *storetest.Bench) []string {
	t.Helper()
	return rows(t, b, "SELECT remote_id FROM diff.deletions WHERE remote_id NOT IN (SELECT remote_id FROM run.second_look)")
}
