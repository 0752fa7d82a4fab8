package magento

import (
	"context"

	"golang.org/x/time/rate"
)

// gate is the shop's politeness budget (DESIGN 6.8, invariant 7): every
// attempt of every caller passes through it, retries and logins included.
// While a caller waits for a retry it holds no slot.
type gate struct {
	slots chan struct{}
	rate  *rate.Limiter // nil: no limit
}

func newGate(concurrency int, perSecond float64) *gate {
	g := &gate{slots: make(chan struct{}, concurrency)}
	if perSecond > 0 {
		g.rate = rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond)))
	}
	return g
}

// enter waits for a slot and a turn; leave must be called with how the attempt
// went. leave is the one place where every outcome passes with its status and
// duration, so it is where the limits adapt to what the shop can bear.
func (g *gate) enter(ctx context.Context) (leave func(RequestInfo), err error) {
	select {
	case g.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if g.rate != nil {
		if err := g.rate.Wait(ctx); err != nil {
			<-g.slots
			return nil, err
		}
	}
	return func(RequestInfo) { <-g.slots }, nil
}
