package load

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"

	"magento-optiply/optiply"
)

//go:embed sql/unsettled.sql
var unsettledSQL string

//go:embed sql/late.sql
var lateSQL string

// settledReason marks the ledger's acknowledgements that settling brought. late.sql finds them by it.
const settledReason = "settled: an earlier load was cut off before its answer"

// settle finds out, before anything else is sent, what became of every request that the ledger knows as sent and not
// answered (section 9.3): an update is sent again, which is safe; creates are looked for at Optiply, all of an entity in one
// pass, since a kill leaves as many as were written ahead of their requests.
func (j *Job) settle(ctx context.Context) error {
	open, err := j.unsettled(ctx)
	if err != nil || len(open) == 0 {
		return err
	}
	j.Log.Info("some requests of an earlier load have no answer: Optiply is asked what became of them", "requests", len(open))
	looks := map[string]*look{}
	for _, s := range open {
		if s.op != "create" {
			_, err = j.attempts(ctx, s)
		} else {
			if looks[s.entity] == nil {
				looks[s.entity] = j.lookFor(ctx, s.entity, open)
			}
			found, failure := looks[s.entity].take(ctx, j, s)
			_, _, err = j.readAs(ctx, s, found, failure)
		}
		if err != nil {
			return fmt.Errorf("settle %s %s %s: %w", s.op, s.entity, s.remoteID, err)
		}
	}
	return nil
}

// look is what Optiply created since the oldest of some requests, or why it could not be read.
type look struct {
	made []*optiply.Resource
	err  error
}

func (j *Job) lookFor(ctx context.Context, entity string, open []sending) *look {
	since := j.Now()
	for _, s := range open {
		if s.op == "create" && s.entity == entity && s.since.Before(since) {
			since = s.since
		}
	}
	l := &look{}
	for r, err := range j.createdSince(ctx, entity, since) {
		if err != nil {
			l.err = err
			break
		}
		l.made = append(l.made, r)
	}
	return l
}

// take gives what a request made, which no other made then.
func (l *look) take(ctx context.Context, j *Job, s sending) (*optiply.Resource, error) {
	if l.err != nil {
		return nil, l.err
	}
	for i, r := range l.made {
		made, err := j.isMade(ctx, s, r)
		if err != nil {
			return nil, err
		}
		if made {
			l.made = slices.Delete(l.made, i, i+1)
			return r, nil
		}
	}
	return nil, nil
}

func (j *Job) unsettled(ctx context.Context) ([]sending, error) {
	rows, err := j.Run.DB.QueryContext(ctx, unsettledSQL)
	if err != nil {
		return nil, fmt.Errorf("find what is not settled: %w", err)
	}
	defer rows.Close()
	var list []sending
	for rows.Next() {
		s := sending{event: event{Reason: settledReason}}
		e := &s.event
		if err := rows.Scan(&e.RunID, &e.PlanHash, &e.Entity, &e.Op, &e.RemoteID, &e.OptiplyID, &e.Attempt, &e.Body, &e.BodyHash, &s.since); err != nil {
			return nil, fmt.Errorf("find what is not settled: %w", err)
		}
		s.change = change{entity: e.Entity, op: e.Op, remoteID: e.RemoteID, optiplyID: e.OptiplyID, attributes: json.RawMessage(e.Body)}
		list = append(list, s)
	}
	return list, rows.Err()
}

// findLate reads which things were settled after the plan was made, because Optiply could not be read back before. The
// plan does not fit them, and fits all others.
func (j *Job) findLate(ctx context.Context) error {
	j.late = map[key]bool{}
	rows, err := j.Run.DB.QueryContext(ctx, lateSQL, j.plan.RunID, j.plan.Hash, settledReason)
	if err != nil {
		return fmt.Errorf("find what was settled late: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k key
		if err := rows.Scan(&k.entity, &k.remoteID); err != nil {
			return fmt.Errorf("find what was settled late: %w", err)
		}
		j.late[k] = true
	}
	return rows.Err()
}

// outcomeOfLate is what becomes of a planned change whose thing was settled late. An order is sent once, so that it is
// done. A product may differ from what the plan was made from; the next run compares it again.
func outcomeOfLate(c change) State {
	if c.entity == "sell_orders" {
		return Acknowledged
	}
	return Held
}
