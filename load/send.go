package load

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
}

// send brings one change to Optiply and returns where it ended: acknowledged, rejected or held. An error stops the load.
func (j *Job) send(ctx context.Context, c change) (State, error) {
	if j.late[c.key()] {
		return outcomeOfLate(c), nil
	}
	if before := j.ledger.stateOf(c.key()); before == Sent || before == Unknown {
		// Settling could not tell what became of an earlier request for the same thing (section 9.3). The ledger keeps that,
		// and nothing else is sent for it: an answer to a later request would hide that the earlier one is open.
		return Held, nil
	}
	base := event{RunID: j.plan.RunID, PlanHash: j.plan.Hash, Entity: c.entity, Op: c.op, RemoteID: c.remoteID, OptiplyID: c.optiplyID}
	body, missing, err := j.body(ctx, c)
	if err != nil {
		return "", err
	}
	if missing != "" {
		base.State, base.Reason = Held, missing
		return Held, j.ledger.record(base)
	}
	sum := sha256.Sum256(body)
	base.Body, base.BodyHash = string(body), hex.EncodeToString(sum[:])
	return j.attempts(ctx, sending{c, base, j.Now()})
}

// attempts sends one request until it is decided, five times at most.
func (j *Job) attempts(ctx context.Context, s sending) (State, error) {
	var last *optiply.Error
	for s.Attempt = 1; s.Attempt <= mostAttempts; s.Attempt++ {
		if err := j.wait(ctx, s.Attempt, last); err != nil {
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
			return Acknowledged, j.acknowledge(s.event, resource)
		}
		if undone == "" {
			return "", err // the ledger could not be written
		}
		last = asOptiply(err)
		if state, done, err := j.failed(ctx, s, undone, last); done {
			return state, err
		}
	}
	s.Attempt = mostAttempts
	return j.giveUp(ctx, s, last)
}

// attempt writes the ledger and sends once. undone is where the change stands if this attempt turns out not to have been
// applied; an update of which an earlier attempt may have been stays unknown.
func (j *Job) attempt(ctx context.Context, s sending) (resource *optiply.Resource, undone State, err error) {
	undone = Planned
	if before := j.ledger.stateOf(s.key()); before == Sent || before == Unknown {
		undone = Unknown
	}
	sent := s.event
	sent.State = Sent
	if err := j.ledger.record(sent); err != nil { // invariant 2: durable before the request leaves
		return nil, "", err
	}
	resource, err = j.request(ctx, s.change, json.RawMessage(s.Body))
	return resource, undone, err
}

// request is one attempt. Once it may have left, its answer is waited for even when the run is being stopped: Ctrl-C ends
// after what is in flight.
func (j *Job) request(ctx context.Context, c change, body json.RawMessage) (*optiply.Resource, error) {
	if ctx.Err() != nil {
		return nil, &optiply.Error{Kind: optiply.Transport, Err: context.Cause(ctx)} // not sent
	}
	ctx = context.WithoutCancel(ctx)
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

// wait holds an attempt back: while Optiply asked to be left alone, which goes for all workers, and before a repetition
// with doubling waits and jitter. It is an error when the load is being stopped.
func (j *Job) wait(ctx context.Context, attempt int, last *optiply.Error) error {
	if last != nil {
		d := j.RetryWait << (attempt - 2)
		d += rand.N(d/4 + 1)
		if last.RetryAfter > 0 {
			d = last.RetryAfter
		}
		if last.Kind == optiply.Throttled || last.RetryAfter > 0 {
			j.pause.extend(j.Now().Add(d))
		} else if err := sleep(ctx, d); err != nil {
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
