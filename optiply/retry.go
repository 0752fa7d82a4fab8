package optiply

import (
	"context"
	"errors"
	"time"

	"github.com/sethvargo/go-retry"
)

// retryPolicy is for what is safe to repeat: reads and the token request.
type retryPolicy struct {
	tries   uint64        // the first included
	first   time.Duration // before the second try; then doubling, give or take a quarter
	longest time.Duration // a Retry-After beyond this is handed to the caller rather than waited for
}

// do runs f until it succeeds, fails for good, or has been tried often enough; the last error comes back. A server's
// Retry-After wins over the policy's own wait.
func (p retryPolicy) do(ctx context.Context, f func(context.Context) error) error {
	var asked time.Duration
	steps := retry.WithMaxRetries(p.tries-1, retry.WithJitterPercent(25, retry.NewExponential(p.first)))
	wait := retry.BackoffFunc(func() (time.Duration, bool) {
		next, stop := steps.Next()
		if asked > 0 {
			next, stop = asked, stop || asked > p.longest
		}
		return next, stop
	})
	tried := false
	return retry.Do(ctx, wait, func(ctx context.Context) error {
		if tried {
			ctx = Again(ctx)
		}
		tried = true
		err := f(ctx)
		e, ok := errors.AsType[*Error](err)
		if !ok || !e.Retryable() || e.fromToken {
			return err
		}
		asked = e.RetryAfter
		return retry.RetryableError(err)
	})
}
