package extract

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"magento-optiply/config"
	"magento-optiply/magento"
)

// span is a range of a part that is read at a stretch: a row of run.ranges.
type span struct {
	number      int
	after, upto int64     // ids greater than after, up to and with upto; upto 0: no end
	start, end  time.Time // both inclusive; zero: no end
	narrowed    bool
	done        bool

	at    string // what its last page ended with: an id, or a date; empty: nothing was read
	rows  int
	total int // rows as the shop counted them when it first answered; -1: not known
}

// open tells whether rows that are added later can be in it.
func (s *span) open(byDate bool) bool {
	if byDate {
		return s.end.IsZero()
	}
	return s.upto == 0
}

// axis is by what a range is narrowed: ids, or seconds where the part has a window or is read by date.
type axis bool

const (
	ofIDs  axis = false
	ofTime axis = true
)

// endless is the width of a range without an end.
const endless = math.MaxInt64

// shortestWindow is how short a window may be made, in seconds.
const shortestWindow = 60

// magentoBegan is before the first shop: a window that begins nowhere is cut there first.
var magentoBegan = time.Date(2008, 1, 1, 0, 0, 0, 0, time.UTC)

func (s *span) width(a axis) int64 {
	switch {
	case a == ofIDs && s.upto == 0, a == ofTime && (s.start.IsZero() || s.end.IsZero()):
		return endless
	case a == ofIDs:
		return s.upto - s.after
	}
	return int64(s.end.Sub(s.start)/time.Second) + 1
}

// divisible tells whether there is a smaller range to ask for.
func (s *span) divisible(a axis) bool {
	switch {
	case a == ofIDs:
		return s.width(a) > 1
	case s.end.IsZero():
		return false
	case s.start.IsZero():
		return s.end.After(magentoBegan)
	}
	return s.width(a) > shortestWindow
}

// divide cuts a range in two: the first is so wide, or bounded where the range is endless. last is an id that an endless
// range of ids is cut at.
func (s span) divide(a axis, width, last int64) (first, rest span) {
	first, rest = s, s
	switch {
	case a == ofIDs:
		if s.upto != 0 {
			last = s.after + width
		}
		first.upto, rest.after = last, last
	case s.start.IsZero():
		first.end, rest.start = magentoBegan.Add(-time.Second), magentoBegan
	default:
		rest.start = s.start.Add(time.Duration(width) * time.Second)
		first.end = rest.start.Add(-time.Second)
	}
	return first, rest
}

// left is what is left to read of a range whose pages up to at were kept, and closed what those pages cover. Of the last
// second rows may be left, so it is read again.
func (s span) left(byDate bool) (closed, left span, err error) {
	closed, left = s, s
	left.at, left.rows, left.total = "", 0, -1
	closed.done, closed.total = true, s.rows // each of them was read before the next was asked for
	if byDate {
		reached, err := magento.ParseTime(s.at)
		closed.end, left.start = reached.Add(-time.Second), reached
		return closed, left, err
	}
	left.after, err = strconv.ParseInt(s.at, 10, 64)
	closed.upto = left.after
	return closed, left, err
}

// loadSpans are the ranges of a part, from before a kill where there are any, and how they are read.
func (p *part) loadSpans(ctx context.Context) (spans []*span, pager string, err error) {
	rows, err := p.job.Run.DB.QueryContext(ctx, `SELECT r.number, r.pager, r.after_id, coalesce(r.upto_id, 0), r.window_start, r.window_end, r.narrowed, r.done, coalesce(r.total, -1),
			coalesce(max(try_cast(p.cursor AS BIGINT))::VARCHAR, max(p.cursor), ''), coalesce(sum(p.rows), 0)::BIGINT
		FROM run.ranges r LEFT JOIN run.pages p ON p.stream = r.stream AND p.store_code = r.store_code AND p.part = r.part AND p.range = r.number
		WHERE r.stream = ? AND r.store_code = ? AND r.part = ? GROUP BY ALL ORDER BY r.number`, p.stream, p.storeCode, p.name)
	if err != nil {
		return nil, "", fmt.Errorf("read run.ranges: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		s := &span{}
		var start, end sql.NullTime
		if err := rows.Scan(&s.number, &pager, &s.after, &s.upto, &start, &end, &s.narrowed, &s.done, &s.total, &s.at, &s.rows); err != nil {
			return nil, "", fmt.Errorf("read run.ranges: %w", err)
		}
		s.start, s.end = start.Time, end.Time
		spans = append(spans, s)
	}
	return spans, pager, rows.Err()
}

// keepSpans makes ranges durable, all of them or none, and the pages that they say were read before them. What was decided is
// written down even when the run is being stopped.
func (p *part) keepSpans(ctx context.Context, byDate bool, spans ...*span) error {
	if err := p.job.Run.KeepPages(ctx); err != nil {
		return err
	}
	pager := config.PagingKeyset
	if byDate {
		pager = config.PagingNumber
	}
	var rows []string
	var args []any
	for _, s := range spans {
		rows = append(rows, "(?, ?, ?, ?, ?, ?, nullif(?, 0), ?, ?, ?, ?, nullif(?, -1))")
		args = append(args, p.stream, p.storeCode, p.name, s.number, pager, s.after, s.upto, orNull(s.start), orNull(s.end), s.narrowed, s.done, s.total)
	}
	_, err := p.job.Run.DB.ExecContext(context.WithoutCancel(ctx), "INSERT OR REPLACE INTO run.ranges VALUES "+strings.Join(rows, ", "), args...)
	if err != nil {
		return fmt.Errorf("keep the ranges of %s: %w", p.stream, err)
	}
	return nil
}
