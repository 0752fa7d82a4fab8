package load

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"magento-optiply/optiply"
	"magento-optiply/store"
)

//go:embed sql/reject.sql
var rejectSQL string

// cause says in one word why a row did not get through. The words are a contract: `rejects --cause` filters by them, and
// docs/rejects.md explains them. Those of rows that no request was made for are in sql/waiting.sql.
type cause string

const (
	refused          cause = "refused"            // 400, 409, 422: not sent again until it changes (505_plan_candidates.sql)
	referenceMissing cause = "reference_missing"  // 404 of a create: something that it names is not at Optiply
	deletedThere     cause = "deleted_in_optiply" // 404 of an update
	serverError      cause = "server_error"       // 429 or 5xx, five times
	noConnection     cause = "no_connection"      // no answer, five times
	productMissing   cause = "product_missing"    // an order whose product is not in Optiply yet
)

// Causes are all of them, in the order in which the list shows them. Those after the blank line are of rows that no request was
// made for, or none that was answered; sql/waiting.sql names them, and package adopt the last.
func Causes() []string {
	return []string{
		string(refused), string(referenceMissing), string(deletedThere), string(serverError), string(noConnection), string(productMissing),

		"outcome_unknown", "settled_late", "value", "waiting", "quarantined", "drift",
	}
}

// missing is what becomes of an update whose product is not at Optiply any more (section 9.4): held by name, or created
// again where the plan says with what. The ledger keeps the id it had. Either way it uses up the error budget, because
// everything is missing where the account is not the one that the state is of.
func (j *Job) missing(ctx context.Context, s sending, e event, err *optiply.Error) (State, bool, error) {
	if s.whole == nil {
		e.State, e.Cause = Held, deletedThere
		if serr := j.ledger.record(e); serr != nil {
			return "", true, serr
		}
		return Held, true, j.budget.failed(err)
	}
	e.State = Planned
	e.Reason += "; it is created again, as load.recreate_missing says"
	if serr := j.ledger.record(e); serr != nil {
		return "", true, serr
	}
	if berr := j.budget.failed(err); berr != nil {
		return "", true, berr
	}
	c := s.change
	c.op, c.optiplyID, c.attributes, c.whole = "create", "", s.whole, nil
	base := s.event
	base.Op, base.OptiplyID, base.Reason = c.op, "", ""
	base.setBody(json.RawMessage(c.attributes))
	state, serr := j.attempts(ctx, sending{change: c, event: base, since: j.Now(), again: true})
	return state, true, serr
}

// Decided counts what a decision did.
type Decided struct {
	Decided int64 // rows that go by it now
	Others  int64 // rows that were chosen and that it changes nothing for
}

// Decide writes down what a person wants done with rows of the list: retry or ignore. where is a condition on state.parked.
// The next plan goes by it.
func Decide(ctx context.Context, state *store.Run, decision, where string, now time.Time) (d Decided, err error) {
	can := map[string]string{
		// What is held is sent again anyway.
		"retry": "(decision = 'ignore' OR cause = 'refused')",
		// Without a hash it is not known what was to be sent.
		"ignore": "change_hash IS NOT NULL",
	}[decision]
	err = state.DB.QueryRowContext(ctx, "SELECT count(*) FILTER ("+can+"), count(*) FILTER (NOT "+can+") FROM state.parked WHERE "+where).Scan(&d.Decided, &d.Others)
	if err == nil && d.Decided > 0 {
		_, err = state.DB.ExecContext(ctx, "UPDATE state.parked SET decision = ?, decided_at = ? WHERE "+can+" AND "+where, decision, now.UTC())
	}
	if err != nil {
		return d, fmt.Errorf("decide about rejected rows: %w", err)
	}
	return d, nil
}
