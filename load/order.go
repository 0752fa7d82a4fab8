package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// group is the changes that may be sent side by side; the next begins when it has ended.
type group struct {
	step
	priority int // of plan.changes; 0: of every one
}

// steps is the order of work of section 8: disable, create, update, then the orders.
func steps() []step {
	return []step{{"products", "disable"}, {"products", "create"}, {"products", "update"}, {"sell_orders", "create"}}
}

// errNear ends a group whose rest has to be sent in another order.
var errNear = errors.New("the deadline is near")

// send sends the plan in the order of work. When what is left does not fit into the time before the deadline any more, the rest
// goes by the plan's priorities instead (505_plan_candidates.sql says what is urgent), and in each of them in the order of work.
func (j *Job) send(ctx context.Context) error {
	if err := j.countPlan(ctx); err != nil {
		return err
	}
	j.taken = map[key]bool{}
	j.tempo.begin(j.Now())
	err := j.sendGroups(ctx, []int{0})
	if errors.Is(err, errNear) {
		j.rushed = true
		j.Log.Info("not all that is left can be sent before the deadline: stock and orders go before texts", "left", j.counts.left(), "deadline", j.Deadline)
		var priorities []int
		if priorities, err = j.priorities(ctx); err == nil {
			err = j.sendGroups(ctx, priorities)
		}
	}
	if err != nil && err == context.Cause(ctx) && j.counts.left() == 0 {
		return nil // it was to be stopped, and all was done
	}
	return err
}

func (j *Job) sendGroups(ctx context.Context, priorities []int) error {
	for _, priority := range priorities {
		for _, s := range steps() {
			if err := j.runStep(ctx, group{s, priority}); err != nil {
				return err
			}
		}
	}
	return nil
}

// countPlan counts all that is planned, also what the load will not come to.
func (j *Job) countPlan(ctx context.Context) error {
	for _, s := range steps() {
		var n int
		if err := j.Run.DB.QueryRowContext(ctx, "SELECT count(*) FROM plan.changes WHERE entity = ? AND op = ?", s.entity, s.op).Scan(&n); err != nil {
			return fmt.Errorf("count plan.changes: %w", err)
		}
		if n > 0 {
			j.counts.plan(s, n)
		}
	}
	return nil
}

// priorities are those of the plan, the most urgent first.
func (j *Job) priorities(ctx context.Context) (list []int, err error) {
	for _, s := range steps() {
		changes, err := changesOf(ctx, j.Run, s)
		if err != nil {
			return nil, err
		}
		for _, c := range changes {
			if !slices.Contains(list, c.priority) {
				list = append(list, c.priority)
			}
		}
	}
	slices.Sort(list)
	return list, nil
}

// changes are those of a group that this load has not come to yet.
func (j *Job) changes(ctx context.Context, g group) ([]change, error) {
	list, err := changesOf(ctx, j.Run, g.step)
	return slices.DeleteFunc(list, func(c change) bool {
		return g.priority != 0 && c.priority != g.priority || j.taken[c.key()]
	}), err
}

// spare is what is added to the time that the rest should take: the rate goes up and down.
const spare = 1.25

// near tells, once, that what is left of the plan may not be sent before the deadline at the rate of the last answers.
func (j *Job) near() bool {
	if j.Deadline.IsZero() || j.rushed {
		return false
	}
	now := j.Now()
	rate := j.rate(now)
	return rate > 0 && float64(j.counts.left())/rate*spare >= j.Deadline.Sub(now).Seconds()
}

// rate is how many changes are decided per second; 0 where that is not known.
func (j *Job) rate(now time.Time) float64 {
	if rate, known := j.tempo.rate(now); known {
		return rate
	}
	return j.PerSecond
}

// ahead is how many changes are written to the ledger before their requests leave. With a deadline it is no more than some seconds'
// work, so that the order of work can still change.
func (j *Job) ahead() int {
	if j.Deadline.IsZero() {
		return intentsTogether
	}
	return min(max(int(5*j.rate(j.Now())), j.Concurrency, 1), intentsTogether)
}

// The rate is that of the last answers, and is not known before the first few.
const (
	tempoMost  = 100
	tempoLeast = 4
)

// tempo measures how fast changes are decided.
type tempo struct {
	mu    sync.Mutex
	since time.Time // when times began
	times []time.Time
}

func (t *tempo) begin(now time.Time) { t.since = now }

func (t *tempo) answered(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.times = append(t.times, now); len(t.times) > tempoMost {
		t.since, t.times = t.times[0], t.times[1:]
	}
}

// rate counts the time since the last answer too, so that it falls while a server says nothing.
func (t *tempo) rate(now time.Time) (perSecond float64, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	took := now.Sub(t.since).Seconds()
	if len(t.times) < tempoLeast || took <= 0 {
		return 0, false
	}
	return float64(len(t.times)) / took, true
}
