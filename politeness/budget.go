package politeness

import (
	"math"
	"time"
)

// The budget's constants. Ratios are of a class's recent latency to its
// baseline.
const (
	// startLevel is how many requests at a time a run begins with.
	startLevel = 2
	// slower is the ratio above which the budget stops growing. It is also where
	// it goes back to when it was tooSlow. A shop with k workers answers n > k
	// requests in n/k of its time, so this settles near 1.2 k.
	slower  = 1.2
	tooSlow = 1.5
	// mostCut is the least that one decrease for latency leaves.
	mostCut = 0.5
	// crawl is how long the last step takes to where it was too much before: one
	// refusal a minute is what it costs to find out that more is allowed again.
	crawl = time.Minute
	// cascade is the time in which decreases for latency are taken for one.
	cascade = 3 * time.Second
	// longestStep bounds what one answer lets the budget grow after a silence.
	longestStep = 10 * time.Second

	// A dip is a short time with half the requests, in which baselines are
	// measured: the first soon, since the first baselines are of few answers.
	dipFirst    = time.Second // after the start, then at twice the distance,
	dipEvery    = time.Minute // up to this one,
	dipShare    = 20          // and at most this part of the time
	dipAnswers  = 8           // as many answers long, at least,
	dipShortest = 500 * time.Millisecond
	dipLongest  = 30 * time.Second // and this even without them
)

// Outcome is what an answer tells of the shop's load.
type Outcome int

const (
	Neutral    Outcome = iota // nothing: an error of another kind, or the caller left
	Fine                      // it was answered, so its latency counts
	Refused                   // 429 or 503: the shop says that it is too much
	Overloaded                // 504 and its kin, or it stalled
)

// Ticket is the right to one request.
type Ticket struct {
	class string
	at    time.Time
	dip   bool // given during a dip
}

// Result is how a ticket's request went.
type Result struct {
	Ticket
	Latency    time.Duration // 0: it tells nothing, so that only refusals count
	Outcome    Outcome
	RetryAfter time.Duration // what the server asked for, 0 if it did not
}

// budget decides how much may be asked of a shop (DESIGN 6.8, invariant 7). It
// is a congestion controller: additive increase, multiplicative decrease, of
// the requests at a time and, once the shop refused any, of the requests per
// second. It holds no clock, no lock and no timer: what it does follows from
// the calls of start and done alone.
//
// It doubles with each round of answers at first. Then it grows by one a round
// and at most one a second, where callers use what they have. One decrease a
// round: an answer to a request sent before the last decrease tells of the time
// before it.
type budget struct {
	ceiling  int
	limit    float64 // requests at a time; the fraction is growth to come
	high     float64 // where it was too much last; 0: unknown, or passed since
	highAt   time.Time
	starting bool
	inFlight int
	pace     pace
	speeds   speeds

	cutAt  time.Time // of the last decrease
	proven bool      // something sent after it was answered
	grewAt time.Time
	paused time.Time // nothing is sent until then

	dipping bool
	dipAt   time.Time // when this one began, or the next one may
	dipGap  time.Duration
	dipSeen int

	cuts, refusals int
}

func newBudget(ceiling int, perSecond, least float64) *budget {
	return &budget{
		ceiling: ceiling, limit: float64(min(startLevel, ceiling)), starting: true,
		pace: pace{ceiling: perSecond, floor: least}, speeds: speeds{},
	}
}

// allowed is how many requests there may be at a time: from 1 to the ceiling.
func (b *budget) allowed() int {
	n := int(b.limit)
	if b.dipping {
		n /= 2
	}
	return min(max(n, 1), b.ceiling)
}

// opensAt is when the next request may be sent, if inFlight allows one.
func (b *budget) opensAt() time.Time {
	if b.paused.After(b.pace.next) {
		return b.paused
	}
	return b.pace.next
}

// start takes one request out of the budget.
func (b *budget) start(now time.Time, class string) Ticket {
	if b.grewAt.IsZero() {
		b.grewAt = now
	}
	b.inFlight++
	b.pace.started(now)
	return Ticket{class: class, at: now, dip: b.dipping}
}

