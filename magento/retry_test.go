package magento

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// waits runs one Get against a shop that answers with the steps, and returns
// the pauses between the requests.
func waits(t *testing.T, change func(*Config), steps ...*http.Response) []time.Duration {
	t.Helper()
	var pauses []time.Duration
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		c := newTestClient(t, "https://shop.example", func(cfg *Config) {
			cfg.RetryWait = 30 * time.Second
			cfg.Transport = trip(func(r *http.Request) (*http.Response, error) {
				step := steps[min(len(at), len(steps)-1)]
				at = append(at, time.Now())
				return reply(r, step.StatusCode, step.Header, strings.NewReader("{}")), nil
			})
			change(cfg)
		})
		_, _ = c.Get(context.Background(), "orders", nil)
		pauses = nil
		for i := 1; i < len(at); i++ {
			pauses = append(pauses, at[i].Sub(at[i-1]))
		}
	})
	return pauses
}

func answer(status int, retryAfter string) *http.Response {
	h := http.Header{}
	if retryAfter != "" {
		h.Set("Retry-After", retryAfter)
	}
	return &http.Response{StatusCode: status, Header: h}
}

func unchanged(*Config) {}

func TestRetry_WaitsLongerEachTimeForABusyShop(t *testing.T) {
	for _, status := range []int{429, 502, 503, 504} {
		got := waits(t, unchanged, answer(status, ""))
		if len(got) != 5 || got[0] != 30*time.Second {
			t.Fatalf("%d: waits %v, want five, the first 30s", status, got)
		}
		for i, want := range []time.Duration{30, 60, 120, 240, 300} {
			want *= time.Second
			if spread := want * jitterPercent / 100; i > 0 && (got[i] < want-spread || got[i] > min(want+spread, maxWait)) {
				t.Errorf("%d: wait %d is %v, want about %v", status, i+1, got[i], want)
			}
		}
	}
}

func TestRetry_TriesAServerErrorThreeTimesAndSoon(t *testing.T) {
	got := waits(t, unchanged, answer(500, ""))
	if len(got) != maxServerErrors || got[0] != 3*time.Second {
		t.Errorf("waits %v", got)
	}
}

func TestRetry_ObeysRetryAfter(t *testing.T) {
	date := time.Date(2000, 1, 1, 0, 2, 0, 0, time.UTC).Format(http.TimeFormat) // a bubble begins at midnight
	for after, want := range map[string]time.Duration{
		"7": 7 * time.Second, date: 2 * time.Minute, "86400": maxRetryAfter, "0": 30 * time.Second, "soon": 30 * time.Second, "-5": 30 * time.Second,
		"Sat, 01 Jan 1999 00:00:00 GMT": 30 * time.Second,
	} {
		for _, status := range []int{429, 503} {
			got := waits(t, unchanged, answer(status, after), answer(200, ""))
			if !slices.Equal(got, []time.Duration{want}) {
				t.Errorf("%d, Retry-After %q: waits %v, want %v", status, after, got, want)
			}
		}
	}
}

func TestRetry_StopsAtTheConfiguredNumber(t *testing.T) {
	for retries, want := range map[int]int{-1: 0, 1: 1, 2: 2, 0: 5, 9: 9} {
		if got := waits(t, func(c *Config) { c.Retries = retries }, answer(503, "")); len(got) != want {
			t.Errorf("%d configured: %d retries, want %d", retries, len(got), want)
		}
	}
	if got := waits(t, func(c *Config) { c.Retries = 1 }, answer(500, "")); len(got) != 1 {
		t.Errorf("a 500 is retried %d times, more than configured", len(got))
	}
}

func TestRetry_CountsServerErrorsAmongOthers(t *testing.T) {
	if got := waits(t, unchanged, answer(500, ""), answer(503, ""), answer(500, ""), answer(500, ""), answer(500, "")); len(got) != 4 {
		t.Errorf("%d retries, want 4: the fourth 500 is the last", len(got))
	}
}

func TestWithRetries_LeavesTheClientItself(t *testing.T) {
	shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/orders": says(500, "{}")})
	c := newTestClient(t, shop.URL)
	if e := mustFail(t, c.WithRetries(0), "orders"); e.Attempts != 1 {
		t.Errorf("%d attempts", e.Attempts)
	}
	if e := mustFail(t, c, "orders"); e.Attempts != 4 {
		t.Errorf("%d attempts", e.Attempts)
	}
}

func TestRequestsPerSecond_IsKeptByRetriesToo(t *testing.T) {
	got := waits(t, func(c *Config) { c.RequestsPerSecond, c.RetryWait = 0.5, time.Millisecond }, answer(503, ""))
	for _, pause := range got {
		if pause < 2*time.Second-time.Millisecond {
			t.Fatalf("pauses %v, want two seconds each", got)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "99999999999999999999", "-1", "Fri, 31 Dec 1999 23:59:59 GMT", "1.5", " 3 "} {
		f.Add(seed)
	}
	now := time.Date(1999, 12, 31, 23, 59, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, value string) {
		if got := parseRetryAfter(value, now); got < 0 || got > maxRetryAfter {
			t.Errorf("%q: %v", value, got)
		}
	})
}
