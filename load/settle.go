package load

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"magento-optiply/optiply"
)

// readBackMargin is how much earlier than the attempt Optiply's createdAt may be: the two clocks need not agree.
const readBackMargin = 15 * time.Minute

// open change of the ledger, whose outcome is not known.
type unsettled struct {
	change
	event
	firstSent time.Time
}

// settle finds out, before anything else is sent, what became of every request that the ledger knows as sent and not
// answered (section 9.3): an update is sent again, which is safe; a create is looked for at Optiply.
func (j *Job) settle(ctx context.Context) error {
	open, err := j.unsettled(ctx)
	if err != nil || len(open) == 0 {
		return err
	}
	j.Log.Info("some requests of an earlier run have no answer: Optiply is asked what became of them", "requests", len(open))
	for _, u := range open {
		if err := j.settleOne(ctx, u); err != nil {
			return fmt.Errorf("settle %s %s %s: %w", u.change.op, u.change.entity, u.change.remoteID, err)
		}
	}
	return nil
}

func (j *Job) unsettled(ctx context.Context) ([]unsettled, error) {
	rows, err := j.Run.DB.QueryContext(ctx, `
		WITH latest AS (
			SELECT * FROM state.ledger QUALIFY row_number() OVER (PARTITION BY entity, remote_id ORDER BY seq DESC) = 1
		)
		SELECT l.run_id, l.plan_hash, l.entity, l.op, l.remote_id, coalesce(l.optiply_id, ''), l.state, l.attempt, s.body, s.body_hash,
			   (SELECT min(happened_at) FROM state.ledger f WHERE f.plan_hash = l.plan_hash AND f.run_id = l.run_id AND f.entity = l.entity AND f.remote_id = l.remote_id AND f.state = 'sent')
		FROM latest l
		JOIN state.ledger s ON s.entity = l.entity AND s.remote_id = l.remote_id AND s.state = 'sent'
		WHERE l.state IN ('sent', 'unknown')
		QUALIFY row_number() OVER (PARTITION BY l.entity, l.remote_id ORDER BY s.seq DESC) = 1
		ORDER BY s.seq`)
	if err != nil {
		return nil, fmt.Errorf("find what is not settled: %w", err)
	}
	defer rows.Close()
	var list []unsettled
	for rows.Next() {
		var u unsettled
		e := &u.event
		if err := rows.Scan(&e.RunID, &e.PlanHash, &e.Entity, &e.Op, &e.RemoteID, &e.OptiplyID, &e.State, &e.Attempt, &e.Body, &e.BodyHash, &u.firstSent); err != nil {
			return nil, fmt.Errorf("find what is not settled: %w", err)
		}
		u.change = change{entity: e.Entity, op: e.Op, remoteID: e.RemoteID, optiplyID: e.OptiplyID, attributes: json.RawMessage(e.Body)}
		list = append(list, u)
	}
	return list, rows.Err()
}

func (j *Job) settleOne(ctx context.Context, u unsettled) error {
	if u.change.op != "create" {
		_, err := j.attempts(ctx, u.change, u.event)
		return err
	}
	_, _, err := j.readBack(ctx, u.change, u.event, u.firstSent)
	return err
}

// readBackNow settles a create whose answer did not come, in the run that sent it.
func (j *Job) readBackNow(ctx context.Context, c change, e event) (State, bool, error) {
	// The server may still be at it: a moment's wait, then look.
	if err := sleep(ctx, j.RetryWait); err != nil {
		return "", true, err
	}
	return j.readBack(ctx, c, e, j.Now())
}

// readBack looks for a created thing at Optiply: found means adopted, not found means that it may be sent again, and a
// look that fails leaves it unknown, held by name, until the next run.
func (j *Job) readBack(ctx context.Context, c change, e event, since time.Time) (State, bool, error) {
	found, err := j.find(ctx, c, since.Add(-readBackMargin))
	switch {
	case err != nil && asOptiply(err).Fatal():
		return "", true, err
	case err != nil:
		j.Log.Warn("Optiply could not be read back; the row is held", "entity", c.entity, "remote_id", c.remoteID, "error", err)
		return Held, true, nil
	case found == nil:
		e.State, e.Reason, e.Status = Planned, "read back: Optiply does not have it", 0
		return "", false, j.ledger.record(e)
	}
	e.State, e.OptiplyID, e.UUID, e.Reason = Acknowledged, found.ID, found.UUID, "read back: Optiply has it"
	return Acknowledged, true, j.ledger.record(e)
}

// find pages through what Optiply created since then. remoteId cannot be filtered by, so the answer's remoteIdMap is
// compared; an object without one is compared by its natural key.
func (j *Job) find(ctx context.Context, c change, since time.Time) (*optiply.Resource, error) {
	query := optiply.ListQuery{Sort: "id", Filters: []optiply.Filter{{Attribute: "createdAt", Operator: optiply.GE, Value: optiply.FilterTime(since)}}}
	for r, err := range j.Client.List(ctx, kindOf(c.entity), query) {
		if err != nil {
			return nil, err
		}
		if id, ok := r.RemoteID(j.CouplingID); ok {
			if id == c.remoteID {
				return r, nil
			}
			continue
		}
		if len(r.RemoteIDs) == 0 && j.sameByNature(c, r) {
			return r, nil
		}
	}
	return nil, nil
}

// sameByNature compares an article code, or an order's date and value.
func (j *Job) sameByNature(c change, r *optiply.Resource) bool {
	mine := optiply.Resource{Attributes: c.attributes}
	same := func(attribute string) bool {
		a, ok := mine.Text(attribute)
		b, also := r.Text(attribute)
		return ok && also && (a == b || sameNumber(a, b))
	}
	if c.entity == "sell_orders" {
		return same("placed") && same("totalValue")
	}
	return same("articleCode") && same("skuCode")
}
