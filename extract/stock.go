package extract

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"magento-optiply/magento"
)

// lowStockQty is the quantity below which stockItems/lowStock lists an item: more than any shop has, so that it lists
// all. (The tap asked for 100,000 and lost what had more.)
const lowStockQty = "999999999"

// lowStockPageSize is not under Magento's input limits (recorded: c-limit-*); 1,000 rows took 0.25 s.
const lowStockPageSize = 1000

// readStock reads the stock streams that the stock mode needs.
func (j *Job) readStock(ctx context.Context) error {
	size := j.Config.Magento.SourceItemsPageSize
	for _, step := range []struct {
		stream string
		read   func() error
	}{
		{"stock_statuses", func() error { return j.readStockStatuses(ctx) }},
		{"sources", func() error {
			base := magento.Criteria{Fields: "items[source_code,name,enabled],total_count"}.OrderBy("source_code", false)
			if err := j.readListing(ctx, "sources", listing{path: "inventory/sources", base: base, size: j.Config.Magento.PageSize}); err != nil {
				return err
			}
			return j.checkWarehouses(ctx)
		}},
		// source_item_id sorts, and is in no answer (recorded: d-source-items-keyset), so the pages go by number.
		{"source_items", func() error {
			base := magento.Criteria{Fields: "items[sku,source_code,quantity,status],total_count"}.OrderBy("source_item_id", false)
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

// readStockItems reads the bulk listing of stock items.
func (j *Job) readStockItems(ctx context.Context) error {
	return j.readListing(ctx, "stock_items", listing{path: lowStockPath, idField: "item_id", size: lowStockPageSize, query: lowStockQuery})
}

const lowStockPath = "stockItems/lowStock"

// lowStockQuery asks for a page of the bulk listing, which wants scopeId and qty, and its paging outside searchCriteria
// (recorded: a-lowstock).
func lowStockQuery(page, size int) magento.Query {
	return magento.Query{{Name: "scopeId", Value: "0"}, {Name: "qty", Value: lowStockQty},
		{Name: "currentPage", Value: strconv.Itoa(page)}, {Name: "pageSize", Value: strconv.Itoa(size)}}
}

// checkWarehouses refuses a code in warehouse_ids that the shop does not have: its sum would be a stock of 0 that nobody
// meant (invariant 4).
func (j *Job) checkWarehouses(ctx context.Context) error {
	known, err := j.column(ctx, "SELECT DISTINCT key FROM raw.sources WHERE key IS NOT NULL ORDER BY key")
	if err != nil {
		return fmt.Errorf("read the shop's sources: %w", err)
	}
	for _, code := range j.Config.Sync.WarehouseIDs {
		if !slices.Contains(known, code) {
			return &UsageError{fmt.Errorf("sync.warehouse_ids: the shop has no source %q; it has %s", code, strings.Join(known, ", "))}
		}
	}
	return nil
}

func (j *Job) readListing(ctx context.Context, stream string, l listing) error {
	p, err := j.begin(ctx, stream, "", partFull, time.Time{}, time.Time{})
	if err != nil || p.done {
		return err
	}
	t, err := p.read(ctx, l)
	if err != nil {
		return err
	}
	return p.finish(ctx, t.short("rows"))
}
