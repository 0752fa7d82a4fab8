package extract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"magento-optiply/config"
	"magento-optiply/magento"
)

// readRanges reads a list by keyset, or by page number from date to date where that is set or the shop refuses a filter on
// ids. It reads on as long as the shop counts more than was read.
func (p *part) readRanges(ctx context.Context, l listing) (tally, error) {
	spans, pager, err := p.loadSpans(ctx)
	if err != nil {
		return tally{}, err
	}
	if len(spans) == 0 {
		pager = p.job.Config.Magento.Paging
	}
	r := &reading{part: p, list: l, byDate: pager == config.PagingNumber, spans: spans, size: l.size, resumed: p.pages > 0}
	r.turn = sync.NewCond(&r.mu)
	if r.byDate && (!l.dated || strings.Contains(p.cursor, "/")) { // by the page's number, as it was before a kill
		return p.readUndated(ctx, l)
	}
	if err := r.open(ctx); err != nil {
		return tally{}, err
	}
	if r.byDate {
		return r.readDated(ctx)
	}
	t, err := r.readOn(ctx)
	if err == nil || pager != config.PagingAuto || !r.refused(ctx, err) {
		return t, err
	}
	p.job.Log.Warn("the shop does not filter or sort by id, so the list is read by page number; magento.paging: page_number spares the try",
		"stream", p.stream, "error", err)
	if err := r.forget(ctx); err != nil {
		return tally{}, err
	}
	if !l.dated {
		return p.readUndated(ctx, l)
	}
	r.byDate = true
	if err := r.open(ctx); err != nil {
		return tally{}, err
	}
	t, other := r.readDated(ctx)
	if other == nil || r.heard {
		return t, other
	}
	_ = r.forget(context.WithoutCancel(ctx)) // that is no way either, so nothing is decided
	return tally{}, err
}

// readDated reads from date to date. There a page that the shop cannot answer for cannot be told apart, since what is behind it is
// only found by its date; so such a list is read by page number alone, around the record to blame.
func (r *reading) readDated(ctx context.Context) (tally, error) {
	t, err := r.readOn(ctx)
	var e *magento.Error
	if !broken(err) || errors.As(err, &e) && e.Kind == magento.BadShape { // records without a date are no list to be read by it
		return t, err
	}
	r.part.job.Log.Warn("the shop cannot answer for a page, so the list is read by page number, to find the record", "stream", r.part.stream, "error", err)
	if err := r.forget(ctx); err != nil {
		return tally{}, err
	}
	return r.part.readUndated(ctx, r.list)
}

// forget lets a part begin anew.
func (r *reading) forget(ctx context.Context) error {
	p := r.part
	if err := p.drop(ctx); err != nil {
		return err
	}
	r.spans, r.heard = nil, false
	if _, err := p.job.Run.DB.ExecContext(ctx, "DELETE FROM run.ranges WHERE stream = ? AND store_code = ? AND part = ?", p.stream, p.storeCode, p.name); err != nil {
		return fmt.Errorf("forget the ranges of %s: %w", p.stream, err)
	}
	return nil
}

// open makes the ranges of a new part, and takes up what those of a killed one tell of their widths.
func (r *reading) open(ctx context.Context) error {
	r.axis = axis(r.byDate || r.list.window)
	if len(r.spans) > 0 {
		for _, s := range r.spans {
			if w := s.width(r.axis); s.done && s.narrowed && w != endless && w > r.good {
				r.good, r.limit, r.patience = w, w, firstPatience
			}
		}
		return nil
	}
	switch p := r.part; {
	case r.list.window:
		r.add(span{start: p.start, end: p.end, total: -1})
	case r.byDate:
		// What is created from now on comes into the second range only, so that nothing comes into the first while it is read.
		now := p.job.shopNow.Add(-p.job.Config.Magento.Lag).Truncate(time.Second)
		r.add(span{end: now, total: -1})
		r.add(span{start: now.Add(time.Second), total: -1})
	default:
		r.add(span{total: -1})
	}
	if p := r.part; !r.byDate && p.cursor != "" { // of a run that knew no ranges yet
		r.spans[0].at, r.spans[0].rows = p.cursor, int(p.rows)
	}
	return r.part.keepSpans(ctx, r.byDate, r.spans...)
}

// readUndated reads a list without dates by page number, and remembers for a resumed run that it is read so.
func (p *part) readUndated(ctx context.Context, l listing) (tally, error) {
	if err := p.keepSpans(ctx, true, &span{number: 1, start: p.start, end: p.end, total: -1}); err != nil {
		return tally{}, err
	}
	l.base = l.base.OrderBy(l.keyset, false)
	if l.window {
		l.base = between(l.base, updatedAt, p.start, p.end)
	}
	return p.readByNumber(ctx, l)
}

