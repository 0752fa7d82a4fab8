package extract

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"magento-optiply/magento"
)

//go:embed sql/stock_wanted.sql
var stockWantedSQL string

// lowStockQty is the quantity below which stockItems/lowStock lists an item: more than any shop has, so that it lists
// all. (The tap asked for 100,000 and lost what had more.)
const lowStockQty = "999999999"

// lowStockPageSize is not under Magento's input limits (recorded: c-limit-*); 1,000 rows took 0.25 s.
const lowStockPageSize = 1000

// answersPerPage is how many stockStatuses answers are kept in one page file.
const answersPerPage = 100

// readStock reads the stock streams that the stock mode needs.
func (j *Job) readStock(ctx context.Context) error {
	size := j.Config.Magento.SourceItemsPageSize
	for _, step := range []struct {
		stream string
		read   func() error
	}{
		{"stock_statuses", func() error { return j.readStockStatuses(ctx) }},
		{"sources", func() error {
			return j.readListing(ctx, "sources", listing{path: "inventory/sources", size: j.Config.Magento.PageSize})
		}},
		// source_item_id sorts, and is in no answer (recorded: d-source-items-keyset), so the pages go by number.
		{"source_items", func() error {
			base := magento.Criteria{}.OrderBy("source_item_id", false)
			return j.readListing(ctx, "source_items", listing{path: "inventory/source-items", base: base, size: size})
		}},
		{"stock_items", func() error { return j.readStockItems(ctx) }},
	} {
		if !j.wants(step.stream) {
			continue
		}
		if err := step.read(); err != nil {
			return err
		}
	}
	return nil
}

func (j *Job) readListing(ctx context.Context, stream string, l listing) error {
	p, err := j.begin(ctx, stream, "", partFull, time.Time{}, time.Time{})
	if err != nil || p.done {
		return err
	}
	if _, err := p.read(ctx, l); err != nil {
		return err
	}
	return p.finish(ctx, "")
}

// readStockItems reads the bulk listing. It wants scopeId and qty, and its paging outside searchCriteria (recorded:
// a-lowstock).
func (j *Job) readStockItems(ctx context.Context) error {
	p, err := j.begin(ctx, "stock_items", "", partFull, time.Time{}, time.Time{})
	if err != nil || p.done {
		return err
	}
	j.Progress.Begin("stock_items", -1)
	defer j.Progress.End("stock_items")
	pager := magento.PageNumber{PageSize: lowStockPageSize, MaxPages: 1 << 30, Page: p.pages + 1}
	for {
		query := magento.Query{{Name: "scopeId", Value: "0"}, {Name: "qty", Value: lowStockQty},
			{Name: "currentPage", Value: fmt.Sprint(pager.Request().CurrentPage)}, {Name: "pageSize", Value: fmt.Sprint(lowStockPageSize)}}
		resp, err := j.Client.Get(ctx, "stockItems/lowStock", query)
		var page magento.Page
		if err == nil {
			page, err = magento.ReadPage(resp.Body, "item_id")
		}
		if err != nil {
			return errors.Join(fmt.Errorf("read stock_items: %w", err), p.finish(context.WithoutCancel(ctx), err.Error()))
		}
		next, step := pager.Next(page)
		if page.Count > 0 && step != magento.RepeatedPage {
			if err := p.save(ctx, resp.Body, page.Count, fmt.Sprint(next.Page)); err != nil {
				return err
			}
		}
		if step.Done() {
			return p.finish(ctx, "")
		}
		pager = next
	}
}

// missGone is why a SKU has no stock when the product is not in the listing any more.
const missGone = "the product is gone from Magento"

// wantedSKU is a product whose stock is asked for.
type wantedSKU struct{ sku, remoteID string }

// readStockStatuses asks for one SKU after another, several at a time, within the client's limits.
func (j *Job) readStockStatuses(ctx context.Context) error {
	p, err := j.begin(ctx, "stock_statuses", "", partSKUs, time.Time{}, time.Time{})
	if err != nil || p.done {
		return err
	}
	wanted, err := j.wantedSKUs(ctx)
	if err != nil {
		return err
	}
	j.Progress.Begin("stock_statuses", int64(len(wanted)))
	defer j.Progress.End("stock_statuses")
	work := make(chan wantedSKU)
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(work)
		for _, w := range wanted {
			select {
			case work <- w:
			case <-gctx.Done():
				return gctx.Err()
			}
		}
		return nil
	})
	for range max(j.Config.Magento.Concurrency, 1) {
		group.Go(func() error { return j.askForStock(gctx, p, work) })
	}
	if err := group.Wait(); err != nil {
		return errors.Join(fmt.Errorf("read stock_statuses: %w", err), p.finish(context.WithoutCancel(ctx), err.Error()))
	}
	return p.finish(ctx, "")
}

