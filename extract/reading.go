package extract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"magento-optiply/magento"
)

// reading is a part that is read range by range, by several workers where there are several ranges. Ids lie unevenly, so
// there are more ranges than workers, and who is done takes the next one.
type reading struct {
	part   *part
	list   listing
	byDate bool // by page number inside windows in time, not by id
	axis   axis

	mu      sync.Mutex
	turn    *sync.Cond
	spans   []*span
	queue   []*span // those that nobody reads yet
	busy    int     // how many are read
	stopped bool
	heard   bool // the shop has answered a question
	shared  bool // it was cut for the workers, or need not be
	size    int  // rows of a page, as far as the shop allows
	resumed bool // there are pages of before a kill
	repeats bool // a page had an id twice
	widths
}

const (
	// rangesPerWorker is how many ranges there are for each worker.
	rangesPerWorker = 4
	// pagesPerRange is how many pages a range has on average, at least: each costs up to one request more than its rows need.
	pagesPerRange = 3
)

// run reads all ranges that are left. The first error stops all workers.
func (r *reading) run(ctx context.Context) error {
	r.queue, r.busy, r.stopped = nil, 0, false
	for _, s := range r.spans {
		if !s.done {
			r.queue = append(r.queue, s)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	// There are more of them than requests at a time, so that somebody asks while others check and keep what they were answered.
	for range r.workers() + r.workers()/2 {
		group.Go(func() error {
			err := r.work(ctx)
			if err != nil {
				r.stop()
			}
			return err
		})
	}
	return group.Wait()
}

func (r *reading) workers() int { return max(r.part.job.Config.Magento.Concurrency, 1) }

func (r *reading) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = true
	r.turn.Broadcast()
}

func (r *reading) work(ctx context.Context) error {
	for {
		s, err := r.take(ctx)
		if s == nil || err != nil {
			return err
		}
		if err := r.read(ctx, s); err != nil {
			return err
		}
	}
}

// take waits for a range, nil when there will be none. Nobody gets one while it is found out how wide it may be.
func (r *reading) take(ctx context.Context) (*span, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !r.stopped && (len(r.queue) > 0 || r.busy > 0) {
		if len(r.queue) > 0 && r.searching == nil {
			s := r.queue[0]
			r.queue = r.queue[1:]
			r.busy++
			return r.fit(ctx, s)
		}
		r.turn.Wait()
	}
	return nil, nil
}

// leave ends the reading of a range; one that is not done goes back to where it was.
func (r *reading) leave(s *span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !s.done {
		r.queue = slices.Insert(r.queue, 0, s)
	}
	r.busy--
	r.turn.Broadcast()
}

// read reads one range, or as much of it as the shop can answer for at a time.
func (r *reading) read(ctx context.Context, s *span) error {
	g, err := r.begin(s)
	if err != nil {
		return err
	}
	client := r.part.job.Client
	for {
		body, page, failure := r.get(ctx, client, g)
		next, found, err := g.next(page, failure)
		client = r.clientAfter(failure)
		switch {
		case err == nil:
		case failure == nil:
			return err
		default:
			if s, err = r.tooMuch(ctx, s, g, failure); err != nil || s == nil {
				return err
			}
			if g, err = r.begin(s); err != nil {
				return err
			}
			continue
		}
		if failure == nil && (found.Keep || found.Done) {
			if err := r.answered(ctx, s, page); err != nil {
				return err
			}
		}
		if found.Keep && page.Count > 0 {
			if err := r.part.saveIn(ctx, s.number, body, page.Count, next.cursor(page)); err != nil {
				return err
			}
			r.mu.Lock()
			s.at = next.cursor(page)
			s.rows += page.Count
			r.repeats = r.repeats || page.Repeats
			r.mu.Unlock()
		}
		if found.Quarantined > 0 {
			if err := r.part.quarantine(ctx, found.Quarantined); err != nil {
				return err
			}
		}
		if found.Done {
			return r.finish(ctx, s, next)
		}
		if g = next; found.Keep {
			if g, err = r.share(ctx, s, g, page); err != nil {
				return err
			}
		}
	}
}

// begin is the pager of a range that a worker has taken.
func (r *reading) begin(s *span) (pager, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	size, shrink := r.pages(s)
	return r.pager(s, size, shrink)
}

// get asks for a page. What it has in common with others' is in getWith.
func (r *reading) get(ctx context.Context, client *magento.Client, g pager) (body []byte, page magento.Page, err error) {
	resp, page, err := r.part.job.getWith(ctx, client, r.list.path, g.ask().Query(), r.list.idField)
	if err == nil && r.byDate {
		page, err = magento.ReadDatedPage(resp.Body, r.list.idField, r.dateField())
	}
	if err != nil {
		return nil, magento.Page{}, err
	}
	return resp.Body, page, nil
}

// clientAfter need not wait at each step of narrowing: having failed as often as it is allowed to, a page is not asked for
// again, but a part of it.
func (r *reading) clientAfter(failure error) *magento.Client {
	var e *magento.Error
	switch client := r.part.job.Client; {
	case failure == nil:
		return client
	case errors.As(failure, &e) && e.TooMuch():
		return client.WithRetries(0)
	default:
		return client.WithRetries(1)
	}
}

// finish makes it durable that a range was read.
func (r *reading) finish(ctx context.Context, s *span, g pager) error {
	r.mu.Lock()
	s.done = true
	r.size = min(r.size, g.size())
	r.grow()
	err := r.part.keepSpans(ctx, r.byDate, s)
	r.mu.Unlock()
	r.leave(s)
	return err
}

// answered hears that the shop can answer for a range, and how many rows it counts there.
func (r *reading) answered(ctx context.Context, s *span, page magento.Page) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.heard = true
	r.fits(s)
	if s.total >= 0 || page.TotalCount < 0 {
		return nil
	}
	s.total = page.TotalCount + s.rows
	if len(r.spans) == 1 {
		r.part.job.Progress.Begin(r.part.stream, int64(s.total))
	} else if !s.narrowed && !r.byDate {
		return nil // the count of the whole is asked for anyway
	}
	return r.part.keepSpans(ctx, r.byDate, s)
}

