package magento

import (
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// settled is a budget at its ceiling with a baseline of 100 ms, and the time.
func settled(ceiling int) (*budget, time.Time) {
	b, now := newBudget(ceiling, 0, 30*time.Second), time.Unix(1e9, 0)
	for b.limit < float64(ceiling) {
		now = round(b, now, fine, 100*time.Millisecond)
	}
	return b, now
}

// round uses all that is allowed, once.
func round(b *budget, now time.Time, o outcome, latency time.Duration) time.Time {
	var out []ticket
	for b.inFlight < b.allowed() {
		out = append(out, b.start(now, "c"))
	}
	now = now.Add(latency)
	for _, t := range out {
		b.done(now, result{ticket: t, latency: latency, outcome: o})
	}
	return now
}

func TestBudget_RespondsToOneRound(t *testing.T) {
	for _, test := range []struct {
		name    string
		outcome outcome
		latency time.Duration
		want    int     // of 8
		pace    float64 // 0: none
	}{
		{"as ever", fine, 100 * time.Millisecond, 8, 0},
		{"a little slower", fine, 115 * time.Millisecond, 8, 0},
		{"ten times slower", fine, time.Second, 6, 0},
		{"an error that tells nothing", neutral, time.Second, 8, 0},
		{"refused", refused, time.Millisecond, 4, 12},
		{"a gateway gave up", overloaded, time.Minute, 4, 0},
	} {
		b, now := settled(8)
		round(b, now, test.outcome, test.latency)
		if got := int(b.limit); got != test.want || math.Abs(b.pace.perSecond()-test.pace) > 2 {
			t.Errorf("%s: %d at a time, %.1f per second; want %d, about %.0f", test.name, got, b.pace.perSecond(), test.want, test.pace)
		}
	}
}

func TestBudget_LowersOnceForARoundOfRefusals(t *testing.T) {
	b, now := settled(8)
	now = round(b, now, refused, time.Millisecond)
	if b.cuts != 1 || b.refusals != 8 {
		t.Fatalf("%d decreases for %d refusals", b.cuts, b.refusals)
	}
	for i, want := range []int{2, 1, 1, 1, 1, 1} {
		if now = round(b, now.Add(10*time.Minute), refused, time.Millisecond); b.allowed() != want {
			t.Errorf("round %d: %d at a time, want %d", i, b.allowed(), want)
		}
	}
	if got := b.pace.perSecond(); got != 0.2 {
		t.Errorf("%v per second, want the floor", got)
	}
}

func TestBudget_LatencyAloneGoesBackToTheStart(t *testing.T) {
	b, now := settled(8)
	for range 20 {
		now = round(b, now, fine, 10*time.Second)
	}
	if b.limit < 2 || b.limit >= 3 {
		t.Errorf("%v at a time", b.limit)
	}
}

func TestBudget_NeverMixesClasses(t *testing.T) {
	b, now := settled(8)
	for range 100 { // pages take twenty times what the others do
		page, quick := b.start(now, "page"), b.start(now, "c")
		b.done(now.Add(100*time.Millisecond), result{ticket: quick, latency: 100 * time.Millisecond, outcome: fine})
		now = now.Add(2 * time.Second)
		b.done(now, result{ticket: page, latency: 2 * time.Second, outcome: fine})
	}
	if b.cuts != 0 {
		t.Errorf("lowered %d times", b.cuts)
	}
}

func TestClassOf_TellsPageSizesApart(t *testing.T) {
	for raw, want := range map[string]string{
		"products?searchCriteria[pageSize]=300": "products 9", "products?searchCriteria%5BpageSize%5D=257": "products 9", "products?searchCriteria[pageSize]=1": "products 1",
		"stockItems/lowStock?scopeId=0&pageSize=1000": "stockItems/lowStock 10", "stockStatuses/A%2FB": "stockStatuses/{sku}", "orders?searchCriteria[pageSize]=x": "orders",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := classOf(u.EscapedPath(), u); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestSpeeds_AreBounded(t *testing.T) {
	s := speeds{}
	for i := range 2 * mostClasses {
		s.learn(time.Unix(int64(i), 0), string(rune('a'+i)), time.Second, false, false)
	}
	if len(s) > mostClasses+1 {
		t.Errorf("%d classes", len(s))
	}
}

// copyOf is a budget that can be tried out.
func copyOf(b *budget) *budget {
	c := *b
	c.speeds = speeds{}
	for name, s := range maps.All(b.speeds) {
		one := *s
		c.speeds[name] = &one
	}
	return &c
}

// pacing makes "no pace" the greatest.
func pacing(b *budget) float64 {
	if r := b.pace.perSecond(); r > 0 {
		return r
	}
	return math.Inf(1)
}

func drawResult(r *rapid.T, t ticket) result {
	return result{
		ticket:     t,
		outcome:    rapid.SampledFrom([]outcome{fine, fine, fine, fine, fine, neutral, refused, overloaded}).Draw(r, "outcome"),
		latency:    time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(r, "latency")),
		retryAfter: time.Duration(rapid.SampledFrom([]int{0, 0, 7, 900}).Draw(r, "retry after")) * time.Second,
	}
}

// TestBudget_KeepsItsLimits draws any history of requests, and tries each answer
// with other latencies and outcomes: a slower answer never lets more through
// than a quicker one, and a refusal never more than an answer.
func TestBudget_KeepsItsLimits(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ceiling, most := rapid.IntRange(1, 20).Draw(r, "ceiling"), rapid.SampledFrom([]float64{0, 0.5, 3, 50}).Draw(r, "per second")
		wait := rapid.SampledFrom([]time.Duration{time.Millisecond, 30 * time.Second}).Draw(r, "retry wait")
		b, now := newBudget(ceiling, most, wait), time.Unix(1e9, 0)
		var out []ticket
		var starts []time.Time
		for range rapid.IntRange(1, 150).Draw(r, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(r, "pause")))
			if rapid.Bool().Draw(r, "start") {
				for b.inFlight < b.allowed() && !b.opensAt().After(now) {
					out = append(out, b.start(now, rapid.SampledFrom([]string{"a", "b"}).Draw(r, "class")))
					starts = append(starts, now)
				}
			} else if len(out) > 0 {
				i := rapid.IntRange(0, len(out)-1).Draw(r, "which")
				a := drawResult(r, out[i])
				out[i] = out[len(out)-1]
				out = out[:len(out)-1]
				monotone(r, b, now, a)
				b.done(now, a)
			}
			if b.allowed() < 1 || b.allowed() > ceiling || b.inFlight != len(out) || b.inFlight > ceiling {
				r.Fatalf("%d allowed of %d, %d in flight", b.allowed(), ceiling, b.inFlight)
			}
			if math.IsNaN(b.limit) || most > 0 && pacing(b) > most || pacing(b) < math.Min(b.pace.floor, math.Inf(1)) && pacing(b) < most {
				r.Fatalf("limit %v, pace %v, ceiling %v", b.limit, pacing(b), most)
			}
		}
		for i, from := range starts {
			n := 0
			for _, at := range starts[i:] {
				if at.Sub(from) < time.Second {
					n++
				}
			}
			if most > 0 && float64(n) > most*(1+late.Seconds())+1 {
				r.Fatalf("%d requests in a second, %v allowed", n, most)
			}
		}
	})
}

