package extract

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"magento-optiply/magento"
)

//go:embed sql/stock_bulk.sql
var stockBulkSQL string

const (
	// smallestExport is the page size below which a page that fails is left to one request a SKU.
	smallestExport = 10
	// mostFailures is how many pages may fail before the export as a whole is left.
	mostFailures = 10
	// bulkOverhead is what a bulk read asks beside its pages: the number of products, the stocks, the SKUs that it is checked
	// by, and the products touched meanwhile.
	bulkOverhead = 3 + mostSamples
)

// pagesOf is how many pages n rows fill.
func pagesOf(n, size int) int { return (n + size - 1) / size }

// bulkCost is how many requests a bulk read needs.
func (j *Job) bulkCost(ctx context.Context, w way) (int, error) {
	cost := bulkOverhead
	if j.salable() {
		cost += pagesOf(w.products, w.pageSize)
	}
	listed, err := j.isComplete(ctx, "stock_items", partFull)
	if !listed {
		cost += pagesOf(w.products, lowStockPageSize)
	}
	return cost, err
}

// takeBulk reads the bulk listings and marks in run.stock_plan what they answer.
func (j *Job) takeBulk(ctx context.Context, w way) (way, error) {
	if j.salable() {
		if err := j.readExport(ctx, w); err != nil {
			return w, err
		}
	}
	// After the listings, so that it tells of what was changed while they were read.
	reason, _, err := j.listForShortCut(ctx, "products_touched", "", partWindow, func() error { return j.readProductsTouched(ctx) })
	if err != nil {
		return w, err
	}
	if reason != "" {
		w.used, w.reason = false, reason
		return w, j.keepWay(ctx, wayBulk, w)
	}
	_, err = j.Run.DB.ExecContext(ctx, "UPDATE run.stock_plan SET way = 'skus' WHERE way = 'kept'") // news is better
	if err == nil {
		_, err = j.Run.DB.ExecContext(ctx, stockBulkSQL, j.salable())
	}
	if err != nil {
		return w, fmt.Errorf("find the stock that the bulk listings answer: %w", err)
	}
	return w, nil
}

// readProductsTouched reads which products were changed since the listing that run.stock_plan was made from: the bulk listings
// know a product by its SKU alone, and have a quantity for one that was disabled.
func (j *Job) readProductsTouched(ctx context.Context) error {
	start, err := j.productsKnownUntil(ctx)
	if err != nil {
		return err
	}
	p, err := j.begin(ctx, "products_touched", "", partWindow, start, time.Time{})
	if err != nil || p.done {
		return err
	}
	base := magento.Criteria{Fields: "items[id,sku,status],total_count"}
	if !p.start.IsZero() {
		base = base.Where(magento.Filter{Field: "updated_at", Condition: magento.GtEq, Value: magento.FormatTime(p.start)})
	}
	t, err := p.read(ctx, listing{path: "products", idField: "id", keyset: "entity_id", base: base, size: j.Config.Magento.PageSize})
	if err != nil {
		return err
	}
	return p.finish(ctx, t.short("products"))
}

// productsKnownUntil is up to when the products were read, in this run or before it, less the overlap; zero where they never were.
func (j *Job) productsKnownUntil(ctx context.Context) (time.Time, error) {
	var until, none time.Time
	for _, s := range j.listings() {
		mark, err := j.bookmark(ctx, "products", s.code)
		if err != nil {
			return none, err
		}
		err = j.Run.DB.QueryRowContext(ctx, `SELECT coalesce(max(window_end), ?) FROM run.streams
			WHERE stream = 'products' AND store_code = ? AND part IN ('full', 'window') AND complete`, mark, s.code).Scan(&mark)
		if err != nil {
			return none, fmt.Errorf("read run.streams: %w", err)
		}
		if mark.IsZero() || mark.Year() <= 1 {
			return none, nil
		}
		if until.IsZero() || mark.Before(until) {
			until = mark
		}
	}
	return until.Add(-j.Config.Magento.Overlap), nil
}

// exportReader is the work of the part `bulk` of stock_statuses.
type exportReader struct {
	*part
	way    way
	source string
	read   map[string]bool // pages of before a kill, by page and size

	mu       sync.Mutex
	failures int
	last     *magento.Error
}

