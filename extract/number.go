package extract

import (
	"context"
	"errors"
	"fmt"

	"magento-optiply/magento"
)

// readByNumber reads a list by page number, all over again when it changed meanwhile: where rows read before are deleted,
// the next page begins later than it should, and as many others are never seen.
func (p *part) readByNumber(ctx context.Context, l listing) (tally, error) {
	for pass := 1; ; pass++ {
		t, changed, err := p.readPages(ctx, &l, pass == 1)
		if err != nil || !changed {
			return t, err
		}
		if err := p.drop(ctx); err != nil {
			return t, err
		}
		if pass == mostPasses {
			return t, movingError(pass)
		}
		p.job.Log.Info("the list changed while it was read, and is read again", "stream", p.stream)
	}
}

// movingError is a list that changed each time that it was read, so many times.
type movingError int

func (e movingError) Error() string {
	return fmt.Sprintf("the list changed each of the %d times that it was read, so rows can be missing: run again when no import is going on", int(e))
}

// readPages reads the pages behind the last one. changed tells that the list's count is not what it was before.
func (p *part) readPages(ctx context.Context, l *listing, announce bool) (t tally, changed bool, err error) {
	r, err := p.numberReader(ctx, l)
	for err == nil && !r.step.Done() && !changed {
		changed, err = r.page(ctx, announce)
	}
	if err == nil {
		err = p.countQuarantined(ctx)
	}
	return tally{rows: int(p.rows), expected: r.total, quarantined: p.quarantined}, changed, err
}

// page asks for the next page.
func (r *numberReader) page(ctx context.Context, announce bool) (changed bool, err error) {
	resp, page, err := r.job.getWith(ctx, r.client, r.list.path, r.list.ask(r.pager), r.list.idField)
	if size, ok := smallerPage(err, r.pager.PageSize); ok {
		// The shop's limit; where it was lowered since the first pages, those are of no use.
		r.list.size, r.total = size, -1
		r.pager = r.list.at(0, size)
		return false, r.drop(ctx)
	}
	if err != nil {
		return false, r.failed(ctx, err)
	}
	r.client = r.job.Client
	changed = r.total >= 0 && page.TotalCount != r.total
	if r.total < 0 && announce && page.TotalCount >= 0 {
		r.job.Progress.Begin(r.stream, int64(page.TotalCount))
	}
	r.total = page.TotalCount
	number, size := r.pager.Request().CurrentPage, r.pager.PageSize
	r.pager, r.step = r.pager.Next(page)
	if page.Count > 0 && r.step != magento.RepeatedPage && !changed {
		err = r.save(ctx, resp.Body, page.Count, fmt.Sprintf("%d/%d", number, size))
	}
	r.grow(number * size)
	return changed, err
}

// noMaxPages is for lists without a date to move a window by: the window is the whole list. So the bound of 200 pages
// (DESIGN section 6.1) cannot hold for them. They can do without: source items and lowStock are one table without joins, where
// a deep page costs little (recorded: 1,000 rows in 0.15 and 0.25 s), and the other lists of this kind are short.
const noMaxPages = 1 << 30

// numberReader is the reading of a list by page number behind the last page that was saved.
type numberReader struct {
	*part
	list   *listing // its size is that of the pages that the shop can bear
	client *magento.Client
	pager  magento.PageNumber
	step   magento.Step
	total  int // total_count of the page before; -1 where there is none
}

// numberReader goes on behind the last page. That page is looked at once more, for a shop that repeats its last page past the end.
func (p *part) numberReader(ctx context.Context, l *listing) (*numberReader, error) {
	r := &numberReader{part: p, list: l, client: p.job.Client, pager: l.at(0, l.size), step: magento.MorePages, total: -1}
	if p.cursor == "" {
		return r, nil
	}
	if _, err := fmt.Sscanf(p.cursor, "%d/%d", &r.pager.Page, &r.pager.PageSize); err != nil {
		return r, fmt.Errorf("run.pages: cursor %q is no page number and size: %w", p.cursor, err)
	}
	// The largest pages are what the shop could bear; the last one may be a small one around a record that it cannot answer for.
	err := p.job.Run.DB.QueryRowContext(ctx, "SELECT max(split_part(cursor, '/', 2)::INTEGER) FROM run.pages WHERE stream = ? AND store_code = ? AND part = ?",
		p.stream, p.storeCode, p.name).Scan(&l.size)
	if err != nil {
		return r, fmt.Errorf("read run.pages: %w", err)
	}
	body, err := p.job.Run.ReadPage(p.stream, p.file)
	if err != nil {
		return r, err
	}
	last, err := magento.ReadPage(body, l.idField)
	if err != nil {
		return r, err
	}
	read := r.pager.Page * r.pager.PageSize
	r.pager, r.step = r.pager.Next(last)
	r.total = last.TotalCount
	r.grow(read)
	return r, nil
}

func (l listing) ask(pager magento.PageNumber) magento.Query {
	c := pager.Request()
	if l.query != nil {
		return l.query(c.CurrentPage, c.PageSize)
	}
	return c.Query()
}

// smallerPage tells whether the shop refused the page size, and names its limit (Magento's input limits are off by
// default; its 400 names the maximum).
func smallerPage(err error, size int) (int, bool) {
	var e *magento.Error
	if errors.As(err, &e) && e.Kind == magento.PageSizeLimit && e.Max > 0 && (size <= 0 || e.Max < size) {
		return e.Max, true
	}
	return 0, false
}
