package politeness

import (
	"math"
	"time"
)

const (
	// noPace is a pace that no shop of ours reaches: then none is kept.
	noPace = 1000
	// nearHigh is the part of a refused pace up to which it grows quickly, in
	// quickRise from nothing; beyond it crawls.
	nearHigh  = 0.9
	quickRise = 25 * time.Second
	// paceDoubles is how long a pace takes to double where no refusal is known.
	paceDoubles = 5 * time.Second
	// late is how far a request may be behind its turn without moving the turns
	// after it: timers are not exact.
	late = 10 * time.Millisecond
)

// pace spaces requests in time. Below one request at a time a limit on
// concurrency does nothing: a shop that answers in 20 ms and allows five
// requests per second is asked fifty by a single caller. Without a ceiling there
// is no pace until the shop refuses something.
type pace struct {
	ceiling float64 // requests per second, as configured; 0: none
	floor   float64 // learned is never less
	learned float64 // 0: none
	high    float64 // pace that was refused last; 0: unknown, or passed since
	used    bool    // callers used the pace when the last request left

	next time.Time // turn of the next request
	sent float64   // requests of about the last second
	at   time.Time // when sent was counted
}

// perSecond is the pace in force; 0: none.
func (p *pace) perSecond() float64 {
	if p.learned > 0 && (p.ceiling <= 0 || p.learned < p.ceiling) {
		return p.learned
	}
	return math.Max(p.ceiling, 0)
}

// started counts a request and gives the one after it its turn.
func (p *pace) started(now time.Time) {
	p.sent = p.recent(now) + 1
	p.at = now
	p.used = p.sent >= p.learned/2
	if r := p.perSecond(); r > 0 {
		turn := p.next
		if turn.Before(now.Add(-late)) {
			turn = now
		}
		p.next = turn.Add(interval(r))
	}
}

func (p *pace) recent(now time.Time) float64 {
	if p.at.IsZero() {
		return 0
	}
	return p.sent * math.Exp(-now.Sub(p.at).Seconds())
}

// refused halves the pace that was kept when the shop refused a request.
func (p *pace) refused(now time.Time, proven bool) {
	was := p.recent(now)
	if r := p.perSecond(); r > 0 {
		was = math.Min(was, r)
	}
	was = math.Max(was, p.floor)
	if proven {
		p.high = was
	}
	p.learned = math.Max(p.floor, was/2)
	p.free()
	if r := p.perSecond(); r > 0 && now.Add(interval(r)).After(p.next) {
		p.next = now.Add(interval(r))
	}
}

// grow takes the seconds since it last grew.
func (p *pace) grow(since float64) {
	switch {
	case p.learned <= 0 || !p.used:
		return
	case p.high > 0 && p.learned < nearHigh*p.high:
		p.learned = math.Min(p.learned+p.high*since/quickRise.Seconds(), nearHigh*p.high)
	case p.high > 0 && p.learned < p.high:
		p.learned += p.high * (1 - nearHigh) * since / crawl.Seconds()
	default:
		p.high = 0
		p.learned *= math.Exp2(since / paceDoubles.Seconds())
	}
	p.free()
}

// free forgets a pace that holds nobody back.
func (p *pace) free() {
	if p.learned > noPace || p.ceiling > 0 && p.learned >= p.ceiling {
		p.learned, p.high = 0, 0
	}
}

func interval(perSecond float64) time.Duration {
	return time.Duration(float64(time.Second) / perSecond)
}
