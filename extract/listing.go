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
	// query asks for a page where the list takes no search criteria; nil where it does.
	query func(page, size int) magento.Query
	size  int
	count bool // ask for the count at the end even where the first page's was reached
}

// tally compares what was read with what the shop counts afterwards.
type tally struct {
	rows        int // distinct rows where they have an id
	expected    int // total_count; -1 where the shop does not tell
	quarantined int64
}

// short says why a listing is not whole, or nothing.
func (t tally) short(what string) string {
	if t.quarantined > 0 {
		return fmt.Sprintf("%d %s are quarantined: the shop cannot answer for them", t.quarantined, what)
	}
	if t.rows >= t.expected {
		return ""
	}
	return fmt.Sprintf("%d %s were read, and the shop counts %d", t.rows, what, t.expected)
}

// How often a listing is read on, or again, when it changed while it was read.
const (
	mostReadOn = 2
	mostPasses = 3
)

// read reads the rest of a part by keyset or page number. On an error the part is failed.
func (p *part) read(ctx context.Context, l listing) (t tally, err error) {
	p.job.Progress.Begin(p.stream, -1)
	defer p.job.Progress.End(p.stream)
	p.job.Progress.Add(p.stream, int(p.rows)) // of before a kill
	if l.keyset != "" {
		t, err = p.readByKeyset(ctx, l)
	} else {
		t, err = p.readByNumber(ctx, l)
	}
	if err != nil {
		return t, p.fail(ctx, err)
	}
	return t, nil
}

// readByKeyset reads on as long as the shop counts more than was read: what was added meanwhile has higher ids than all
// that was read.
func (p *part) readByKeyset(ctx context.Context, l listing) (tally, error) {
	for again := 0; ; again++ {
		total, err := p.readKeys(ctx, l, again == 0)
		if err != nil {
			return tally{}, err
		}
		if err := p.countQuarantined(ctx); err != nil {
			return tally{}, err
		}
		t, err := p.tally(ctx, l, total, again > 0)
		t.quarantined = p.quarantined
		if err != nil || t.rows+int(t.quarantined) >= t.expected || again == mostReadOn {
			return t, err
		}
	}
}

// readKeys reads behind the last id until nothing is left. It returns the shop's total_count of the first page, -1 where
// it told none. Records that the shop cannot answer for are read around, and named (section 6.5).
func (p *part) readKeys(ctx context.Context, l listing, announce bool) (total int, err error) {
	pager := magento.Keyset{Field: l.keyset, PageSize: l.size, Base: l.base}
	if p.cursor != "" {
		if pager.After, err = strconv.ParseInt(p.cursor, 10, 64); err != nil {
			return -1, fmt.Errorf("run.pages: cursor %q is no id: %w", p.cursor, err)
		}
	}
	narrow, client := magento.NewNarrow(pager), p.job.Client
	for total = -1; ; {
		resp, page, failure := p.job.getWith(ctx, client, l.path, narrow.Request().Query(), l.idField)
		next, found, err := narrow.Next(page, failure)
		if err != nil {
			return total, err
		}
		// Having failed as often as it is allowed to, a page need not be waited for at each step of narrowing.
		if client = p.job.Client; failure != nil {
			client = client.WithRetries(1)
		}
		// An empty range that is asked for in narrowing counts nothing.
		if total < 0 && failure == nil && (found.Keep || found.Done) && page.TotalCount >= 0 {
			total = page.TotalCount + int(p.rows)
			if announce {
				p.job.Progress.Begin(p.stream, int64(total))
			}
		}
		if found.Keep && page.Count > 0 {
			if err := p.save(ctx, resp.Body, page.Count, strconv.FormatInt(next.Keyset.After, 10)); err != nil {
				return total, err
			}
		}
		if found.Quarantined > 0 {
			if err := p.quarantine(ctx, found.Quarantined); err != nil {
				return total, err
			}
		}
		if found.Done {
			return total, nil
		}
		narrow = next
	}
}

// quarantine names a record that the shop answers 500 for, however small the page. The stream is not complete without it,
// so its bookmark stays, and nothing is disabled for its sake.
func (p *part) quarantine(ctx context.Context, id int64) error {
	text := strconv.FormatInt(id, 10)
	p.job.Log.Warn("the shop cannot answer for a record; it is left out, by name", "stream", p.stream, "id", text)
	_, err := p.job.Run.DB.ExecContext(ctx, `INSERT INTO run.issues BY NAME
		SELECT 'extract' AS phase, 'quarantined' AS kind, $1 AS entity, $2 AS remote_id, 'store' AS attribute, $3 AS value,
			'the shop answers every page with this record in it with an error' AS reason
		WHERE NOT EXISTS (FROM run.issues WHERE phase = 'extract' AND kind = 'quarantined' AND entity = $1 AND remote_id = $2 AND value = $3)`,
		p.stream, text, p.storeCode)
	if err != nil {
		return fmt.Errorf("name the record %s of %s: %w", text, p.stream, err)
	}
	return p.countQuarantined(ctx)
}

// countQuarantined reads how many records of the stream are left out, those of before a kill included.
func (p *part) countQuarantined(ctx context.Context) error {
	err := p.job.Run.DB.QueryRowContext(ctx, "SELECT count(*) FROM run.issues WHERE phase = 'extract' AND kind = 'quarantined' AND entity = ? AND value = ?",
		p.stream, p.storeCode).Scan(&p.quarantined)
	if err != nil {
		return fmt.Errorf("count what is quarantined of %s: %w", p.stream, err)
	}
	return nil
}

// tally counts what was read, and asks the shop to count again where that can matter: rows leave a window while it is
// read, when they are changed once more, and that is no loss.
func (p *part) tally(ctx context.Context, l listing, total int, askAgain bool) (tally, error) {
	t := tally{expected: total}
	err := p.job.Run.DB.QueryRowContext(ctx, fmt.Sprintf(`SELECT count(DISTINCT %[1]s) FROM (
		SELECT unnest(from_json(content, '{"items":[{"%[1]s":"VARCHAR"}]}').items, recursive := true) FROM page.%[2]s WHERE store_code = ? AND part = ?)`, l.idField, p.stream),
		p.storeCode, p.name).Scan(&t.rows)
	if err != nil {
		return t, fmt.Errorf("count what was read: %w", err)
	}
	if t.rows >= total && !l.count && !askAgain {
		return t, nil
	}
	count := l.base
	count.PageSize, count.CurrentPage = 1, 1
	_, page, err := p.job.get(ctx, l.path, count.Query(), l.idField)
	if err != nil && p.quarantined > 0 {
		return t, nil // the first record can be one that is quarantined; the first page's count has to do
	}
	if err != nil {
		return t, fmt.Errorf("count the rows: %w", err)
	}
	t.expected = page.TotalCount
	return t, nil
}

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

// noMaxPages is for lists without a date to move a window by: the window is the whole list.
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
