package load

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"magento-optiply/optiply"
)

// send brings one change to Optiply and returns where it ended: acknowledged, rejected or held. An error stops the load.
func (j *Job) send(ctx context.Context, c change) (State, error) {
	base := event{RunID: j.plan.RunID, PlanHash: j.plan.Hash, Entity: c.entity, Op: c.op, RemoteID: c.remoteID, OptiplyID: c.optiplyID}
	if s := j.ledger.stateOf(c.key()); c.op == "create" && (s == Sent || s == Unknown) {
		// Settling could not tell what became of an earlier create of the same thing (section 9.3). The ledger keeps that.
		j.blocked.add(c)
		return Held, nil
	}
	body, missing, err := j.body(ctx, c)
	if err != nil {
		return "", err
	}
	if missing != "" {
		return Held, j.hold(base, missing)
	}
	sum := sha256.Sum256(body)
	base.Body, base.BodyHash = string(body), hex.EncodeToString(sum[:])
	return j.attempts(ctx, c, base)
}

func (j *Job) hold(e event, reason string) error {
	e.State, e.Reason = Held, reason
	return j.ledger.record(e)
}

// attempts sends one request until it is decided, five times at most.
func (j *Job) attempts(ctx context.Context, c change, base event) (State, error) {
	var last *optiply.Error
	for attempt := 1; attempt <= mostAttempts; attempt++ {
		if err := j.wait(ctx, attempt, last); err != nil {
			return "", err
		}
		base.Attempt = attempt
		sent := base
		sent.State = Sent
		if err := j.ledger.record(sent); err != nil { // invariant 2: durable before the request leaves
			return "", err
		}
		resource, err := j.request(ctx, c, json.RawMessage(base.Body))
		if err == nil {
			return Acknowledged, j.acknowledge(base, resource)
		}
		last = asOptiply(err)
		state, done, err := j.failed(ctx, c, base, last)
		if done || err != nil {
			return state, err
		}
	}
	return j.giveUp(base, last)
}

