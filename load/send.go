package load

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"magento-optiply/optiply"
)

// sending is a change on its way: the ledger's row for it, and when it was first sent. Nothing that it made at Optiply is
// older than that.
type sending struct {
	change
	event
	since time.Time
	again bool  // it creates what an update did not find: no sign that Optiply takes updates again
	work  *work // the step that made the first attempt's row durable already; nil: each attempt writes its own
}

// attempts sends one request until it is decided, five times at most, and returns where it ended: acknowledged, rejected or
// held; nothing where the step counts it when its answer is durable. An error stops the load.
func (j *Job) attempts(ctx context.Context, s sending) (State, error) {
	var last *optiply.Error
	for s.Attempt = 1; s.Attempt <= mostAttempts; s.Attempt++ {
		if err := j.wait(ctx, s.Attempt, last); err != nil {
			if s.ahead() {
				err = errors.Join(err, j.takeBack(s.event))
			}
			return "", err
		}
		if s.op == "create" && j.ledger.stateOf(s.key()) == Unknown {
			// Looked for after the wait and right before it is sent again: the server may still have been at it.
			if state, done, err := j.readBack(ctx, s); done {
				return state, err
			}
		}
		resource, undone, err := j.attempt(ctx, s)
		if resource != nil {
			return j.acknowledge(s, resource)
		}
		if undone == "" {
			return "", err // the ledger could not be written
		}
		last = asOptiply(err)
		j.heed(s.Attempt, last)
		if state, done, err := j.failed(ctx, s, undone, last); done {
			return state, err
		}
	}
	s.Attempt = mostAttempts
	return j.giveUp(ctx, s, last)
}

// ahead tells that the ledger has the row of this attempt.
func (s sending) ahead() bool { return s.work != nil && s.Attempt == 1 }

// attempt writes the ledger and sends once. undone is where the change stands if this attempt turns out not to have been
// applied; an update of which an earlier attempt may have been stays unknown.
func (j *Job) attempt(ctx context.Context, s sending) (resource *optiply.Resource, undone State, err error) {
	undone = Planned
	if !s.ahead() {
		if before := j.ledger.stateOf(s.key()); before == Sent || before == Unknown {
			undone = Unknown
		}
		sent := s.event
		sent.State = Sent
		if err := j.ledger.record(sent); err != nil { // invariant 2: durable before the request leaves
			return nil, "", err
		}
	}
	if s.Attempt > 1 {
		ctx = optiply.Again(ctx)
	}
	resource, err = j.request(ctx, s.change, json.RawMessage(s.Body))
	return resource, undone, err
}

// request is one attempt. Once it may have left, its answer is waited for even when the run is being stopped: Ctrl-C and the
// deadline end after what is in flight, and what still waits for its turn at the client is not sent.
func (j *Job) request(ctx context.Context, c change, body json.RawMessage) (*optiply.Resource, error) {
	if ctx.Err() != nil {
		return nil, &optiply.Error{Kind: optiply.Transport, Err: context.Cause(ctx)} // not sent
	}
	ctx = optiply.Uncut(ctx)
	if c.op == "create" {
		return j.Client.Create(ctx, kindOf(c.entity), body)
	}
	return j.Client.Update(ctx, kindOf(c.entity), c.optiplyID, body)
}

func kindOf(entity string) string {
	if entity == "sell_orders" {
		return optiply.SellOrders
	}
	return optiply.Products
}

// heed makes all workers wait where Optiply asks to be left alone, before anything is written about it.
func (j *Job) heed(attempt int, answer *optiply.Error) {
	if answer.Kind == optiply.Throttled || answer.RetryAfter > 0 {
		j.pause.extend(j.Now().Add(j.backoff(attempt, answer)))
	}
}

// backoff is the wait after a failed attempt: doubling, with jitter, unless Optiply says how long.
func (j *Job) backoff(attempt int, answer *optiply.Error) time.Duration {
	if answer.RetryAfter > 0 {
		return answer.RetryAfter
	}
	d := j.RetryWait << (attempt - 1)
	return d + rand.N(d/4+1)
}

// wait holds an attempt back: before a repetition, and while Optiply asked to be left alone. It is an error when the load is
// being stopped.
func (j *Job) wait(ctx context.Context, attempt int, last *optiply.Error) error {
	if last != nil && last.Kind != optiply.Throttled && last.RetryAfter == 0 {
		if err := sleep(ctx, j.backoff(attempt-1, last)); err != nil {
			return err
		}
	}
	for left := j.pause.left(j.Now()); left > 0; left = j.pause.left(j.Now()) {
		if err := sleep(ctx, left); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
