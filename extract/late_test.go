package extract_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"magento-optiply/extract"
	"magento-optiply/magento"
	"magento-optiply/magento/magentotest"
)

// version is one state of a row. Its updated_at is when it was written; it can be read when its transaction ends.
type version struct {
	id                 int
	updated, committed time.Time
}

// fewChecks is rapid.Check with fewer tries than its hundred, since each is several nights; -rapid.checks asks for more.
func fewChecks(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := flag.Set("rapid.checks", "5"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = flag.Set("rapid.checks", f.DefValue) }()
	}
	rapid.Check(t, property)
}

// drawNights are the times, by the shop's clock, at which it is read.
func drawNights(rt *rapid.T) []time.Time {
	nights := []time.Time{night}
	for range rapid.IntRange(2, 4).Draw(rt, "nights") {
		pause := rapid.SampledFrom([]time.Duration{time.Second, 5 * time.Minute, 11 * time.Minute, time.Hour, 24 * time.Hour}).Draw(rt, "pause")
		nights = append(nights, nights[len(nights)-1].Add(pause))
	}
	return nights
}

// drawVersions writes rows near the ends of the windows, to the second, and commits them late: up to as late as overlap and
// lag allow for, since those are the promise.
func drawVersions(rt *rapid.T, nights []time.Time, overlap, lag time.Duration) []version {
	edges := []time.Duration{-overlap - lag, -overlap - 1*time.Second, -overlap, -lag - time.Second, -lag, -lag + time.Second, -time.Second, 0}
	delays := []time.Duration{0, time.Second, lag, overlap, overlap + lag}
	var all []version
	for id := 1; id <= 6; id++ {
		var last version
		for range rapid.IntRange(1, 4).Draw(rt, "versions") {
			at := nights[rapid.IntRange(0, len(nights)-1).Draw(rt, "night")].Add(rapid.SampledFrom(edges).Draw(rt, "edge"))
			v := version{id, at, at.Add(rapid.SampledFrom(delays).Draw(rt, "delay"))}
			// A row is locked while it is written, so that its versions come one after the other.
			if !v.updated.After(last.updated) || v.updated.Before(last.committed) {
				continue
			}
			all, last = append(all, v), v
		}
	}
	return all
}

// visible is the version of each row that can be read at a time.
func visible(all []version, at time.Time) map[int]version {
	now := map[int]version{}
	for _, v := range all {
		if !v.committed.After(at) {
			now[v.id] = v
		}
	}
	return now
}

// Whatever is written in whatever second, and committed as late as overlap and lag allow for: each night a bookmark passes
// nothing that was not staged, and in the end everything is. Some nights end before the load does, so that no bookmark moves;
// rows are committed between two requests too; and our clock is not the shop's.
func TestExtract_LateCommitsAndTheSecondOfTheBookmarkAreNotLost(t *testing.T) {
	t.Parallel()
	fewChecks(t, func(rt *rapid.T) {
		r := newRig(t, magentotest.Options{})
		r.cfg.Magento.FullEvery = 10_000 * time.Hour // once
		r.cfg.Magento.PageSize = 2
		m := r.cfg.Magento
		nights := drawNights(rt)
		all := drawVersions(rt, nights, m.Overlap, m.Lag)
		nights = append(nights, nights[len(nights)-1].Add(m.Overlap+2*m.Lag)) // one more, when all is committed
		skew := rapid.SampledFrom([]time.Duration{0, -3 * time.Hour, 3 * time.Hour, 90 * time.Second}).Draw(rt, "skew")
		shows := func(at time.Time) {
			for id, v := range visible(all, at) {
				r.product(id, fmt.Sprintf("P%d", id), v.updated)
				r.order(id, v.updated, id)
			}
		}
		staged := map[string]bool{}
		var e *extraction
		for i, at := range nights {
			r.now = at.Add(skew)
			r.shop.SetNow(at)
			shows(at)
			// While it is read, more is committed.
			remove := r.server.AddFault(magentotest.Fault{Prefix: "/V1/orders", After: 1, Times: 1, Between: func(int) { shows(at.Add(time.Second)) }})
			if e == nil {
				e = r.begin(extract.Parts{Products: true, SellOrders: true})
			} else {
				e.again()
			}
			e.must()
			remove()
			if i < len(nights)-1 && rapid.IntRange(0, 3).Draw(rt, "load fails") == 0 {
				continue
			}
			mark := e.loaded()
			for _, key := range e.column(`SELECT 'products ' || key || ' ' || (item ->> 'updated_at') FROM raw.products UNION SELECT 'orders ' || key || ' ' || (item ->> 'updated_at') FROM raw.orders`) {
				staged[key] = true
			}
			for id, v := range visible(all, at.Add(time.Second)) {
				if v.committed.After(at) {
					continue // it may have come too late for this night, and has taken an older version away from it
				}
				for _, stream := range []string{"products", "orders"} {
					if key := fmt.Sprintf("%s %d %s", stream, id, magento.FormatTime(v.updated)); !staged[key] && !v.updated.After(mark[stream]) {
						rt.Fatalf("night %d at %v: the bookmark %v of %s has passed %s, committed %v, which was not staged", i, at, mark[stream], stream, key, v.committed)
					}
				}
			}
		}
		for id, v := range visible(all, nights[len(nights)-1]) {
			for _, stream := range []string{"products", "orders"} {
				if key := fmt.Sprintf("%s %d %s", stream, id, magento.FormatTime(v.updated)); !staged[key] {
					rt.Fatalf("%s, committed %v, was staged by no run of %v", key, v.committed, nights)
				}
			}
		}
		e.close()
	})
}

// again empties the run file for another night, because making a new one takes longer than filling it.
func (e *extraction) again() {
	e.t.Helper()
	for _, table := range []string{"run.pages", "run.ranges", "run.streams", "run.coverage", "run.issues", "run.stock_misses", "run.second_look"} {
		e.exec("DELETE FROM " + table)
	}
	e.exec("UPDATE run.info SET shop_now = NULL, products_full = NULL, extracted_at = NULL")
	if err := e.run.CopyBefore(e.t.Context(), e.now); err != nil {
		e.t.Fatal(err)
	}
}

// loaded moves the bookmarks as a load does at its end: for the windows that are complete. It returns where they are.
func (e *extraction) loaded() map[string]time.Time {
	e.t.Helper()
	e.exec(`INSERT INTO state.bookmarks
		SELECT stream, store_code, window_end, '20261101T000000Z', window_end FROM run.streams WHERE complete AND part IN ('full', 'window') AND stream IN ('products', 'orders')
		UNION ALL
		SELECT 'products_full', store_code, shop_now, '20261101T000000Z', shop_now FROM run.streams, run.info WHERE complete AND stream = 'products' AND part = 'full'
		ON CONFLICT (stream, store_code) DO UPDATE SET value = greatest(value, excluded.value)`)
	marks := map[string]time.Time{}
	for _, row := range e.column("SELECT stream || ' ' || strftime(value, '%Y-%m-%dT%H:%M:%SZ') FROM state.bookmarks") {
		stream, text, _ := strings.Cut(row, " ")
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			e.t.Fatal(err)
		}
		marks[stream] = at
	}
	if !slices.Contains(e.column("SELECT DISTINCT stream FROM state.bookmarks"), "orders") {
		e.t.Fatal("no bookmark of the orders")
	}
	return marks
}
