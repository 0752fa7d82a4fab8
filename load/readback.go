package load

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"

	"github.com/shopspring/decimal"

	"magento-optiply/optiply"
)

// readBackMargin is how much earlier than the first attempt Optiply's createdAt may be: the two clocks need not agree.
const readBackMargin = 15 * time.Minute

// readBack finds out whether a request whose answer did not come was applied: then it is acknowledged. Where it was not,
// the change is planned again, and done is false. A look that fails leaves it unknown, held by name, until the next run.
func (j *Job) readBack(ctx context.Context, s sending) (state State, done bool, err error) {
	found, err := j.look(ctx, s)
	return j.readAs(ctx, s, found, err)
}

// readAs is what a look means for a change.
func (j *Job) readAs(ctx context.Context, s sending, found *optiply.Resource, err error) (State, bool, error) {
	e := s.event
	switch {
	case err != nil && ctx.Err() != nil:
		return "", true, context.Cause(ctx)
	case err != nil:
		state, err := j.cannotTell(s, asOptiply(err))
		return state, true, err
	case found == nil:
		e.State, e.Reason, e.Status = Planned, "read back: Optiply does not have it", 0
		err = j.ledger.record(e)
		return "", err != nil, err
	}
	e.State, e.OptiplyID, e.UUID = Acknowledged, found.ID, found.UUID
	if e.Reason == "" {
		e.Reason = "read back: Optiply has it"
	}
	j.budget.succeeded()
	return Acknowledged, true, j.ledger.record(e)
}

// cannotTell notes why a row stays unknown. Looks that fail one after another use up the error budget like anything else.
func (j *Job) cannotTell(s sending, err *optiply.Error) (State, error) {
	j.Log.Warn("Optiply could not be read back; the row is held", "entity", s.entity, "remote_id", s.remoteID, "error", err)
	if j.ledger.stateOf(s.key()) == Sent { // cut off by a kill: its row says nothing yet
		e := s.event
		e.State, e.Reason = Unknown, "its answer did not come, and Optiply could not be read back: "+err.Error()
		if serr := j.ledger.record(e); serr != nil {
			return "", serr
		}
	}
	if err.Fatal() {
		return "", err
	}
	return Held, j.budget.failed(err)
}

// look gives the thing at Optiply if the request was applied, nil if it was not.
func (j *Job) look(ctx context.Context, s sending) (*optiply.Resource, error) {
	if s.op == "create" {
		return j.find(ctx, s)
	}
	r, err := j.Client.Get(ctx, kindOf(s.entity), s.optiplyID)
	if e, ok := errors.AsType[*optiply.Error](err); ok && e.Kind == optiply.NotFound {
		return nil, nil
	}
	if err != nil || !holds(r, json.RawMessage(s.Body)) {
		return nil, err
	}
	return r, nil
}

// find pages through what Optiply created since the first attempt. remoteId cannot be filtered by.
func (j *Job) find(ctx context.Context, s sending) (*optiply.Resource, error) {
	for r, err := range j.createdSince(ctx, s.entity, s.since) {
		if err != nil {
			return nil, err
		}
		if made, err := j.isMade(ctx, s, r); made || err != nil {
			return r, err
		}
	}
	return nil, nil
}

func (j *Job) createdSince(ctx context.Context, entity string, since time.Time) iter.Seq2[*optiply.Resource, error] {
	from := optiply.FilterTime(since.Add(-readBackMargin))
	return j.Client.List(ctx, kindOf(entity), optiply.ListQuery{Sort: "id",
		Filters: []optiply.Filter{{Attribute: "createdAt", Operator: optiply.GE, Value: from}}})
}

// isMade tells whether a request made this object: by the remote id of our coupling, or by its natural key where it has none.
func (j *Job) isMade(ctx context.Context, s sending, r *optiply.Resource) (bool, error) {
	if id, ok := r.RemoteID(j.CouplingID); ok {
		return id == s.remoteID, nil
	}
	if len(r.RemoteIDs) > 0 || !sameByNature(s, r) {
		return false, nil
	}
	return j.isFree(ctx, s, r)
}

// sameByNature compares a product's codes, or an order's date and value.
func sameByNature(s sending, r *optiply.Resource) bool {
	mine := optiply.Resource{Attributes: json.RawMessage(s.Body)}
	if s.entity == "sell_orders" {
		return sameAttribute(&mine, r, "placed") && sameAttribute(&mine, r, "totalValue")
	}
	return sameAttribute(&mine, r, "articleCode") && sameAttribute(&mine, r, "skuCode")
}

// holds tells whether a resource has every attribute of an update.
func holds(r *optiply.Resource, body json.RawMessage) bool {
	var sent map[string]json.RawMessage
	if json.Unmarshal(body, &sent) != nil {
		return false
	}
	mine := optiply.Resource{Attributes: body}
	for attribute := range sent {
		if !sameAttribute(&mine, r, attribute) {
			return false
		}
	}
	return true
}

func sameAttribute(mine, theirs *optiply.Resource, attribute string) bool {
	a, ok := mine.Text(attribute)
	b, also := theirs.Text(attribute)
	return ok && also && (a == b || sameNumber(a, b) || sameTime(a, b))
}

// sameNumber compares money, which Optiply answers as text and takes as a number.
func sameNumber(a, b string) bool {
	x, err := decimal.NewFromString(a)
	if err != nil {
		return false
	}
	y, err := decimal.NewFromString(b)
	return err == nil && x.Equal(y)
}

func sameTime(a, b string) bool {
	x, err := time.Parse(time.RFC3339, a)
	if err != nil {
		return false
	}
	y, err := time.Parse(time.RFC3339, b)
	return err == nil && x.Equal(y)
}
