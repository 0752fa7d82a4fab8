package load

import (
	"context"
	"fmt"

	"magento-optiply/optiply"
)

// acknowledge makes an answer durable, with the state row, before it counts (section 9.2).
func (j *Job) acknowledge(s sending, r *optiply.Resource) (State, error) {
	e := s.event
	e.State, e.OptiplyID, e.UUID = Acknowledged, r.ID, r.UUID
	j.owners.take(e.Entity, r.ID, e.RemoteID)
	e.Status = 200
	if e.Op == "create" {
		e.Status = 201
	}
	if !s.again {
		j.budget.succeeded()
	}
	if s.work != nil {
		s.work.answered(e)
		return "", nil
	}
	return Acknowledged, j.ledger.record(e)
}

// mayBeApplied tells whether a request that failed can have changed Optiply. The client counts a plain 500 as the server's
// own refusal; a server can also fail after it has written, and a look costs less than a duplicate.
func mayBeApplied(err *optiply.Error) bool {
	return err.Unknown() || err.Kind == optiply.Unavailable && err.Sent
}

// failed notes what an error means for the change, and says whether that decides it.
func (j *Job) failed(ctx context.Context, s sending, undone State, err *optiply.Error) (state State, done bool, stop error) {
	e := s.event
	e.Status, e.Reason = err.Status, err.Error()
	note := func(state State) error {
		e.State = state
		return j.ledger.record(e)
	}
	stopped := ctx.Err() != nil && err.Kind == optiply.Transport && !err.Sent
	switch {
	case err.Fatal() || stopped: // refused before it was looked at, or never sent
		if serr := note(undone); serr != nil {
			return "", true, serr
		}
		if stopped {
			return "", true, context.Cause(ctx)
		}
		return "", true, err
	case err.Kind == optiply.NotFound && s.op != "create":
		e.Reason = "somebody deleted it in Optiply: " + e.Reason
		return j.missing(ctx, s, e, err)
	case err.Kind == optiply.NotFound || err.Kind == optiply.Rejected:
		e.Cause = refused
		if err.Kind == optiply.NotFound {
			e.Cause = referenceMissing
		}
		if serr := note(Rejected); serr != nil {
			return "", true, serr
		}
		return Rejected, true, j.budget.failed(err)
	case mayBeApplied(err):
		serr := note(Unknown)
		return "", serr != nil, serr
	}
	serr := note(undone) // the answer says that nothing was applied
	return "", serr != nil, serr
}

// giveUp ends a row that five attempts did not bring through. One that may have been applied is looked for once more,
// since the state must tell what Optiply holds; where that cannot be told it stays unknown, held by name.
func (j *Job) giveUp(ctx context.Context, s sending, last *optiply.Error) (State, error) {
	if j.ledger.stateOf(s.key()) == Unknown {
		if err := j.wait(ctx, mostAttempts+1, last); err != nil {
			return "", err
		}
		if state, done, err := j.readBack(ctx, s); done {
			return state, err
		}
	}
	e := s.event
	e.State, e.Status, e.Reason = Rejected, last.Status, fmt.Sprintf("given up after %d attempts: %v", mostAttempts, last)
	e.Cause = serverError
	if last.Kind == optiply.Transport {
		e.State, e.Cause = Held, noConnection // a request that never got through says nothing about the row
	}
	if err := j.ledger.record(e); err != nil {
		return "", err
	}
	return e.State, j.budget.failed(last)
}
