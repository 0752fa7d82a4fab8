// Package load sends a run's plan to Optiply, each change once: a row of the ledger is durable before its request leaves,
// the answer is durable together with the state it makes before it counts, and what is not known is read back before
// anything is sent again (DESIGN.md section 9, invariant 2).
package load

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"magento-optiply/optiply"
	"magento-optiply/store"
)

// Progress hears what is sent, to draw it. Its methods are called from several goroutines.
type Progress interface {
	Begin(step string, total int64)
	Add(step string, rows int)
	End(step string)
}

// Job is one load.
type Job struct {
	Run         *store.Run // opened with the state for writing
	Client      *optiply.Client
	CouplingID  int64 // whose remote ids count when Optiply is read back
	Concurrency int
	Now         func() time.Time
	Progress    Progress
	Log         *slog.Logger
	// RetryWait is the wait before a second attempt of a request; it then doubles. 0 means 2 s. Retry-After wins.
	RetryWait time.Duration
	// Release names the guards that this load may pass although they hold the plan.
	Release []string
	// Deadline is when the context will end, the zero time where it has none. What is urgent goes first when not all that is left can
	// be sent before it (order.go); until answers have told how fast that goes, PerSecond does, where it is not 0.
	Deadline  time.Time
	PerSecond float64

	ledger *ledger
	plan   Plan
	late   map[key]bool // settled after the plan was made
	owners owners
	budget budget
	pause  pause
	counts counts
	tempo  tempo
	taken  map[key]bool // changes that this load has come to
	rushed bool         // the order of work is that of the plan's priorities
}

// Count is what became of the changes of one entity and operation.
type Count struct {
	Entity, Op                                string
	Planned, Done, Rejected, Held, Unfinished int64
}

// Result is what a load did.
type Result struct {
	Plan   Plan
	Counts []Count
	// UrgentFirst: the deadline was near, so that what is urgent was sent before the rest.
	UrgentFirst bool
}

// StoppedError means that the load ended before its plan did. Nothing is lost: the rest is sent by the next run, or by
// run --resume.
type StoppedError struct{ Err error }

func (e *StoppedError) Error() string {
	return fmt.Sprintf("the load stopped; what was sent is kept, the rest goes on with --resume or the next run: %v", e.Err)
}
func (e *StoppedError) Unwrap() error { return e.Err }

// mostAttempts is how often a request is sent before its row is given up (section 9.5).
const mostAttempts = 5

// Load settles what earlier runs left unknown, and sends the plan. The result is filled in also when an error ends it.
func (j *Job) Load(ctx context.Context, hash string) (*Result, error) {
	var err error
	if j.plan, err = ReadPlan(ctx, j.Run, hash); err != nil {
		return &Result{}, err
	}
	if err := j.pass(ctx); err != nil {
		return &Result{Plan: j.plan}, err
	}
	if err := j.open(ctx); err != nil {
		return &Result{Plan: j.plan}, err
	}
	defer j.ledger.close()
	if err := j.settle(ctx); err != nil {
		return &Result{Plan: j.plan}, &StoppedError{err}
	}
	if err := j.findLate(ctx); err != nil {
		return &Result{Plan: j.plan}, err
	}
	if err := fits(ctx, j.Run, j.plan, j.late); err != nil {
		return &Result{Plan: j.plan}, err
	}
	if err := j.Run.BeginLoad(ctx, j.Now()); err != nil {
		return j.result(), &StoppedError{err}
	}
	if err := j.send(ctx); err != nil {
		return j.result(), &StoppedError{err}
	}
	if err := j.finish(ctx); err != nil {
		return j.result(), err
	}
	return j.result(), nil
}

// Settle does only the first part: it finds out what became of the requests whose outcome is not known, so that the diff
// of the run that begins is made from what Optiply holds (section 9.3).
func (j *Job) Settle(ctx context.Context) error {
	if err := j.open(ctx); err != nil {
		return err
	}
	defer j.ledger.close()
	return j.settle(ctx)
}

func (j *Job) open(ctx context.Context) (err error) {
	if j.RetryWait <= 0 {
		j.RetryWait = 2 * time.Second
	}
	j.ledger, err = openLedger(ctx, j.Run.DB, j.Now)
	return err
}

func (j *Job) result() *Result {
	return &Result{Plan: j.plan, Counts: j.counts.list(), UrgentFirst: j.rushed}
}

// decided reads what this very plan has already settled, by remote id: an update may have ended as a create.
func (j *Job) decided(ctx context.Context, s step) (map[string]State, error) {
	rows, err := j.Run.DB.QueryContext(ctx, `SELECT remote_id, state FROM state.ledger WHERE run_id = ? AND plan_hash = ? AND entity = ?
		QUALIFY row_number() OVER (PARTITION BY remote_id ORDER BY seq DESC) = 1`, j.plan.RunID, j.plan.Hash, s.entity)
	if err != nil {
		return nil, fmt.Errorf("read what was sent: %w", err)
	}
	defer rows.Close()
	decided := map[string]State{}
	for rows.Next() {
		var id string
		var state State
		if err := rows.Scan(&id, &state); err != nil {
			return nil, fmt.Errorf("read what was sent: %w", err)
		}
		if state == Acknowledged || state == Rejected {
			decided[id] = state
		}
	}
	return decided, rows.Err()
}