func (j *Job) wantedSKUs(ctx context.Context) ([]wantedSKU, error) {
	rows, err := j.Run.DB.QueryContext(ctx, stockWantedSQL, j.Parts.Stocks, j.full)
	if err != nil {
		return nil, fmt.Errorf("find the SKUs to ask for: %w", err)
	}
	defer rows.Close()
	var wanted []wantedSKU
	for rows.Next() {
		var w wantedSKU
		if err := rows.Scan(&w.sku, &w.remoteID); err != nil {
			return nil, fmt.Errorf("find the SKUs to ask for: %w", err)
		}
		wanted = append(wanted, w)
	}
	return wanted, rows.Err()
}

// askForStock is one worker. What it has gathered is kept even when it is stopped, so that --resume need not ask again.
func (j *Job) askForStock(ctx context.Context, p *part, work <-chan wantedSKU) (err error) {
	var answers [][]byte
	flush := func() error {
		if len(answers) == 0 {
			return nil
		}
		body := append(append([]byte(`{"items":[`), bytes.Join(answers, []byte(",\n"))...), []byte("]}\n")...)
		rows := len(answers)
		answers = nil
		return p.save(context.WithoutCancel(ctx), body, rows, "")
	}
	defer func() { err = errors.Join(err, flush()) }()
	for w := range work {
		answer, miss, err := j.stockStatus(ctx, w)
		if err != nil {
			return err
		}
		if miss != "" {
			_, err := j.Run.DB.ExecContext(ctx, "INSERT OR REPLACE INTO run.stock_misses VALUES (?, ?, ?, ?, ?)", w.sku, w.remoteID, miss == missGone, miss, j.Now().UTC())
			if err != nil {
				return fmt.Errorf("keep that SKU %q has no stock: %w", w.sku, err)
			}
			continue
		}
		answers = append(answers, answer)
		if len(answers) == answersPerPage {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// stockStatus asks for the stock of one SKU: the answer as sent, with the SKU, the product and the endpoint put before
// it, since it names only a product id, and none at all for a disabled product. miss says why there is no answer.
func (j *Job) stockStatus(ctx context.Context, w wantedSKU) (answer []byte, miss string, err error) {
	resp, err := j.Client.Get(ctx, "stockStatuses/"+magento.SKUPath(w.sku), nil)
	var e *magento.Error
	if errors.As(err, &e) && (e.Kind == magento.NotFound || e.Kind == magento.HTMLNotFound) {
		miss, err := j.explainMiss(ctx, w, e)
		return nil, miss, err
	}
	if err != nil {
		return nil, "", fmt.Errorf("SKU %q: %w", w.sku, err)
	}
	body := bytes.TrimSpace(resp.Body)
	if len(body) < 2 || body[0] != '{' {
		return nil, "the shop's answer is no object", nil
	}
	sku, err := json.Marshal(w.sku)
	if err != nil {
		return nil, "", err
	}
	return fmt.Appendf(nil, `{"sku":%s,"remote_id":"%s","source":"stockStatuses",%s`, sku, w.remoteID, body[1:]), "", nil
}

// explainMiss tells a product that is gone from a server that cannot take its SKU in a path: Apache answers an HTML 404
// to %2F, so a 404 is no proof, and the filtered list is asked (section 6.7).
func (j *Job) explainMiss(ctx context.Context, w wantedSKU, e *magento.Error) (string, error) {
	c := magento.Criteria{Fields: "items[id,sku],total_count", PageSize: 1, CurrentPage: 1}.Where(magento.Filter{Field: "sku", Value: w.sku})
	_, page, err := j.get(ctx, "products", c, "id")
	switch {
	case err != nil:
		return "", fmt.Errorf("SKU %q: look for it in the listing: %w", w.sku, err)
	case page.Count == 0:
		return missGone, nil
	case e.Kind == magento.HTMLNotFound:
		return "the shop's web server refuses this SKU in a path (Apache without AllowEncodedSlashes does)", nil
	}
	return "stockStatuses does not know this SKU, though the listing does", nil
}