func monotone(r *rapid.T, b *budget, now time.Time, a result) {
	try := func(o outcome, latency time.Duration) *budget {
		c := copyOf(b)
		c.done(now, result{ticket: a.ticket, outcome: o, latency: latency})
		return c
	}
	worst := try(refused, 0)
	for _, c := range []*budget{try(overloaded, 0), try(fine, 2*a.latency), try(fine, a.latency), try(fine, a.latency/2)} {
		if worst.limit > c.limit+1e-9 || pacing(worst) > pacing(c)+1e-9 {
			r.Fatalf("a better answer lets less through: %v and %v, then %v and %v", worst.limit, pacing(worst), c.limit, pacing(c))
		}
		worst = c
	}
	if c := try(neutral, a.latency); c.limit != b.limit || pacing(c) != pacing(b) {
		r.Fatal("an answer that tells nothing changed something")
	}
	if c := try(refused, 0); c.limit > b.limit || pacing(c) > pacing(b) {
		r.Fatal("a refusal lets more through")
	}
}

func TestOutcomeOf_TellsLoadFromOtherFailures(t *testing.T) {
	for _, test := range []struct {
		status int
		err    error
		want   outcome
	}{
		{200, nil, fine},
		{429, &Error{Kind: RateLimited}, refused}, {503, &Error{Kind: Maintenance}, refused}, {429, &Error{Kind: Firewall}, refused},
		{504, &Error{Kind: Gateway}, overloaded}, {0, &Error{Kind: Stalled}, overloaded},
		{500, &Error{Kind: ServerError}, neutral}, {404, &Error{Kind: NotFound}, neutral}, {0, &Error{Kind: Unreachable}, neutral}, {0, context.Canceled, neutral},
	} {
		if got, _ := outcomeOf(test.status, test.err); got != test.want {
			t.Errorf("%d, %v: got %d, want %d", test.status, test.err, got, test.want)
		}
	}
}

// okAfter answers a transport's requests after a time.
func okAfter(latency time.Duration) trip {
	return func(r *http.Request) (*http.Response, error) {
		select {
		case <-time.After(latency):
			return reply(r, 200, http.Header{}, &text{s: "{}"}), nil
		case <-r.Context().Done():
			return nil, errors.New("left")
		}
	}
}

type text struct{ s string }

func (t *text) Read(p []byte) (int, error) {
	if t.s == "" {
		return 0, io.EOF
	}
	n := copy(p, t.s)
	t.s = t.s[n:]
	return n, nil
}
