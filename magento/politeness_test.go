package magento

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestPoliteness_TwoThousandRequestsThroughTheClient is the same with all that
// a request passes through.
func TestPoliteness_TwoThousandRequestsThroughTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestClient(t, "https://shop.example", func(cfg *Config) { cfg.Concurrency, cfg.Transport = 8, okAfter(20*time.Millisecond) })
		start, warm := time.Now(), time.Time{}
		var todo, done int
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for {
					mu.Lock()
					todo++
					mine := todo
					mu.Unlock()
					if mine > 2000 {
						return
					}
					if _, err := c.Get(context.Background(), fmt.Sprintf("stockStatuses/sku-%d", mine), nil); err != nil {
						t.Error(err)
					}
					mu.Lock()
					if done++; done == 30 {
						warm = time.Now()
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		all, afterwards := time.Since(start), time.Since(warm)
		if ideal := 2000 * 20 * time.Millisecond / 8; ideal.Seconds()/all.Seconds() < 0.9 || 1970.0/2000*ideal.Seconds()/afterwards.Seconds() < 0.9 {
			t.Errorf("%v in all and %v when warm, ideal %v", all, afterwards, ideal)
		}
		if p := c.Politeness(); p.Concurrency != 8 || p.Ceiling != 8 || p.Throttled != 0 || p.InFlight != 0 || p.Waiting != 0 {
			t.Errorf("%+v", p)
		}
	})
}

func TestPoliteness_RetryAfterHoldsAllCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var at []time.Duration
		start, limit := time.Now(), 1
		ok := okAfter(100 * time.Millisecond)
		c := newTestClient(t, "https://shop.example", func(cfg *Config) {
			cfg.RetryWait = 30 * time.Second
			cfg.Transport = trip(func(r *http.Request) (*http.Response, error) {
				mu.Lock()
				at = append(at, time.Since(start))
				refuse := limit > 0 && strings.Contains(r.URL.Path, "stockStatuses")
				if refuse {
					limit--
				}
				mu.Unlock()
				if refuse {
					return reply(r, 429, http.Header{"Retry-After": {"60"}}, strings.NewReader("{}")), nil
				}
				return ok(r)
			})
		})
		var wg sync.WaitGroup
		for i := range 6 {
			path := []string{"stockStatuses/a", "products"}[i%2]
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				if _, err := c.Get(context.Background(), path, nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(at) != 7 || at[0] != 0 || slices.Min(at[1:]) < time.Minute {
			t.Errorf("sent at %v", at)
		}
		if p := c.Politeness(); p.Refused != 1 || p.Throttled != 1 || p.Waited < 4*time.Minute || !p.PausedUntil.Equal(start.Add(time.Minute)) {
			t.Errorf("%+v", p)
		}
	})
}

// TestPoliteness_LosesNoPlaceToCallersWhoLeave ends callers' contexts at any
// time: in the queue, with a turn just given, on the wire.
func TestPoliteness_LosesNoPlaceToCallersWhoLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestClient(t, "https://shop.example", func(cfg *Config) {
			cfg.Concurrency, cfg.RequestsPerSecond, cfg.Transport = 3, 50, okAfter(20*time.Millisecond)
		})
		var wg sync.WaitGroup
		for i := range 500 {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(uint64(i), 1))
				time.Sleep(time.Duration(r.IntN(4000)) * time.Millisecond)
				// In steps that fall together with turns of the queue.
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(10))*20*time.Millisecond)
				defer cancel()
				_, _ = c.Get(ctx, "products", nil)
			})
		}
		wg.Wait()
		if p := c.Politeness(); p.InFlight != 0 || p.Waiting != 0 {
			t.Fatalf("%+v", p)
		}
		for range 3 {
			wg.Go(func() {
				if _, err := c.Get(context.Background(), "products", nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

func TestPoliteness_IsTheSameForAClientWithOtherRetries(t *testing.T) {
	c := newTestClient(t, "https://shop.example", func(cfg *Config) { cfg.Transport = okAfter(0) })
	if _, err := c.WithRetries(1).Get(context.Background(), "products", nil); err != nil {
		t.Fatal(err)
	}
	if c.gate != c.WithRetries(1).gate || c.Politeness().Ceiling != 4 {
		t.Errorf("%+v", c.Politeness())
	}
}
