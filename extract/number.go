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
	pager, step, total, err := p.numberPager(*l)
	for err == nil && !step.Done() && !changed {
		var resp *magento.Response
		var page magento.Page
		resp, page, err = p.job.get(ctx, l.path, l.ask(pager), l.idField)
		if size, ok := smallerPage(err, pager.PageSize); ok {
			// The shop's limit; where it was lowered since the first pages, those are of no use.
			l.size, err = size, p.drop(ctx)
			pager, total = magento.PageNumber{Base: l.base, PageSize: size, MaxPages: noMaxPages}, -1
			continue
		}
		if err != nil {
			break
		}
		changed = total >= 0 && page.TotalCount != total
		if total < 0 && announce && page.TotalCount >= 0 {
			p.job.Progress.Begin(p.stream, int64(page.TotalCount))
		}
		total = page.TotalCount
		number := pager.Request().CurrentPage
		pager, step = pager.Next(page)
		if page.Count > 0 && step != magento.RepeatedPage && !changed {
			err = p.save(ctx, resp.Body, page.Count, fmt.Sprintf("%d/%d", number, pager.PageSize))
		}
	}
	return tally{rows: int(p.rows), expected: total}, changed, err
}

// noMaxPages is for lists without a date to move a window by: the window is the whole list. So the bound of 200 pages
// (DESIGN section 6.1) cannot hold for them. They can do without: source items and lowStock are one table without joins, where
// a deep page costs little (recorded: 1,000 rows in 0.15 and 0.25 s), and the other lists of this kind are short.
const noMaxPages = 1 << 30

// numberPager is the pager behind the last page that was saved, and that page's total_count. The page is looked at once
// more, for a shop that repeats its last page past the end.
func (p *part) numberPager(l listing) (pager magento.PageNumber, step magento.Step, total int, err error) {
	pager = magento.PageNumber{Base: l.base, PageSize: l.size, MaxPages: noMaxPages}
	if p.cursor == "" {
		return pager, magento.MorePages, -1, nil
	}
	if _, err := fmt.Sscanf(p.cursor, "%d/%d", &pager.Page, &pager.PageSize); err != nil {
		return pager, step, -1, fmt.Errorf("run.pages: cursor %q is no page number and size: %w", p.cursor, err)
	}
	body, err := p.job.Run.ReadPage(p.stream, p.file)
	if err != nil {
		return pager, step, -1, err
	}
	last, err := magento.ReadPage(body, l.idField)
	if err != nil {
		return pager, step, -1, err
	}
	pager, step = pager.Next(last)
	return pager, step, last.TotalCount, nil
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
