package extract

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"magento-optiply/magento"
)

//go:embed sql/stock_fingerprints.sql
var stockFingerprintsSQL string

//go:embed sql/stock_kept.sql
var stockKeptSQL string

// seeChanges reads what tells that a stock can have changed: the bulk listing of stock items, which sees the default source, the
// stock index of every stock, which sees the other sources, and the orders that were touched, whose products are promised to
// buyers or not any more. Without one of them nothing is kept.
func (j *Job) seeChanges(ctx context.Context) (way, error) {
	reason, _, err := j.listForShortCut(ctx, "stock_items", "", partFull, func() error { return j.readStockItems(ctx) })
	if err != nil || reason != "" {
		return way{reason: reason}, err
	}
	if reason, err = j.readStockIndex(ctx); err != nil || reason != "" {
		return way{reason: reason}, err
	}
	mark, err := j.bookmark(ctx, "orders_touched", "")
	if err != nil {
		return way{}, err
	}
	if mark.IsZero() {
		return way{}, nil // stock was never read, so nothing can be kept; the next run compares with this one
	}
	reason, _, err = j.listForShortCut(ctx, "orders_touched", "", partWindow, func() error { return j.readOrdersTouched(ctx, mark) })
	return way{used: reason == "", reason: reason}, err
}

// readStockIndex reads the stock index of every stock, by one of the websites that sell from it. A shop without MSI has one
// source, and so has the Default Stock, so that the stock items tell all there.
func (j *Job) readStockIndex(ctx context.Context) (reason string, err error) {
	stocks, reason, e, err := j.stocks(ctx)
	if err != nil {
		return "", err
	}
	if e != nil && e.Kind == magento.NoRoute {
		return "", nil
	}
	if reason != "" {
		return reason, nil
	}
	for _, s := range stocks {
		if len(s.websites) == 0 {
			continue
		}
		website := s.websites[0]
		reason, _, err := j.listForShortCut(ctx, "stock_index", website, partFull, func() error { return j.readIndexOf(ctx, website) })
		if err != nil {
			return "", err
		}
		if reason != "" && !(len(stocks) == 1 && s.id == defaultStock) {
			return reason, nil
		}
	}
	return "", nil
}

// readIndexOf reads the stock index of a website's stock: one array, without paging (recorded: b-dump-stock-index).
func (j *Job) readIndexOf(ctx context.Context, website string) error {
	p, err := j.begin(ctx, "stock_index", website, partFull, time.Time{}, time.Time{})
	if err != nil || p.done {
		return err
	}
	if p.pages > 0 { // from before a kill
		return p.finish(ctx, "")
	}
	j.Progress.Begin(p.stream, -1)
	defer j.Progress.End(p.stream)
	resp, err := j.Client.Get(ctx, "inventory/dump-stock-index-data/website/"+magento.SKUPath(website), nil)
	if err != nil {
		return p.fail(ctx, err)
	}
	var items []json.RawMessage
	if err := json.Unmarshal(resp.Body, &items); err != nil {
		return p.fail(ctx, &magento.Error{Kind: magento.BadShape, Method: "GET", Path: "inventory/dump-stock-index-data", Message: "the answer is no list"})
	}
	if err := p.save(ctx, resp.Body, len(items), ""); err != nil {
		return p.fail(ctx, err)
	}
	return p.finish(ctx, "")
}

// readOrdersTouched reads which products are in an order that was placed, paid, shipped or cancelled since the stock was read
// last, in any store: an order changes what can be sold and no listing.
func (j *Job) readOrdersTouched(ctx context.Context, mark time.Time) error {
	m := j.Config.Magento
	p, err := j.begin(ctx, "orders_touched", "", partWindow, mark.Add(-m.Lag-m.Overlap), j.shopNow)
	if err != nil || p.done {
		return err
	}
	base := magento.Criteria{Fields: "items[entity_id,updated_at,items[product_id,sku]],total_count"}
	t, err := p.read(ctx, listing{path: "orders", idField: "entity_id", keyset: "entity_id", dated: true, window: true, base: base, size: m.PageSize})
	if err != nil {
		return err
	}
	return p.finish(ctx, t.short("orders"))
}

// keepUnchanged marks in run.stock_plan whose last answer is kept, of those that no other way answers.
func (j *Job) keepUnchanged(ctx context.Context, w way) error {
	if _, err := j.Run.DB.ExecContext(ctx, stockFingerprintsSQL); err != nil {
		return fmt.Errorf("compare the bulk listings with the last ones: %w", err)
	}
	if !w.used {
		return nil
	}
	// Not the time it is, so that a resumed run keeps the same answers.
	var began time.Time
	err := j.Run.DB.QueryRowContext(ctx, "SELECT started_at FROM run.info").Scan(&began)
	if err == nil {
		_, err = j.Run.DB.ExecContext(ctx, stockKeptSQL, j.salable(), j.Config.Magento.StoreCode, began.Add(-j.Config.Sync.StockMaxAge))
	}
	if err != nil {
		return fmt.Errorf("find the stock that cannot have changed: %w", err)
	}
	return nil
}

// defaultStock is the stock that every shop with MSI has; only the default source belongs to it.
const defaultStock = 1

// stock is what websites sell from.
type stock struct {
	id       int
	websites []string // codes
}

// stocks reads the shop's stocks. Where it does not give them, reason and e say why.
func (j *Job) stocks(ctx context.Context) (list []stock, reason string, e *magento.Error, err error) {
	reason, e, err = j.listForShortCut(ctx, "stocks", "", partFull, func() error {
		return j.readListing(ctx, "stocks", listing{path: "inventory/stocks", idField: "stock_id", base: magento.Criteria{}.OrderBy("stock_id", false), size: j.Config.Magento.PageSize})
	})
	if err != nil || reason != "" {
		return nil, reason, e, err
	}
	items, err := j.column(ctx, "SELECT item::VARCHAR FROM raw.stocks ORDER BY try_cast(key AS BIGINT)")
	if err != nil {
		return nil, "", nil, fmt.Errorf("read the shop's stocks: %w", err)
	}
	for _, text := range items {
		var item struct {
			ID        int `json:"stock_id"`
			Extension struct {
				Channels []struct{ Type, Code string } `json:"sales_channels"`
			} `json:"extension_attributes"`
		}
		if err := json.Unmarshal([]byte(text), &item); err != nil {
			return nil, "the shop's stocks cannot be read: " + err.Error(), nil, nil
		}
		s := stock{id: item.ID}
		for _, c := range item.Extension.Channels {
			if c.Type == "website" {
				s.websites = append(s.websites, c.Code)
			}
		}
		list = append(list, s)
	}
	return list, "", nil, nil
}
