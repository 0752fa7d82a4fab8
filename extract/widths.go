package extract

import (
	"context"
	"errors"
	"math"
	"slices"

	"magento-optiply/magento"
)

// widths is how wide a range may be for the shop to answer: where its answer takes too long whatever the page size, because
// it looks at all rows of the window for each page, the window is halved until it does answer (section 6.5). What comes
// after begins with the width that was found, and grows again.
type widths struct {
	searching *span // a worker halves this one; the others wait for what it finds
	good      int64 // the widest that the shop has answered for since it was halved; 0: none
	limit     int64 // of the next ranges; 0: none
	first     int   // page size to begin with in the search
	pieces    int   // ranges read since the limit was changed
	patience  int   // ranges to read before a wider one is tried; each that fails doubles it
	guess     int64 // ids to try where the last one is not known
}

const (
	// mostHalvings is how often a page is halved before the window is.
	mostHalvings = 2
	// firstPatience is how many ranges are read before a wider one is tried.
	firstPatience = 2
	// firstGuess is how many ids are tried at first where the shop does not tell the last one.
	firstGuess = 1 << 20
)

// pages says how a range is begun: the size of its first page, 0 for the usual one, and how often a page may be halved
// before the range is. In the search one request tells; a smaller page goes with it, because it can be that as well.
func (r *reading) pages(s *span) (size, shrink int) {
	switch wide := r.limit > 0 && s.width(r.axis) > r.good; {
	case !s.divisible(r.axis):
		return 0, 0
	case r.searching == s:
		return r.first, -1
	case wide:
		return 0, -1
	}
	return 0, mostHalvings
}

// fits hears that the shop answered for a range.
func (r *reading) fits(s *span) {
	if r.searching == s {
		r.searching, r.pieces, r.patience = nil, 0, max(r.patience, firstPatience)
		r.turn.Broadcast()
	} else if r.limit == 0 {
		return
	}
	if w := s.width(r.axis); w != endless {
		r.good = max(r.good, w)
		r.limit = max(r.limit, r.good)
	}
}

// grow lets ranges be wider again after some that went well.
func (r *reading) grow() {
	if r.pieces++; r.limit > 0 && r.limit < endless/4 && r.pieces >= r.patience {
		r.pieces, r.limit = 0, r.limit+r.limit/2+1
	}
}

// fit cuts a range that is taken to the width that the shop answers for.
func (r *reading) fit(ctx context.Context, s *span) (*span, error) {
	w := s.width(r.axis)
	if r.limit == 0 || w == endless || w <= r.limit || !s.divisible(r.axis) {
		return s, nil
	}
	return r.split(ctx, s, r.limit, 0)
}

// tooMuch cuts a range that the shop takes too long for, and returns what to read of it first; nil where another worker has
// to find out first how wide it may be. Where it cannot be cut, or the shop cannot answer for anything, the failure stays.
func (r *reading) tooMuch(ctx context.Context, s *span, g pager, failure error) (*span, error) {
	var e *magento.Error
	if !errors.As(failure, &e) || !e.TooMuch() {
		return nil, failure
	}
	left := *s
	if s.at != "" {
		var err error
		if _, left, err = s.left(r.byDate); err != nil {
			return nil, badCursor(s.at, err)
		}
	}
	if !left.divisible(r.axis) || !r.answersForLittle(ctx, s, &left) {
		return nil, failure
	}
	last := int64(0)
	if left.width(r.axis) == endless && r.axis == ofIDs {
		if last = r.lastID(ctx, &left); last <= left.after {
			return nil, failure
		}
	}
	r.mu.Lock()
	if r.searching != nil && r.searching != s {
		r.mu.Unlock()
		r.leave(s)
		return nil, nil
	}
	defer r.mu.Unlock()
	return r.narrow(ctx, s, &left, g.asking(), last)
}

func (r *reading) narrow(ctx context.Context, s, left *span, asked int, last int64) (*span, error) {
	r.part.job.Log.Info("the shop takes too long, so the range that it is asked for is made smaller", "stream", r.part.stream)
	width := left.width(r.axis)
	if r.good > 0 && s.width(r.axis) > r.good { // it was tried whether more can be asked for at once
		r.limit, r.pieces, r.patience = r.good, 0, 2*r.patience
	} else {
		r.good, r.first = 0, max(asked/2, 1)
		if r.limit = 0; width != endless {
			r.limit = (width + 1) / 2
		}
	}
	next, err := r.split(ctx, s, r.limit, last)
	if err != nil {
		return nil, err
	}
	if r.good == 0 {
		r.searching = next
		return next, nil
	}
	return r.fit(ctx, next)
}

// split cuts a range, so wide or at last, and returns its first part; the rest is for whoever is free. It is durable before
// anything of it is read. What was read of the range already becomes one that is done.
func (r *reading) split(ctx context.Context, s *span, width, last int64) (*span, error) {
	changed := []*span{s}
	if s.at != "" {
		closed, left, err := s.left(r.byDate)
		if err != nil {
			return nil, badCursor(s.at, err)
		}
		if !r.byDate || !closed.end.Before(s.start) {
			*s = closed
			s = r.add(left)
			changed = append(changed, s)
		}
	}
	s.narrowed = true
	if w := s.width(r.axis); s.divisible(r.axis) && (w == endless || w > width) {
		first, rest := s.divide(r.axis, width, last)
		number := s.number
		*s, s.number = first, number
		rest.at, rest.rows, rest.total = "", 0, -1
		s.total = -1
		added := r.add(rest)
		changed = append(changed, added)
		r.queue = slices.Insert(r.queue, 0, added)
		r.turn.Broadcast()
	}
	return s, r.part.keepSpans(ctx, r.byDate, changed...)
}

// answersForLittle tells a shop that is asked for too much at once from one that is down: it asks for a row of the smallest
// range there is, unless it has answered since.
func (r *reading) answersForLittle(ctx context.Context, s, left *span) bool {
	r.mu.Lock()
	known := r.good > 0 || r.searching == s
	r.mu.Unlock()
	if known {
		return true
	}
	little := *left
	if r.axis == ofIDs {
		little.upto = left.after + 1
	} else if little.end = left.start; left.start.IsZero() {
		little.start, little.end = left.end, left.end
	}
	_, err := r.count(ctx, r.part.job.Client.WithRetries(1), &little)
	return err == nil
}

// lastID is where a range of ids without an end is cut: at the last id, or where that is not told, further away each time.
func (r *reading) lastID(ctx context.Context, left *span) int64 {
	last, err := r.part.job.Client.WithRetries(0).LastID(ctx, r.list.path, r.list.keyset, r.inWindow(left))
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && last > left.after && r.guess == 0 {
		return last
	}
	if r.guess = max(2*r.guess, firstGuess); r.guess <= 0 || left.after > math.MaxInt64/2-r.guess {
		return 0
	}
	return left.after + r.guess
}
