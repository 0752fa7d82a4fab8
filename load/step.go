package load

import (
	"context"
	"sync"
)

// intentsAhead is how many changes may be in the ledger before their requests leave. A kill leaves as many that may have been
// sent and have to be looked up, so that more is not better. Most of them are written in one commit, intentsTogether; the rest
// keeps the workers busy meanwhile.
const (
	intentsAhead    = 64
	intentsTogether = 48
)

// work is a step that is under way.
type work struct {
	*Job
	step
	ready   chan sending   // their row of the ledger is durable
	answers sync.WaitGroup // answers that are not durable yet
	stop    context.CancelCauseFunc
}

// runStep sends the changes of one group, several at a time. What an earlier attempt at this plan has decided is counted,
// not sent again. It ends early, with errNear, when the deadline asks for another order of work.
func (j *Job) runStep(ctx context.Context, g group) error {
	changes, err := j.changes(ctx, g)
	if err != nil || len(changes) == 0 {
		return err
	}
	decided, err := j.decided(ctx, g.step)
	if err != nil {
		return err
	}
	j.Progress.Begin(g.name(), int64(len(changes)))
	defer j.Progress.End(g.name())

	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	w := &work{Job: j, step: g.step, ready: make(chan sending, intentsAhead-intentsTogether), stop: stop}
	if !j.Deadline.IsZero() {
		w.ready = make(chan sending) // what a worker has not taken yet may have to give way
	}
	var workers sync.WaitGroup
	for range max(j.Concurrency, 1) {
		workers.Go(func() {
			for c := range w.ready {
				state, err := j.attempts(ctx, c)
				j.tempo.answered(j.Now())
				w.ended(state, err)
			}
		})
	}
	near := false
	for len(changes) > 0 && ctx.Err() == nil {
		if near = j.near(); near {
			break
		}
		n := min(len(changes), j.ahead())
		if err := w.feed(ctx, changes[:n], decided); err != nil {
			stop(err)
		}
		changes = changes[n:]
	}
	close(w.ready)
	workers.Wait()
	if err := j.ledger.record(); err != nil {
		stop(err)
	}
	w.answers.Wait()
	if err := context.Cause(ctx); err != nil || !near {
		return err
	}
	return errNear
}

// ended counts a change that is decided. Without a state it is not, or its answer is not durable yet. An error stops the load.
func (w *work) ended(state State, err error) {
	if state != "" {
		w.counts.add(w.step, state)
		w.Progress.Add(w.name(), 1)
	}
	if err != nil {
		w.stop(err)
	}
}

// feed makes the intents of some changes durable, and hands them to the workers (section 9.1). Those that no worker takes,
// because the load is being stopped, are planned again.
func (w *work) feed(ctx context.Context, changes []change, decided map[string]State) error {
	var list []sending
	var held, intents []event
	ids, err := w.productIDs(ctx, changes)
	if err != nil {
		return err
	}
	for _, c := range changes {
		w.taken[c.key()] = true
		if state, ok := decided[c.remoteID]; ok {
			w.ended(state, nil)
			continue
		}
		s, state, err := w.prepare(c, ids)
		switch {
		case err != nil:
			return err
		case state != "":
			w.ended(state, nil)
		case s.State == Held:
			held = append(held, s.event)
		default:
			list, intents = append(list, s), append(intents, s.event)
		}
	}
	if err := w.ledger.record(append(held, intents...)...); err != nil { // invariant 2: durable before the request leaves
		return err
	}
	for range held {
		w.ended(Held, nil)
	}
	for i, s := range list {
		select {
		case w.ready <- s:
			continue
		case <-ctx.Done():
		}
		return w.takeBack(intents[i:]...)
	}
	return nil
}

// prepare decides whether a change is sent at all. state is set where it is not, and nothing has to be written. ids are those of
// products at Optiply.
func (w *work) prepare(c change, ids map[string]string) (s sending, state State, err error) {
	if w.late[c.key()] {
		return s, outcomeOfLate(c), nil
	}
	if before := w.ledger.stateOf(c.key()); before == Sent || before == Unknown {
		// Settling could not tell what became of an earlier request for the same thing (section 9.3). The ledger keeps that,
		// and nothing else is sent for it: an answer to a later request would hide that the earlier one is open.
		return s, Held, nil
	}
	e := event{RunID: w.plan.RunID, PlanHash: w.plan.Hash, Entity: c.entity, Op: c.op, RemoteID: c.remoteID, OptiplyID: c.optiplyID,
		SKU: c.sku, ChangeHash: c.hash}
	body, missing, err := c.body(ids)
	if err != nil {
		return s, "", err
	}
	if missing != "" {
		e.State, e.Reason, e.Cause = Held, missing, productMissing
		return sending{change: c, event: e}, "", nil
	}
	e.State, e.Attempt = Sent, 1
	e.setBody(body)
	return sending{change: c, event: e, since: w.Now(), work: w}, "", nil
}

// answered makes an answer durable, and counts it then (section 9.2). Nobody waits for it but the end of the step.
func (w *work) answered(e event) {
	w.answers.Add(1)
	w.ledger.submit(e, func(err error) {
		defer w.answers.Done()
		if err != nil {
			w.ended("", err)
			return
		}
		w.ended(Acknowledged, nil)
	})
}

// takeBack notes that requests whose intent is durable did not leave.
func (j *Job) takeBack(intents ...event) error {
	for i := range intents {
		intents[i].State, intents[i].Reason = Planned, "not sent: the load was stopped before its turn"
	}
	return j.ledger.record(intents...)
}
