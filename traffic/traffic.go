// Package traffic counts the requests of a run by endpoint and minute, and keeps the counts in run.requests. It stands by itself
// because both clients are counted by it, which know no database, and neither may know the other.
package traffic

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// The servers that are counted.
const (
	Magento = "magento"
	Optiply = "optiply"
)

// Request is one attempt that has ended.
type Request struct {
	Server, Endpoint string
	Status           int // 0: no answer
	Retry            bool
	Duration, Waited time.Duration
	Bytes            int64
}

// Limits are what a server may be asked at the moment.
type Limits struct {
	Concurrency int
	PerSecond   float64 // 0: no limit
}

// mostSamples bounds the durations that are kept of a minute. Beyond it every second one is let go, and counts for two.
const mostSamples = 4096

type key struct {
	server, endpoint string
	minute           int64
}

type cell struct {
	requests, retries, failed, bytes int64
	statuses                         map[int]int64
	total, waited, longest           time.Duration
	samples                          []time.Duration
	every, skipped                   int64
	limits                           Limits
}

// Meter counts. Counting is a lock and a few additions; what costs time is done when it saves. A nil Meter counts nothing.
type Meter struct {
	now func() time.Time

	mu     sync.Mutex
	cells  map[key]*cell
	limits map[string]func() Limits
	looked map[string]time.Time
	last   map[string]Limits
}

// New makes a meter.
func New(now func() time.Time) *Meter {
	return &Meter{now: now, cells: map[key]*cell{}, limits: map[string]func() Limits{}, looked: map[string]time.Time{}, last: map[string]Limits{}}
}

// Watch has a server's limits looked at once in a while.
func (m *Meter) Watch(server string, limits func() Limits) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limits[server] = limits
}

// lookEvery is how often limits are looked at: they have a lock of their own.
const lookEvery = time.Second

// Count counts one attempt. It is called from several goroutines.
func (m *Meter) Count(r Request) {
	if m == nil {
		return
	}
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	k := key{r.Server, r.Endpoint, now.Unix() / 60}
	c := m.cells[k]
	if c == nil {
		c = &cell{statuses: map[int]int64{}, every: 1}
		m.cells[k] = c
	}
	if limits := m.limits[r.Server]; limits != nil && now.Sub(m.looked[r.Server]).Abs() >= lookEvery {
		m.last[r.Server], m.looked[r.Server] = limits(), now
	}
	c.limits = m.last[r.Server]
	c.requests++
	c.bytes += r.Bytes
	c.statuses[r.Status]++
	c.total += r.Duration
	c.waited += r.Waited
	c.longest = max(c.longest, r.Duration)
	if r.Retry {
		c.retries++
	}
	if r.Status == 0 || r.Status >= 400 {
		c.failed++
	}
	c.sample(r.Duration)
}

// sample keeps a duration, evenly thinned.
func (c *cell) sample(d time.Duration) {
	if c.skipped++; c.skipped < c.every {
		return
	}
	c.skipped = 0
	if len(c.samples) == mostSamples {
		for i := range mostSamples / 2 {
			c.samples[i] = c.samples[2*i]
		}
		c.samples = c.samples[:mostSamples/2]
		c.every *= 2
	}
	c.samples = append(c.samples, d)
}

// quantile is a duration in milliseconds that a part of the sorted ones does not pass.
func quantile(sorted []time.Duration, part float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return ms(sorted[min(int(part*float64(len(sorted))), len(sorted)-1)])
}

func ms(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond)) / float64(time.Millisecond)
}

// take removes the cells whose minute is over, or all of them.
func (m *Meter) take(all bool) map[key]*cell {
	now := m.now().Unix() / 60
	m.mu.Lock()
	defer m.mu.Unlock()
	taken := map[key]*cell{}
	for k, c := range m.cells {
		if all || k.minute < now {
			taken[k] = c
			delete(m.cells, k)
		}
	}
	return taken
}

// Save writes what was counted into run.requests of the run file that is the default database of db. Without all, the minute
// that is not over is left for later.
func (m *Meter) Save(ctx context.Context, db *sql.DB, all bool) error {
	if m == nil {
		return nil
	}
	cells := m.take(all)
	if len(cells) == 0 {
		return nil
	}
	var rows []string
	var args []any
	for k, c := range cells {
		slices.Sort(c.samples)
		rows = append(rows, "(?, ?, ?, ?, ?, ?, "+c.statusMap()+", ?, ?, ?, ?, ?, ?, ?, ?)")
		args = append(args, k.server, k.endpoint, time.Unix(k.minute*60, 0).UTC(), c.requests, c.retries, c.failed,
			ms(c.total), quantile(c.samples, 0.5), quantile(c.samples, 0.95), ms(c.longest), ms(c.waited), c.bytes, c.limits.Concurrency, c.limits.PerSecond)
	}
	if _, err := db.ExecContext(ctx, "INSERT INTO run.requests VALUES "+strings.Join(rows, ", "), args...); err != nil {
		return fmt.Errorf("keep the counts of requests: %w", err)
	}
	return nil
}

func (c *cell) statusMap() string {
	var pairs []string
	for status, n := range c.statuses {
		pairs = append(pairs, fmt.Sprintf("%d: %d", status, n))
	}
	slices.Sort(pairs)
	return "MAP {" + strings.Join(pairs, ", ") + "}"
}

// saveEvery is how much of the counts a kill can lose, at most a minute more.
const saveEvery = 30 * time.Second

// Keep saves now and then until it is stopped, and the rest then. An error is given to failed: it is none of the run's.
func (m *Meter) Keep(ctx context.Context, db *sql.DB, failed func(error)) (stop func()) {
	done := make(chan struct{})
	var saver sync.WaitGroup
	saver.Go(func() {
		tick := time.NewTicker(saveEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if err := m.Save(context.WithoutCancel(ctx), db, false); err != nil {
					failed(err)
				}
			}
		}
	})
	return func() {
		close(done)
		saver.Wait()
		if err := m.Save(context.WithoutCancel(ctx), db, true); err != nil {
			failed(err)
		}
	}
}