// request is one attempt. Once it may have left, its answer is waited for even when the run is being stopped: Ctrl-C ends
// what is in flight.
func (j *Job) request(ctx context.Context, c change, body json.RawMessage) (*optiply.Resource, error) {
	if err := ctx.Err(); err != nil {
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

func (j *Job) acknowledge(e event, r *optiply.Resource) error {
	e.State, e.OptiplyID, e.UUID = Acknowledged, r.ID, r.UUID
	e.Status = 200
	if e.Op == "create" {
		e.Status = 201
	}
	j.budget.succeeded()
	return j.ledger.record(e) // section 9.2: with the state row, before it counts
}

// failed notes what an error means for the change, and says whether that decides it.
func (j *Job) failed(ctx context.Context, c change, e event, err *optiply.Error) (state State, done bool, stop error) {
	e.Status, e.Reason = err.Status, err.Error()
	switch {
	case err.Fatal() || ctx.Err() != nil && err.Kind == optiply.Transport && !err.Sent:
		e.State = Planned // refused before it was looked at, or never sent
		if serr := j.ledger.record(e); serr != nil {
			return "", true, serr
		}
		if ctx.Err() != nil {
			return "", true, context.Cause(ctx)
		}
		return "", true, err
	case err.Kind == optiply.NotFound && c.op != "create":
		e.Reason = "somebody deleted it in Optiply: " + e.Reason
		e.State = Held
		return Held, true, j.ledger.record(e)
	case err.Kind == optiply.NotFound || err.Kind == optiply.Rejected:
		e.State = Rejected
		if serr := j.ledger.record(e); serr != nil {
			return "", true, serr
		}
		return Rejected, true, j.budget.failed(err)
	case err.Unknown():
		e.State = Unknown
		if serr := j.ledger.record(e); serr != nil {
			return "", true, serr
		}
		if c.op != "create" {
			return "", false, nil // safe to repeat (section 9.4)
		}
		return j.readBackNow(ctx, c, e)
	}
	e.State = Planned // the answer says that nothing was applied
	return "", false, j.ledger.record(e)
}

// giveUp ends a row that five attempts did not bring through.
func (j *Job) giveUp(e event, last *optiply.Error) (State, error) {
	if last.Unknown() && e.Op != "create" {
		// An update that may have been applied stays unknown: the next run sends it again before anything else.
		return Held, j.budget.failed(last)
	}
	e.State, e.Status, e.Reason = Rejected, last.Status, fmt.Sprintf("given up after %d attempts: %v", mostAttempts, last)
	if last.Kind == optiply.Transport || last.Unknown() {
		e.State = Held // a request that never got through says nothing about the row
	}
	if err := j.ledger.record(e); err != nil {
		return "", err
	}
	return e.State, j.budget.failed(last)
}

// wait holds an attempt back: while Optiply asked everybody to wait, and before a repetition with doubling waits and jitter.
func (j *Job) wait(ctx context.Context, attempt int, last *optiply.Error) error {
	if last != nil {
		d := j.RetryWait << (attempt - 2)
		d += rand.N(d/4 + 1)
		if last.RetryAfter > 0 {
			d = last.RetryAfter
		}
		if last.Kind == optiply.Throttled {
			j.pause.extend(j.Now().Add(d))
		} else if err := sleep(ctx, d); err != nil {
			return err
		}
	}
	for {
		left := j.pause.left(j.Now())
		if left <= 0 {
			return nil
		}
		if err := sleep(ctx, left); err != nil {
			return err
		}
	}
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

// body is what is sent. For an order the Magento ids of its lines' products are replaced by Optiply's; missing names a
// product that Optiply does not have yet, for which the order waits (section 7).
func (j *Job) body(ctx context.Context, c change) (body json.RawMessage, missing string, err error) {
	if c.entity != "sell_orders" {
		return c.attributes, "", nil
	}
	ids, err := j.productIDs(ctx, c.lines)
	if err != nil {
		return nil, "", err
	}
	type orderLine struct {
		Quantity      json.Number `json:"quantity"`
		SubtotalValue json.Number `json:"subtotalValue"`
		ProductID     json.Number `json:"productId"`
	}
	var lines []orderLine
	for _, l := range c.lines {
		id, ok := ids[l.Product]
		if !ok {
			return nil, "product " + l.Product + " of one of its lines is not in Optiply yet: its create was rejected or held", nil
		}
		lines = append(lines, orderLine{l.Quantity, l.SubtotalValue, json.Number(id)})
	}
	encoded, err := json.Marshal(lines)
	if err != nil {
		return nil, "", fmt.Errorf("write the lines of order %s: %w", c.remoteID, err)
	}
	head := strings.TrimSuffix(strings.TrimSpace(string(c.attributes)), "}")
	return json.RawMessage(head + `,"orderLines":` + string(encoded) + "}"), "", nil
}

// productIDs looks up the Optiply ids of products by their Magento ids.
func (j *Job) productIDs(ctx context.Context, lines []line) (map[string]string, error) {
	wanted := make([]any, len(lines))
	for i, l := range lines {
		wanted[i] = l.Product
	}
	marks := strings.TrimSuffix(strings.Repeat("?,", len(wanted)), ",")
	rows, err := j.Run.DB.QueryContext(ctx, "SELECT remote_id, optiply_id FROM state.products WHERE remote_id IN ("+marks+")", wanted...)
	if err != nil {
		return nil, fmt.Errorf("look up products at Optiply: %w", err)
	}
	defer rows.Close()
	ids := map[string]string{}
	for rows.Next() {
		var remoteID, optiplyID string
		if err := rows.Scan(&remoteID, &optiplyID); err != nil {
			return nil, fmt.Errorf("look up products at Optiply: %w", err)
		}
		ids[remoteID] = optiplyID
	}
	return ids, rows.Err()
}