// share cuts the ids behind the first page of a large listing into ranges for all workers. A shop that does not tell its
// last id, because the last record is broken or it refuses to sort so, is read in one range.
func (r *reading) share(ctx context.Context, s *span, g pager, page magento.Page) (pager, error) {
	pages := (page.TotalCount - page.Count) / g.size()
	if r.byDate || r.workers() == 1 || pages <= pagesPerRange*r.workers() || !r.mayShare(s) {
		return g, nil
	}
	last, err := r.part.job.Client.WithRetries(1).LastID(ctx, r.list.path, r.list.keyset, r.inWindow(s))
	if ctx.Err() != nil {
		return g, err
	}
	if err != nil {
		r.part.job.Log.Info("the shop does not tell the last id, so one worker reads", "stream", r.part.stream, "error", err)
		return g, nil
	}
	ranges := magento.SplitRange(g.narrow.Keyset.After, last, min(rangesPerWorker*r.workers(), pages/pagesPerRange))
	if len(ranges) < 2 {
		return g, nil
	}
	ranges[len(ranges)-1].Upto = 0 // so that nothing is lost that is added, or that was sorted otherwise
	r.mu.Lock()
	defer r.mu.Unlock()
	s.upto = ranges[0].Upto
	g.narrow.Keyset.Upto = s.upto
	changed := []*span{s}
	for _, part := range ranges[1:] {
		changed = append(changed, r.add(span{after: part.After, upto: part.Upto, start: s.start, end: s.end, total: -1}))
	}
	r.queue = append(r.queue, changed[1:]...)
	r.turn.Broadcast()
	return g, r.part.keepSpans(ctx, r.byDate, changed...)
}

// mayShare is true once, for a range that is the whole part.
func (r *reading) mayShare(s *span) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := !r.shared && len(r.spans) == 1 && s.upto == 0 && !s.narrowed
	r.shared = true
	return first
}

// add numbers a new range.
func (r *reading) add(s span) *span {
	s.number = len(r.spans) + 1
	r.spans = append(r.spans, &s)
	return &s
}

// reopen lets the ranges without an end be read on, behind what was read: what was added meanwhile has higher ids, or later
// dates. It tells whether there are any.
func (r *reading) reopen() bool {
	some := false
	for _, s := range r.spans {
		if s.open(r.byDate) {
			s.done, some = false, true
		}
	}
	return some
}

func badCursor(cursor string, err error) error {
	return fmt.Errorf("run.pages: cursor %q cannot be read: %w", cursor, err)
}