// done hears how a request went, and gives its place back.
func (b *budget) done(now time.Time, a Result) {
	used := b.inFlight
	b.inFlight--
	current := !a.at.Before(b.cutAt)
	switch a.Outcome {
	case Refused:
		b.refusals++
		b.pause(now, a.RetryAfter)
		if current {
			b.pace.refused(now, b.proven)
			b.halve(now, used)
		}
	case Overloaded:
		b.pause(now, a.RetryAfter)
		if current {
			b.halve(now, used)
		}
	case Fine:
		if current {
			b.proven = true
			b.answered(now, a, used)
		}
	}
}

// pause holds all callers for as long as the shop asked one of them to wait.
func (b *budget) pause(now time.Time, d time.Duration) {
	if until := now.Add(d); d > 0 && until.After(b.paused) {
		b.paused = until
	}
}

// halve halves what was in use. Where it was refused is remembered if something
// had been answered since the last time: a shop that refuses everything is not
// refusing because of the number.
func (b *budget) halve(now time.Time, used int) {
	was := min(b.limit, float64(used))
	if b.proven {
		b.high, b.highAt = was, now
	}
	b.cut(now, math.Max(1, was/2))
}

func (b *budget) cut(now time.Time, limit float64) {
	b.limit, b.starting, b.proven = limit, false, false
	b.cutAt, b.grewAt = now, now
	b.cuts++
	b.speeds.calm()
}

// answered learns from a latency, and lets the budget grow or shrink by it.
func (b *budget) answered(now time.Time, a Result, used int) {
	ratio := b.speeds.learn(now, a.class, a.Latency, a.dip, b.starting)
	since := min(now.Sub(b.grewAt), longestStep).Seconds()
	b.grewAt = now
	b.dip(now, a)
	if ratio > tooSlow {
		// Latency alone is weak evidence, heavier records are slower too: it
		// goes back to where a run begins, at most.
		least := float64(min(startLevel, b.ceiling))
		if to := math.Max(least, b.limit*math.Max(mostCut, slower/ratio)); int(to) < int(b.limit) {
			if b.high == 0 || now.Sub(b.highAt) > cascade {
				b.high, b.highAt = math.Floor(b.limit), now
			}
			b.cut(now, to)
		}
		return
	}
	if ratio > slower {
		return
	}
	b.pace.grow(since)
	if 2*used >= b.allowed() { // what nobody uses proves nothing
		b.grow(since)
	}
}

func (b *budget) grow(since float64) {
	step := math.Min(1/b.limit, since)
	switch {
	case b.starting:
		b.limit++
	case b.high > 0 && b.limit >= b.high: // no longer too much
		b.high = 0
		b.limit += step
	case b.high > 0 && b.limit >= b.high-1:
		b.limit += math.Min(step, since/crawl.Seconds())
	case b.high > 0:
		b.limit = math.Min(b.limit+step, math.Max(b.limit, b.high-1))
	default:
		b.limit += step
	}
	b.limit = math.Min(b.limit, float64(b.ceiling))
}

// dip begins and ends the short times in which fewer requests are sent, so that
// baselines are measured with less of our own load in them. Without it a
// baseline would follow the queue that we make ourselves, up to the ceiling.
func (b *budget) dip(now time.Time, a Result) {
	switch {
	case b.dipping:
		if a.dip {
			b.dipSeen++
		}
		took := now.Sub(b.dipAt)
		if b.dipSeen >= dipAnswers && took >= dipShortest || took > dipLongest {
			b.dipping = false
			b.dipAt = now.Add(max(b.dipGap, dipShare*took))
			b.dipGap = min(2*b.dipGap, dipEvery)
			b.speeds.settle()
		}
	case b.starting && b.limit >= float64(b.ceiling):
		b.starting = false
	case b.starting:
	case b.dipGap == 0: // the start is over
		b.dipGap, b.dipAt = dipFirst, now.Add(dipFirst)
	case !now.Before(b.dipAt):
		b.dipping, b.dipAt, b.dipSeen = true, now, 0
	}
}
