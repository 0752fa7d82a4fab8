package adopt

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"magento-optiply/optiply"
)

func TestSampleOf_SeesAllInAsManyDaysAsThereAreSamples(t *testing.T) {
	first := time.Date(2026, 11, 24, 2, 0, 0, 0, time.UTC)
	for percent, want := range map[float64]int{100: 1, 50: 2, 5: 20, 1: 100, 33.4: 3, 15: 8 /* not 7 */, 0.5: 200} {
		of := SampleOf(percent, first).Of
		if of != want {
			t.Errorf("%v%% is one of %d samples, want %d", percent, of, want)
		}
		for name, days := range map[string]int{"each day": 1, "each week": 7} {
			seen := map[int]bool{}
			for i := range of {
				s := SampleOf(percent, first.AddDate(0, 0, i*days))
				if s != SampleOf(percent, first.AddDate(0, 0, i*days).Add(3*time.Hour)) {
					t.Error("the sample changes within a day")
				}
				seen[s.Number] = true
			}
			if len(seen) != of {
				t.Errorf("%v%% %s: %d of %d samples are seen", percent, name, len(seen), of)
			}
		}
	}
}

// reconcile looks at a part, and counts the requests that it takes.
func (g *rig) reconcile(s Sample, fix, recreate bool) (found *Reconciled, rows []Drift, requests int, err error) {
	g.t.Helper()
	g.before = func(*http.Request) { requests++ }
	r := &Reconciliation{Run: g.run, Client: g.client, CouplingID: 4711, Sample: s, Fix: fix, Recreate: recreate, Now: time.Now, Progress: quiet{},
		Log: slog.New(slog.DiscardHandler), Found: func(d Drift) error { rows = append(rows, d); return nil }}
	found, err = r.Reconcile(g.t.Context())
	return found, rows, requests, err
}

// known has so many products at Optiply, and in the state as they are there.
func (g *rig) known(n int) {
	g.t.Helper()
	for i := 1; i <= n; i++ {
		id := g.create(optiply.Products, fmt.Sprintf(`{"remoteId":"%d","name":"P","skuCode":"S%[1]d","articleCode":"%[1]d","unlimitedStock":false,"stockLevel":1,"status":"enabled"}`, i))
		g.exec(`INSERT INTO state.products (remote_id, optiply_id, name, sku_code, article_code, unlimited_stock, stock_level, status, run_id, acknowledged_at, change)
			VALUES (?, ?, 'P', ?, ?, false, 1, 'enabled', 'r', '2026-11-23 02:00:00', ?)`, fmt.Sprint(i), id, fmt.Sprintf("S%d", i), fmt.Sprint(i), i)
	}
}

func TestReconcile_SamplesTogetherSeeEveryProductOnceInFewRequests(t *testing.T) {
	g := newRig(t)
	g.known(40)
	g.exec("UPDATE state.products SET name = 'other'") // so that each product that is looked at is told
	seen := map[string]int{}
	for i := range 3 {
		found, rows, requests, err := g.reconcile(Sample{Of: 3, Number: i}, false, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range rows {
			seen[d.RemoteID]++
		}
		// 40 products are blocks of 8; each is one page.
		if found.LookedAt < 8 || found.LookedAt > 16 || int64(requests) > found.LookedAt/8 {
			t.Errorf("sample %d: %d products in %d requests", i, found.LookedAt, requests)
		}
	}
	for i := 1; i <= 40; i++ {
		if seen[fmt.Sprint(i)] != 1 {
			t.Errorf("product %d was seen %d times", i, seen[fmt.Sprint(i)])
		}
	}
	if _, rows, _, err := g.reconcile(Sample{Of: 1}, false, false); err != nil || len(rows) != 40 {
		t.Errorf("all: %d rows, %v", len(rows), err)
	}
}

func TestReconcile_AnotherAccountCorrectsNothing(t *testing.T) {
	g := newRig(t)
	g.known(3)
	g.exec(`INSERT INTO state.products (remote_id, optiply_id, name, run_id, acknowledged_at, change)
		SELECT (100 + i)::VARCHAR, (900000000 + i)::VARCHAR, 'P', 'r', '2026-11-23 02:00:00', 100 + i FROM range(12) t(i)`)
	found, _, _, err := g.reconcile(Sample{Of: 1}, true, true)
	if !errors.Is(err, ErrOtherAccount) || found.Gone != 12 || found.Corrected != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	if n := g.ask("SELECT count(*) FROM state.products")[0]; n != "15" {
		t.Errorf("the state has %s products, want 15", n)
	}
	if n := g.ask("SELECT count(*) FROM state.ledger")[0]; n != "0" {
		t.Errorf("the ledger has %s rows", n)
	}
}