// readExport reads the pages of the salable quantities, several at a time: each stands for itself, because they are cut by number
// from the products.
func (j *Job) readExport(ctx context.Context, w way) error {
	p, err := j.begin(ctx, "stock_statuses", "", partBulk, time.Time{}, time.Time{})
	if err != nil || p.done {
		return err
	}
	p.takeOver()
	r := &exportReader{part: p, way: w, source: exportSource(w.website), read: map[string]bool{}}
	cursors, err := j.column(ctx, "SELECT cursor FROM run.pages WHERE stream = 'stock_statuses' AND part = ?", partBulk)
	if err != nil {
		return fmt.Errorf("read run.pages: %w", err)
	}
	for _, c := range cursors {
		r.read[c] = true
	}
	j.Progress.Begin(p.stream, int64(w.products))
	defer j.Progress.End(p.stream)
	j.Progress.Add(p.stream, int(p.rows))
	if err := r.readAll(ctx); err != nil {
		return p.fail(ctx, err)
	}
	p.note = "salable quantities of the website " + w.website
	if r.last != nil {
		p.note += fmt.Sprintf("; %d pages failed, and their SKUs are asked for one after another: %s", r.failures, why(r.source, r.last))
		j.Log.Warn("pages of the bulk listing failed; their SKUs are asked for one after another", "pages", r.failures, "last", r.last.Message)
	}
	return p.finish(ctx, "")
}

// readAll reads every page. The first error that is the whole shop's stops all workers.
func (r *exportReader) readAll(ctx context.Context) error {
	if r.way.first != nil {
		cursor := pageCursor(1, r.way.pageSize)
		if err := r.keep(ctx, r.way.first, cursor); err != nil {
			return err
		}
		r.read[cursor] = true
	}
	group, inGroup := errgroup.WithContext(ctx)
	group.SetLimit(max(r.job.Config.Magento.Concurrency, 1))
	pager, step := magento.PageNumber{PageSize: r.way.pageSize, CutFrom: r.way.products}, magento.MorePages
	for !step.Done() && inGroup.Err() == nil && !r.givenUp() {
		page := pager.Request().CurrentPage
		group.Go(func() error { return r.readPage(inGroup, r.job.Client, page, r.way.pageSize) })
		pager, step = pager.Next(magento.Page{}) // the pages end by their number alone
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// readPage reads one page, in smaller ones where it fails: a broken product breaks its whole page, and a large page takes the shop
// too long.
func (r *exportReader) readPage(ctx context.Context, client *magento.Client, page, size int) error {
	if r.read[pageCursor(page, size)] || r.givenUp() {
		return nil
	}
	body, err := r.job.exportPage(ctx, client, r.way.website, page, size)
	if err == nil {
		return r.keep(ctx, body, pageCursor(page, size))
	}
	e := refused(ctx, err)
	if e == nil {
		return err
	}
	r.mu.Lock()
	r.failures, r.last = r.failures+1, e
	r.mu.Unlock()
	parts := smallestDivisor(size)
	if size/parts < smallestExport {
		return nil
	}
	for i := range parts {
		if err := r.readPage(ctx, r.job.Client.WithRetries(1), (page-1)*parts+i+1, size/parts); err != nil {
			return err
		}
	}
	return nil
}

func (r *exportReader) givenUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures >= mostFailures
}

// keep saves a page of the export, each item with its source. An empty page is kept too: it need not be asked for again.
func (r *exportReader) keep(ctx context.Context, body []byte, cursor string) error {
	if r.read[cursor] {
		return nil
	}
	items, err := exportItems(body)
	if err != nil {
		return err
	}
	source, err := json.Marshal(r.source)
	if err != nil {
		return err
	}
	for i, item := range items {
		rest := bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(item), []byte("{")))
		if !bytes.HasPrefix(rest, []byte("}")) {
			rest = append([]byte(","), rest...)
		}
		items[i] = append(append([]byte(`{"source":`), source...), rest...)
	}
	page := append(append([]byte(`{"items":[`), bytes.Join(rawItems(items), []byte(",\n"))...), []byte("]}\n")...)
	return r.save(ctx, page, len(items), cursor)
}

func rawItems(items []json.RawMessage) [][]byte {
	list := make([][]byte, len(items))
	for i := range items {
		list[i] = items[i]
	}
	return list
}

func pageCursor(page, size int) string { return fmt.Sprintf("%d/%d", page, size) }

// smallestDivisor is the smallest number above 1 that divides n.
func smallestDivisor(n int) int {
	for d := 2; d*d <= n; d++ {
		if n%d == 0 {
			return d
		}
	}
	return max(n, 2)
}

// exportSource is how a row of the export says where it came from.
func exportSource(website string) string { return "export-stock-salable-qty/website/" + website }

// exportPage asks for one page of the salable quantities of a website's stock.
func (j *Job) exportPage(ctx context.Context, client *magento.Client, website string, page, size int) ([]byte, error) {
	c := magento.Criteria{PageSize: size, CurrentPage: page}.OrderBy("entity_id", false)
	resp, _, err := j.getWith(ctx, client, "inventory/"+exportSource(magento.SKUPath(website)), c.Query(), "")
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// exportItems are the rows of a page; the answer is known to be a page.
func exportItems(body []byte) ([]json.RawMessage, error) {
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	for _, item := range list.Items {
		if !strings.HasPrefix(string(bytes.TrimSpace(item)), "{") {
			return nil, errors.New("an item of the export is no object")
		}
	}
	return list.Items, nil
}