// readOn reads all ranges, and once more those without an end as long as the shop counts more than was read.
func (r *reading) readOn(ctx context.Context) (tally, error) {
	for again := 0; ; again++ {
		if err := r.run(ctx); err != nil {
			return tally{}, err
		}
		if err := r.part.countQuarantined(ctx); err != nil {
			return tally{}, err
		}
		t, err := r.tally(ctx, again > 0)
		t.quarantined = r.part.quarantined
		if err != nil || t.rows+int(t.quarantined) >= t.expected || again == mostReadOn || !r.reopen() {
			return t, err
		}
	}
}

// refused tells whether a shop cannot be read by keyset: its first answers are out of order (the filter counts from the second
// page on), or it answers with an error to the filter on ids, and not to the same list without it.
func (r *reading) refused(ctx context.Context, err error) bool {
	var e *magento.Error
	switch {
	case !errors.As(err, &e):
	case e.Kind == magento.NotInOrder:
		return r.part.pages <= 1
	case !r.heard && r.part.pages == 0 && (e.Kind == magento.BadRequest || e.Kind == magento.ServerError):
		c := r.inWindow(r.spans[0])
		c.PageSize, c.CurrentPage = 1, 1
		_, _, err := r.part.job.getWith(ctx, r.part.job.Client.WithRetries(1), r.list.path, c.Query(), r.list.idField)
		return err == nil
	}
	return false
}

// tally counts what was read, and asks the shop to count again where that can matter: rows leave a window while it is
// read, when they are changed once more, and that is no loss.
func (r *reading) tally(ctx context.Context, again bool) (t tally, err error) {
	p := r.part
	if err := p.job.Run.KeepPages(ctx); err != nil {
		return t, err
	}
	if t.rows, err = r.distinct(ctx); err != nil {
		return t, fmt.Errorf("count what was read: %w", err)
	}
	if t.expected, err = r.expected(ctx, t.rows, again); err != nil {
		return t, fmt.Errorf("count the rows: %w", err)
	}
	return t, nil
}

// distinct counts the rows that were read, each once. By keyset ids ascend in a range, and no two ranges have one in common, so
// that DuckDB has to look for rows that came twice only where a page itself had one, or pages were read by another way or before
// a kill.
func (r *reading) distinct(ctx context.Context) (rows int, err error) {
	p := r.part
	if !r.byDate && !r.resumed && !r.repeats {
		return int(p.rows), nil
	}
	err = p.job.Run.DB.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(DISTINCT %[1]s) FROM (
		SELECT unnest(from_json(content, '{"items":[{"%[1]s":"VARCHAR"}]}').items, recursive := true) FROM page.%[2]s WHERE store_code = ? AND part = ?)`, r.list.idField, p.stream),
		p.storeCode, p.name).Scan(&rows)
	return rows, err
}

// expected is how many rows there are. Where the shop could not answer for all of the part at once, it is the sum over the
// ranges that it could answer for.
func (r *reading) expected(ctx context.Context, rows int, again bool) (int, error) {
	again = again || r.list.count
	if len(r.spans) == 1 && r.spans[0].total >= 0 && rows >= r.spans[0].total && !again {
		return r.spans[0].total, nil
	}
	ranges := r.spans
	if !slices.ContainsFunc(ranges, func(s *span) bool { return s.narrowed }) {
		whole := &span{total: -1}
		if r.list.window {
			whole.start, whole.end = r.part.start, r.part.end
		}
		if !r.byDate || len(ranges) == 1 {
			whole.total = ranges[0].total // it was the whole, before it was cut by ids
		}
		ranges = []*span{whole}
	}
	sum := 0
	for _, s := range ranges {
		if s.total >= 0 && !(again && s.open(r.byDate)) && len(ranges) > 1 {
			sum += s.total
			continue
		}
		n, err := r.count(ctx, r.part.job.Client, s)
		var e *magento.Error
		switch {
		case err != nil && r.part.quarantined > 0 && ctx.Err() == nil:
			n = s.total // the first record can be one that is quarantined; the first page's count has to do
		case errors.As(err, &e) && e.TooMuch() && s.done && s.narrowed:
			n = s.rows // what it could be asked for a page at a time, when there was more to come
		case err != nil:
			return -1, err
		}
		if n < 0 {
			return -1, nil
		}
		sum += n
	}
	return sum, nil
}

// count asks the shop how many rows a range has.
func (r *reading) count(ctx context.Context, client *magento.Client, s *span) (int, error) {
	c := r.inWindow(s)
	if s.after > 0 {
		c = c.Where(magento.Filter{Field: r.list.keyset, Condition: magento.Gt, Value: strconv.FormatInt(s.after, 10)})
	}
	if s.upto > 0 {
		c = c.Where(magento.Filter{Field: r.list.keyset, Condition: magento.LtEq, Value: strconv.FormatInt(s.upto, 10)})
	}
	c.PageSize, c.CurrentPage = 1, 1
	_, page, err := r.part.job.getWith(ctx, client, r.list.path, c.Query(), r.list.idField)
	return page.TotalCount, err
}
