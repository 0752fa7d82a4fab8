package politeness

import (
	"maps"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// least is the floor of the rate in these tests, one request in five seconds.
const least = 0.2

// settled is a budget at its ceiling with a baseline of 100 ms, and the time.
func settled(ceiling int) (*budget, time.Time) {
	b, now := newBudget(ceiling, 0, least), time.Unix(1e9, 0)
	for b.limit < float64(ceiling) {
		now = round(b, now, Fine, 100*time.Millisecond)
	}
	return b, now
}

// round uses all that is allowed, once.
func round(b *budget, now time.Time, o Outcome, latency time.Duration) time.Time {
	var out []Ticket
	for b.inFlight < b.allowed() {
		out = append(out, b.start(now, "c"))
	}
	now = now.Add(latency)
	for _, t := range out {
		b.done(now, Result{Ticket: t, Latency: latency, Outcome: o})
	}
	return now
}

func TestBudget_RespondsToOneRound(t *testing.T) {
	for _, test := range []struct {
		name    string
		outcome Outcome
		latency time.Duration
		want    int     // of 8
		pace    float64 // 0: none
	}{
		{"as ever", Fine, 100 * time.Millisecond, 8, 0},
		{"a little slower", Fine, 115 * time.Millisecond, 8, 0},
		{"ten times slower", Fine, time.Second, 6, 0},
		{"an error that tells nothing", Neutral, time.Second, 8, 0},
		{"refused", Refused, time.Millisecond, 4, 12},
		{"a gateway gave up", Overloaded, time.Minute, 4, 0},
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
	now = round(b, now, Refused, time.Millisecond)
	if b.cuts != 1 || b.refusals != 8 {
		t.Fatalf("%d decreases for %d refusals", b.cuts, b.refusals)
	}
	for i, want := range []int{2, 1, 1, 1, 1, 1} {
		if now = round(b, now.Add(10*time.Minute), Refused, time.Millisecond); b.allowed() != want {
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
		now = round(b, now, Fine, 10*time.Second)
	}
	if b.limit < 2 || b.limit >= 3 {
		t.Errorf("%v at a time", b.limit)
	}
}

func TestBudget_NeverMixesClasses(t *testing.T) {
	b, now := settled(8)
	for range 100 { // pages take twenty times what the others do
		page, quick := b.start(now, "page"), b.start(now, "c")
		b.done(now.Add(100*time.Millisecond), Result{Ticket: quick, Latency: 100 * time.Millisecond, Outcome: Fine})
		now = now.Add(2 * time.Second)
		b.done(now, Result{Ticket: page, Latency: 2 * time.Second, Outcome: Fine})
	}
	if b.cuts != 0 {
		t.Errorf("lowered %d times", b.cuts)
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

func drawResult(r *rapid.T, t Ticket) Result {
	return Result{
		Ticket:     t,
		Outcome:    rapid.SampledFrom([]Outcome{Fine, Fine, Fine, Fine, Fine, Neutral, Refused, Overloaded}).Draw(r, "outcome"),
		Latency:    time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(r, "latency")),
		RetryAfter: time.Duration(rapid.SampledFrom([]int{0, 0, 7, 900}).Draw(r, "retry after")) * time.Second,
	}
}

// TestBudget_KeepsItsLimits draws any history of requests, and tries each answer
// with other latencies and outcomes: a slower answer never lets more through
// than a quicker one, and a refusal never more than an answer.
func TestBudget_KeepsItsLimits(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ceiling, most := rapid.IntRange(1, 20).Draw(r, "ceiling"), rapid.SampledFrom([]float64{0, 0.5, 3, 50}).Draw(r, "per second")
		least := rapid.SampledFrom([]float64{6000, 0.2}).Draw(r, "least")
		b, now := newBudget(ceiling, most, least), time.Unix(1e9, 0)
		var out []Ticket
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

func monotone(r *rapid.T, b *budget, now time.Time, a Result) {
	try := func(o Outcome, latency time.Duration) *budget {
		c := copyOf(b)
		c.done(now, Result{Ticket: a.Ticket, Outcome: o, Latency: latency})
		return c
	}
	worst := try(Refused, 0)
	for _, c := range []*budget{try(Overloaded, 0), try(Fine, 2*a.Latency), try(Fine, a.Latency), try(Fine, a.Latency/2)} {
		if worst.limit > c.limit+1e-9 || pacing(worst) > pacing(c)+1e-9 {
			r.Fatalf("a better answer lets less through: %v and %v, then %v and %v", worst.limit, pacing(worst), c.limit, pacing(c))
		}
		worst = c
	}
	if c := try(Neutral, a.Latency); c.limit != b.limit || pacing(c) != pacing(b) {
		r.Fatal("an answer that tells nothing changed something")
	}
	if c := try(Refused, 0); c.limit > b.limit || pacing(c) > pacing(b) {
		r.Fatal("a refusal lets more through")
	}
}
