package politeness

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// model is a shop as a budget sees it: what happens to a request sent at a time
// since the beginning, when so many are in flight, itself included.
type model func(at time.Duration, inFlight int) (time.Duration, Outcome, time.Duration)

// simulation is a run of many callers against a model, in a bubble's time.
type simulation struct {
	workers   int
	ceiling   int
	perSecond float64
	length    time.Duration
	classes   map[string]model // each has its own workers
}

// second is what happened in one second of a simulation.
type second struct {
	sent, answered, refused int
	most                    int // in flight at a time
	allowed                 int // when it began
}

type record []second

func (r record) sum(from, to int, of func(second) int) (n int) {
	for _, s := range r[from:to] {
		n += of(s)
	}
	return n
}

func (r record) perSecond(from, to int) float64 {
	return float64(r.sum(from, to, func(s second) int { return s.answered })) / float64(to-from)
}

func (r record) refusals(from, to int) int {
	return r.sum(from, to, func(s second) int { return s.refused })
}

func (r record) meanMost(from, to int) float64 {
	return float64(r.sum(from, to, func(s second) int { return s.most })) / float64(to-from)
}

// first is the first second from which on what holds, or -1.
func (r record) first(from int, what func(second) bool) int {
	for i := from; i < len(r); i++ {
		if what(r[i]) {
			return i
		}
	}
	return -1
}

// simulate runs s. Callers do as Client does: a refused one waits what the shop
// asked for, else 30 s, and asks again.
func simulate(t *testing.T, s simulation) (all record, by map[string]record, p Status) {
	t.Helper()
	by = map[string]record{}
	seconds := int(s.length / time.Second)
	all = make(record, seconds)
	for class := range s.classes {
		by[class] = make(record, seconds)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), s.length)
		defer cancel()
		g := New(s.ceiling, s.perSecond, least)
		start, inFlight := time.Now(), 0
		var mu sync.Mutex
		var wg sync.WaitGroup
		note := func(class string, f func(*second)) {
			if i := int(time.Since(start) / time.Second); i < seconds {
				f(&all[i])
				f(&by[class][i])
			}
		}
		for class, shop := range s.classes {
			for range s.workers {
				wg.Go(func() {
					for ctx.Err() == nil {
						ticket, _, err := g.Enter(ctx, class)
						if err != nil {
							return
						}
						mu.Lock()
						inFlight++
						n := inFlight
						note(class, func(s *second) { s.sent++; s.most = max(s.most, n) })
						mu.Unlock()
						latency, outcome, after := shop(time.Since(start), n)
						time.Sleep(latency)
						mu.Lock()
						inFlight--
						note(class, func(s *second) {
							if outcome == Fine {
								s.answered++
							} else {
								s.refused++
							}
						})
						mu.Unlock()
						g.Leave(Result{Ticket: ticket, Latency: latency, Outcome: outcome, RetryAfter: after})
						if outcome != Fine {
							time.Sleep(cmp.Or(after, 30*time.Second))
						}
					}
				})
			}
		}
		for i := range all {
			now := g.Status().Concurrency
			mu.Lock()
			all[i].allowed = now
			mu.Unlock()
			time.Sleep(time.Second)
		}
		wg.Wait()
		if g.budget.inFlight != 0 || len(g.queue) != 0 {
			t.Errorf("%d in flight and %d in the queue when all have left", g.budget.inFlight, len(g.queue))
		}
		p = g.Status()
	})
	return all, by, p
}

func one(shop model) map[string]model { return map[string]model{"products 9": shop} }

// steady answers after the same time, whatever is asked.
func steady(latency time.Duration) model {
	return func(time.Duration, int) (time.Duration, Outcome, time.Duration) { return latency, Fine, 0 }
}

// queueing has k workers: more requests than that wait for each other.
func queueing(base time.Duration, k int) model {
	return func(_ time.Duration, n int) (time.Duration, Outcome, time.Duration) {
		return time.Duration(float64(base) * math.Max(1, float64(n)/float64(k))), Fine, 0
	}
}

// noisy spreads a model's latencies, log-normally.
func noisy(shop model, sigma float64) model {
	r := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	return func(at time.Duration, n int) (time.Duration, Outcome, time.Duration) {
		latency, o, after := shop(at, n)
		mu.Lock()
		defer mu.Unlock()
		return time.Duration(float64(latency) * math.Exp(sigma*r.NormFloat64())), o, after
	}
}

// bucket refuses with 429 what is more than so many per second, beyond a burst.
func bucket(perSecond, burst float64, latency, retryAfter time.Duration) model {
	tokens, last := burst, time.Duration(0)
	var mu sync.Mutex
	return func(at time.Duration, _ int) (time.Duration, Outcome, time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		tokens, last = math.Min(burst, tokens+perSecond*(at-last).Seconds()), at
		if tokens < 1 {
			return 5 * time.Millisecond, Refused, retryAfter
		}
		tokens--
		return latency, Fine, 0
	}
}
