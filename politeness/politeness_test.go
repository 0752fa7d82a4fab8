package politeness

import (
	"testing"
	"time"
)

func TestPoliteness_UsesAFastShopFully(t *testing.T) {
	const ideal = 8.0 / 0.020
	r, _, p := simulate(t, simulation{workers: 8, ceiling: 8, length: 40 * time.Second, classes: one(steady(20 * time.Millisecond))})
	if got := r.perSecond(2, 40); got < 0.95*ideal || p.Throttled != 0 {
		t.Errorf("%.0f answers per second of %.0f, lowered %d times", got, ideal, p.Throttled)
	}
	if full := r.first(0, func(s second) bool { return s.allowed == 8 }); full > 1 {
		t.Errorf("at the ceiling after %d s", full)
	}
}

func TestPoliteness_TakesNoiseForNoise(t *testing.T) {
	for _, test := range []struct {
		latency time.Duration
		seconds int
	}{{20 * time.Millisecond, 100}, {300 * time.Millisecond, 600}, {2300 * time.Millisecond, 1800}} {
		shop := noisy(steady(test.latency), 0.5)
		r, _, p := simulate(t, simulation{workers: 8, ceiling: 8, length: time.Duration(test.seconds) * time.Second, classes: one(shop)})
		got, ideal := r.perSecond(10, test.seconds), 8/(test.latency.Seconds()*1.133) // the mean of a log-normal of 0.5
		t.Logf("%v: %.2f answers per second of %.2f, lowered %d times", test.latency, got, ideal, p.Throttled)
		if got < 0.8*ideal {
			t.Errorf("%v: %.2f answers per second of %.2f, lowered %d times", test.latency, got, ideal, p.Throttled)
		}
	}
}

// slowBetween answers five times slower for a while.
func slowBetween(base, from, to time.Duration) model {
	return func(at time.Duration, _ int) (time.Duration, Outcome, time.Duration) {
		if at >= from && at < to {
			return 5 * base, Fine, 0
		}
		return base, Fine, 0
	}
}

func TestPoliteness_AsksAShopThatSlowsDownLess(t *testing.T) {
	shop := slowBetween(40*time.Millisecond, 10*time.Second, 60*time.Second)
	r, _, _ := simulate(t, simulation{workers: 8, ceiling: 8, length: 90 * time.Second, classes: one(shop)})
	for i := 12; i < 60; i++ {
		if r[i].most > 3 {
			t.Fatalf("second %d: %d at a time", i, r[i].most)
		}
	}
	if full := r.first(60, func(s second) bool { return s.allowed >= 7 }); full < 0 || full > 72 {
		t.Errorf("near the ceiling again in second %d", full)
	}
	if got := r.perSecond(72, 90); got < 0.85*200 {
		t.Errorf("%.0f answers per second afterwards", got)
	}
	pages := slowBetween(1500*time.Millisecond, 30*time.Second, 120*time.Second)
	r, _, _ = simulate(t, simulation{workers: 8, ceiling: 8, length: 180 * time.Second, classes: one(pages)})
	for i := 60; i < 120; i++ { // its answers come after 7.5 s
		if r[i].most > 3 {
			t.Fatalf("pages, second %d: %d at a time", i, r[i].most)
		}
	}
}

func TestPoliteness_FindsTheRateThatAShopAllows(t *testing.T) {
	for name, test := range map[string]struct {
		retryAfter time.Duration
		least      float64
	}{"without Retry-After": {0, 4.4}, "with Retry-After": {10 * time.Second, 4}} {
		r, _, p := simulate(t, simulation{workers: 8, ceiling: 8, length: 10 * time.Minute, classes: one(bucket(5, 5, 20*time.Millisecond, test.retryAfter))})
		answered, refusals := r.perSecond(0, 600), r.refusals(0, 600)
		t.Logf("%s: %.2f of 5 per second, %d refusals, first minute %d", name, answered, refusals, r.refusals(0, 60))
		if answered < test.least || refusals > 15 || r.refusals(0, 10) > 4 || p.Refused != refusals {
			t.Errorf("%s: %.2f answers per second of 5, %d refusals, %d in the first ten seconds", name, answered, refusals, r.refusals(0, 10))
		}
	}
	// It is allowed more later.
	low, high := bucket(5, 5, 20*time.Millisecond, 0), bucket(100, 100, 20*time.Millisecond, 0)
	r, _, _ := simulate(t, simulation{workers: 8, ceiling: 8, length: 10 * time.Minute, classes: one(func(at time.Duration, n int) (time.Duration, Outcome, time.Duration) {
		if at < 2*time.Minute {
			return low(at, n)
		}
		return high(at, n)
	})})
	if found := r.first(120, func(s second) bool { return s.answered > 50 }); found < 0 || found > 120+120 {
		t.Errorf("asks for the twentyfold in second %d", found)
	}
}

