package politeness

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Gate keeps a shop's budget among all callers of a client: every attempt
// passes through it, retries and logins included. While a caller waits for a
// retry it holds no place. Callers are served in the order in which they came,
// so that an endpoint of few slow requests gets its turn among many quick ones.
type Gate struct {
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
	ticket Ticket
}

// New makes a gate for at most so many requests at a time (at least 1) and, where perSecond is not 0, so many per second. What
// it learns of the rate is never below least.
func New(concurrency int, perSecond, least float64) *Gate {
	return &Gate{budget: newBudget(max(concurrency, 1), perSecond, least)}
}

// Enter waits for a turn. Leave must be called with how the request went.
func (g *Gate) Enter(ctx context.Context, class string) (t Ticket, waited time.Duration, err error) {
	if ctx.Err() != nil {
		return Ticket{}, 0, context.Cause(ctx)
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
func (g *Gate) giveUp(now time.Time, w *waiter) {
	if w.gone {
		g.budget.done(now, Result{Ticket: w.ticket})
	} else {
		g.queue = slices.DeleteFunc(g.queue, func(other *waiter) bool { return other == w })
	}
	g.admit(now)
}

// Leave gives a turn back.
func (g *Gate) Leave(a Result) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.budget.done(now, a)
	g.admit(now)
}

// admit lets go whoever may. The caller holds the lock.
func (g *Gate) admit(now time.Time) {
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

func (g *Gate) ring(after time.Duration) {
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

// Status is what is being asked, and what held us back.
type Status struct {
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

// Status tells where the budget is that all callers share.
func (g *Gate) Status() Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := g.budget
	return Status{
		Concurrency: b.allowed(), Ceiling: b.ceiling, PerSecond: b.pace.perSecond(), InFlight: b.inFlight, Waiting: len(g.queue),
		Throttled: b.cuts, Refused: b.refusals, Waited: g.waited, PausedUntil: b.paused,
	}
}
