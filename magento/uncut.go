package magento

import (
	"context"
	"time"
)

// lastAnswer is how long an answer is waited for that was on its way when the caller was stopped.
const lastAnswer = 15 * time.Second

// uncut is the key of Uncut's contexts.
type uncut struct{}

// Uncut makes a context whose end keeps a request from leaving, and gives one that has left 15 seconds for its answer: the
// shop has done the work for it, and would do it again for the next run. A context made from it that ends by itself, because
// another worker failed, cuts its requests off at once.
func Uncut(ctx context.Context) context.Context { return context.WithValue(ctx, uncut{}, ctx) }

// inFlight is the context of a request that leaves now.
func inFlight(parent context.Context) (context.Context, context.CancelCauseFunc) {
	whole, ok := parent.Value(uncut{}).(context.Context)
	if !ok {
		return context.WithCancelCause(parent)
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		if whole.Err() == nil {
			cancel(context.Cause(parent))
			return
		}
		timer := time.AfterFunc(lastAnswer, func() { cancel(context.Cause(parent)) })
		context.AfterFunc(ctx, func() { timer.Stop() })
	})
	return ctx, func(cause error) {
		stop()
		cancel(cause)
	}
}
