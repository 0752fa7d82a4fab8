package extract

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"magento-optiply/magento"
)

// listing is a stream that is read page by page.
type listing struct {
	path    string
	idField string           // of an item; empty where it has none
	keyset  string           // the column to page by; empty: by page number
	base    magento.Criteria // filters, fields
	size    int
}

// read reads the rest of a part by keyset or page number. It returns the shop's total_count of the first page it asked
// for, -1 where there was none.
func (p *part) read(ctx context.Context, l listing) (total int, err error) {
	p.job.Progress.Begin(p.stream, -1)
	defer p.job.Progress.End(p.stream)
	if l.keyset != "" {
		total, err = p.readByKeyset(ctx, l)
	} else {
		total, err = p.readByNumber(ctx, l)
	}
	if err == nil {
		return total, nil
	}
	if ferr := p.finish(context.WithoutCancel(ctx), err.Error()); ferr != nil {
		return total, errors.Join(err, ferr)
	}
	return total, fmt.Errorf("read %s: %w", p.stream, err)
}

func (p *part) readByKeyset(ctx context.Context, l listing) (int, error) {
	pager := magento.Keyset{Field: l.keyset, PageSize: l.size, Base: l.base}
	if p.cursor != "" {
		after, err := strconv.ParseInt(p.cursor, 10, 64)
		if err != nil {
			return -1, fmt.Errorf("run.pages: cursor %q of %s is no id: %w", p.cursor, p.stream, err)
		}
		pager.After = after
	}
	total := -1
	for {
		resp, page, err := p.job.get(ctx, l.path, pager.Request(), l.idField)
		if size, ok := smallerPage(err, pager.PageSize); ok {
			pager.PageSize = size
			continue
		}
		if err != nil {
			return total, err
		}
		next, done, err := pager.Next(page)
		if err != nil {
			return total, err
		}
		if total < 0 && page.TotalCount >= 0 {
			total = page.TotalCount + int(p.rows)
			p.job.Progress.Begin(p.stream, int64(total))
		}
		if page.Count > 0 {
			if err := p.save(ctx, resp.Body, page.Count, strconv.FormatInt(next.After, 10)); err != nil {
				return total, err
			}
		}
		if done {
			return total, nil
		}
		pager = next
	}
}

func (p *part) readByNumber(ctx context.Context, l listing) (int, error) {
	// These lists have no date to move a window by, so the window is the whole list, however many pages it has.
	pager := magento.PageNumber{Base: l.base, PageSize: l.size, MaxPages: 1 << 30}
	if p.cursor != "" {
		number, err := strconv.Atoi(p.cursor)
		if err != nil {
			return -1, fmt.Errorf("run.pages: cursor %q of %s is no page number: %w", p.cursor, p.stream, err)
		}
		pager.Page = number
	}
	total := -1
	for {
		resp, page, err := p.job.get(ctx, l.path, pager.Request(), l.idField)
		if size, ok := smallerPage(err, pager.PageSize); ok {
			if p.pages > 0 {
				return total, fmt.Errorf("the shop lowered its page-size limit to %d in the middle of a listing: run again", size)
			}
			pager.PageSize = size
			continue
		}
		if err != nil {
			return total, err
		}
		next, step := pager.Next(page)
		if total < 0 && page.TotalCount >= 0 {
			total = page.TotalCount
			p.job.Progress.Begin(p.stream, int64(total))
		}
		if page.Count > 0 && step != magento.RepeatedPage {
			if err := p.save(ctx, resp.Body, page.Count, strconv.Itoa(next.Page)); err != nil {
				return total, err
			}
		}
		if step.Done() {
			return total, nil
		}
		pager = next
	}
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
