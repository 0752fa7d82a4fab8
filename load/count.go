package load

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"magento-optiply/optiply"
)

// counts adds up what became of the changes, by step.
type counts struct {
	mu    sync.Mutex
	steps []step
	byOp  map[step]*Count
}

func (c *counts) plan(s step, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byOp == nil {
		c.byOp = map[step]*Count{}
	}
	if c.byOp[s] == nil {
		c.steps = append(c.steps, s)
		c.byOp[s] = &Count{Entity: s.entity, Op: s.op}
	}
	c.byOp[s].Planned += int64(n)
}

// left is how many changes are not decided yet.
func (c *counts) left() (n int64) {
	for _, of := range c.list() {
		n += of.Unfinished
	}
	return n
}

func (c *counts) add(s step, outcome State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch outcome {
	case Acknowledged:
		c.byOp[s].Done++
	case Rejected:
		c.byOp[s].Rejected++
	default:
		c.byOp[s].Held++
	}
}

func (c *counts) list() []Count {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Count
	for _, s := range c.steps {
		n := *c.byOp[s]
		n.Unfinished = n.Planned - n.Done - n.Rejected - n.Held
		list = append(list, n)
	}
	return list
}

// The error budget of section 9.5: so many rows in a row that fail in the same way stop the load. Rows that Optiply
// refuses one by one are given more, since a shop can have a batch of bad rows; one that does not answer is given up soon.
const (
	budgetRefused    = 100
	budgetNotWorking = 8
)

// budget counts failures in a row.
type budget struct {
	mu   sync.Mutex
	kind optiply.Kind
	n    int
}

func (b *budget) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n = 0
}

// failed counts a row that was given up; the error says that the budget is used up.
func (b *budget) failed(err *optiply.Error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err.Kind != b.kind {
		b.kind, b.n = err.Kind, 0
	}
	b.n++
	most := budgetNotWorking
	if slices.Contains([]optiply.Kind{optiply.Rejected, optiply.NotFound}, err.Kind) {
		most = budgetRefused
	}
	if b.n < most {
		return nil
	}
	return fmt.Errorf("%d rows in a row failed in the same way (error budget), the last with: %w", b.n, err)
}

// pause makes all workers wait when Optiply asks for it.
type pause struct {
	mu    sync.Mutex
	until time.Time
}

func (p *pause) extend(until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if until.After(p.until) {
		p.until = until
	}
}

func (p *pause) left(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until.Sub(now)
}

// asOptiply is the client's typed error; one it does not type is treated as an answer that never came.
func asOptiply(err error) *optiply.Error {
	var e *optiply.Error
	if errors.As(err, &e) {
		return e
	}
	return &optiply.Error{Kind: optiply.Transport, Sent: true, Err: err}
}