func TestPoliteness_SettlesWhereAShopBeginsToQueue(t *testing.T) {
	for _, k := range []int{2, 4, 8} {
		for name, shop := range map[string]model{"steady": queueing(200*time.Millisecond, k), "noisy": noisy(queueing(200*time.Millisecond, k), 0.3)} {
			r, _, p := simulate(t, simulation{workers: 16, ceiling: 16, length: 15 * time.Minute, classes: one(shop)})
			early, late := r.meanMost(30, 330), r.meanMost(600, 900)
			t.Logf("%s, %d workers: %.1f at a time, %.1f at last; lowered %d times", name, k, early, late, p.Throttled)
			if early < float64(k) || late < float64(k) || early > 1.65*float64(k)+0.5 || late > 1.65*float64(k)+0.5 {
				t.Errorf("%s, %d workers: %.1f at a time, %.1f at last", name, k, early, late)
			}
			if got, ideal := r.perSecond(10, 900), float64(k)/0.2; got < 0.85*ideal || p.Throttled > 90 {
				t.Errorf("%s, %d workers: %.1f answers per second of %.1f, lowered %d times", name, k, got, ideal, p.Throttled)
			}
		}
	}
}

func TestPoliteness_RemembersWhereItWasRefused(t *testing.T) {
	r, _, _ := simulate(t, simulation{workers: 8, ceiling: 8, length: 10 * time.Minute, classes: one(
		func(_ time.Duration, n int) (time.Duration, Outcome, time.Duration) {
			if n > 4 {
				return 5 * time.Millisecond, Refused, 0
			}
			return 200 * time.Millisecond, Fine, 0
		})})
	if answered, refusals := r.perSecond(60, 600), r.refusals(0, 600); answered < 0.65*20 || refusals > 20 {
		t.Errorf("%.1f answers per second of 20, %d refusals", answered, refusals)
	}
}

func TestPoliteness_SurvivesMaintenance(t *testing.T) {
	between := func(at time.Duration, retryAfter time.Duration, ranges ...[2]int) (time.Duration, Outcome, time.Duration) {
		for _, r := range ranges {
			if s := int(at / time.Second); s >= r[0] && s < r[1] {
				return 5 * time.Millisecond, Refused, retryAfter
			}
		}
		return 80 * time.Millisecond, Fine, 0
	}
	for _, retryAfter := range []time.Duration{0, 10 * time.Second} {
		r, _, _ := simulate(t, simulation{workers: 8, ceiling: 8, length: 300 * time.Second, classes: one(func(at time.Duration, _ int) (time.Duration, Outcome, time.Duration) {
			return between(at, retryAfter, [2]int{20, 80}, [2]int{150, 153})
		})})
		t.Logf("Retry-After %v: %d and %d refusals, %.0f and %.0f per second", retryAfter, r.refusals(20, 80), r.refusals(150, 153), r.perSecond(125, 150), r.perSecond(230, 300))
		if long, short := r.refusals(20, 80), r.refusals(150, 153); long > 24 || short > 8 {
			t.Errorf("Retry-After %v: %d refusals in a minute of maintenance, %d in three seconds", retryAfter, long, short)
		}
		if first, second := r.perSecond(125, 150), r.perSecond(230, 300); first < 0.8*100 || second < 0.8*100 {
			t.Errorf("Retry-After %v: %.0f and %.0f answers per second of 100 afterwards", retryAfter, first, second)
		}
	}
}

func TestPoliteness_PagesAndStockShareTheBudget(t *testing.T) {
	r, by, p := simulate(t, simulation{workers: 8, ceiling: 4, length: 5 * time.Minute, classes: map[string]model{
		"products 9": steady(2300 * time.Millisecond), "stockStatuses/{sku}": steady(50 * time.Millisecond),
	}})
	for i, s := range r {
		if s.most > 4 {
			t.Fatalf("second %d: %d at a time, 4 allowed", i, s.most)
		}
	}
	pages, stock := by["products 9"].perSecond(10, 300), by["stockStatuses/{sku}"].perSecond(10, 300)
	t.Logf("%.2f pages and %.1f stock requests per second", pages, stock)
	if pages < 1.2 || stock < 1.2 || p.Throttled != 0 {
		t.Errorf("%.2f pages and %.2f stock requests per second, lowered %d times", pages, stock, p.Throttled)
	}
	// Pages that become slow for good stop neither themselves nor the others.
	_, by, _ = simulate(t, simulation{workers: 8, ceiling: 8, length: 10 * time.Minute, classes: map[string]model{
		"products 9": slowBetween(2*time.Second, time.Minute, time.Hour), "stockStatuses/{sku}": steady(50 * time.Millisecond),
	}})
	if pages, stock := by["products 9"].perSecond(120, 600), by["stockStatuses/{sku}"].perSecond(120, 600); pages < 0.09 || stock < 0.09 {
		t.Errorf("%.2f slow pages and %.2f stock requests per second", pages, stock)
	}
}

func TestPoliteness_KeepsTheConfiguredRate(t *testing.T) {
	r, _, p := simulate(t, simulation{workers: 8, ceiling: 8, perSecond: 20, length: time.Minute, classes: one(steady(20 * time.Millisecond))})
	for i, s := range r {
		if s.sent > 21 {
			t.Errorf("second %d: %d requests", i, s.sent)
		}
	}
	if got := r.perSecond(0, 60); got < 19.5 || p.PerSecond != 20 {
		t.Errorf("%.1f answers per second, %+v", got, p)
	}
}
