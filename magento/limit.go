package magento

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

// gate keeps a shop's budget among all callers of a client: every attempt
// passes through it, retries and logins included. While a caller waits for a
// retry it holds no place. Callers are served in the order in which they came,
// so that an endpoint of few slow requests gets its turn among many quick ones.
type gate struct {
	mu     sync.Mutex
	budget *budget
	queue  []*waiter
	alarm  *time.Timer // rings when the first of the queue may go
	waited time.Duration
}

// waiter is a caller in the queue. ready is closed when it may go.
type waiter struct {
	class  string
	ready  chan struct{}
	gone   bool // ready is closed
	ticket ticket
}

func newGate(concurrency int, perSecond float64, retryWait time.Duration) *gate {
	return &gate{budget: newBudget(concurrency, perSecond, retryWait)}
}

// enter waits for a turn. leave must be called with how the request went.
func (g *gate) enter(ctx context.Context, class string) (t ticket, waited time.Duration, err error) {
	if ctx.Err() != nil {
		return ticket{}, 0, context.Cause(ctx)
	}
	came := time.Now()
	w := &waiter{class: class, ready: make(chan struct{})}
	g.mu.Lock()
	g.queue = append(g.queue, w)
	g.admit(came)
	gone := w.gone
	g.mu.Unlock()
	if gone {
		return w.ticket, 0, nil
	}
	select {
	case <-w.ready:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	waited = now.Sub(came)
	g.waited += waited
	if err != nil {
		g.giveUp(now, w)
	}
	return w.ticket, waited, err
}

// giveUp takes a caller out of the queue, or gives its turn to the next.
func (g *gate) giveUp(now time.Time, w *waiter) {
	if w.gone {
		g.budget.done(now, result{ticket: w.ticket})
	} else {
		g.queue = slices.DeleteFunc(g.queue, func(other *waiter) bool { return other == w })
	}
	g.admit(now)
}

// leave gives a turn back.
func (g *gate) leave(a result) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.budget.done(now, a)
	g.admit(now)
}

// admit lets go whoever may. The caller holds the lock.
func (g *gate) admit(now time.Time) {
	for len(g.queue) > 0 && g.budget.inFlight < g.budget.allowed() {
		if wait := g.budget.opensAt().Sub(now); wait > 0 {
			g.ring(wait)
			return
		}
		w := g.queue[0]
		g.queue = slices.Delete(g.queue, 0, 1)
		w.ticket, w.gone = g.budget.start(now, w.class), true
		close(w.ready)
	}
}

func (g *gate) ring(after time.Duration) {
	if g.alarm != nil {
		g.alarm.Reset(after)
		return
	}
	g.alarm = time.AfterFunc(after, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.admit(time.Now())
	})
}

// outcomeOf says what an attempt tells of the shop's load. A 500 tells nothing:
// one broken record answers so for ever. Nor does a shop that cannot be reached.
func outcomeOf(status int, err error) (outcome, time.Duration) {
	var e *Error
	switch {
	case err == nil:
		return fine, 0
	case !errors.As(err, &e):
		return neutral, 0
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return refused, e.RetryAfter
	case e.Kind == Gateway, e.Kind == Stalled:
		return overloaded, e.RetryAfter
	}
	return neutral, 0
}

// Politeness is what the shop is being asked, and what held us back.
type Politeness struct {
	Concurrency int           // requests at a time, now
	Ceiling     int           // as configured
	PerSecond   float64       // requests per second, now; 0: no limit
	InFlight    int           // requests on their way
	Waiting     int           // callers in the queue
	Throttled   int           // how often it was lowered, for whatever reason
	Refused     int           // answers 429 and 503
	Waited      time.Duration // by all callers together, in the queue
	PausedUntil time.Time     // what Retry-After asked for; may be over
}

// Politeness tells where the budget is that all users of the client share.
func (c *Client) Politeness() Politeness {
	g := c.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.budget
	return Politeness{
		Concurrency: b.allowed(), Ceiling: b.ceiling, PerSecond: b.pace.perSecond(), InFlight: b.inFlight, Waiting: len(g.queue),
		Throttled: b.cuts, Refused: b.refusals, Waited: g.waited, PausedUntil: b.paused,
	}
}
