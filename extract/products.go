package extract

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"magento-optiply/magento"
)

//go:embed sql/second_look.sql
var secondLookSQL string

//go:embed sql/products_by_id.sql
var productsByIDSQL string

// productFields is what the transformation uses. fields= cuts the bytes of a products page eight times (recorded:
// b-fields-products).
func (j *Job) productFields() string {
	fields := "id,sku,name,price,status,type_id,created_at,updated_at"
	if len(j.Config.Magento.ProductAttributes) > 0 {
		fields += ",custom_attributes[attribute_code,value]"
	}
	return "items[" + fields + "],total_count"
}

// readProducts reads the products listing, whole or by window, for each store.
func (j *Job) readProducts(ctx context.Context) error {
	full, err := j.isFull(ctx)
	if err != nil {
		return err
	}
	j.full = full
	if !full && !j.Parts.Products {
		return nil
	}
	for _, s := range j.listings() {
		name := partWindow
		if full {
			name = partFull
		}
		start, end, err := j.window(ctx, "products", s.code)
		if err != nil {
			return err
		}
		if full {
			start = time.Time{} // the whole listing, whenever a product was changed; end is what the bookmark moves to
		}
		if err := j.readProductsOf(ctx, s, name, start, end); err != nil {
			return err
		}
	}
	if full {
		j.whole("products") // none is read by its id
	}
	return nil
}

func (j *Job) readProductsOf(ctx context.Context, s partition, name string, start, end time.Time) error {
	p, err := j.begin(ctx, "products", s.code, name, start, end)
	if err != nil || p.done {
		return err
	}
	t, err := p.read(ctx, listing{path: "products", idField: "id", keyset: "entity_id", dated: true, window: name == partWindow,
		base: s.only(magento.Criteria{Fields: j.productFields()}), size: j.Config.Magento.PageSize, count: name == partFull})
	if err != nil {
		return err
	}
	if name == partFull {
		if err := j.cover(ctx, p, t); err != nil {
			return err
		}
	}
	return p.finish(ctx, t.short("products"))
}

// cover proves, or not, that the full listing was read whole: as many distinct products as the shop counts afterwards.
// More than that is no harm, those were deleted meanwhile (section 6.6, invariant 3).
func (j *Job) cover(ctx context.Context, p *part, t tally) error {
	reason := t.short("products")
	switch {
	case t.rows == 0:
		reason = "the shop answered no product at all"
	case t.expected < 0:
		reason = "the shop did not tell how many products it has"
	}
	_, err := j.Run.DB.ExecContext(ctx, `INSERT OR REPLACE INTO run.coverage (stream, store_code, complete, rows, expected, reason)
		VALUES ('products', ?, ?, ?, nullif(?, -1), nullif(?, ''))`, p.storeCode, reason == "", t.rows, t.expected, reason)
	if err != nil {
		return fmt.Errorf("keep the coverage: %w", err)
	}
	if reason != "" {
		j.Log.Warn("the products listing is not complete, so nothing is disabled", "reason", reason)
	}
	return nil
}

// readProductsByID reads the products that no window holds, as each store shows them, like the listing.
func (j *Job) readProductsByID(ctx context.Context) error {
	if j.full || !j.Parts.Products && !j.Parts.SellOrders {
		return nil // the whole listing holds whatever there is
	}
	ids, err := j.column(ctx, productsByIDSQL, j.Parts.Products)
	if err != nil {
		return fmt.Errorf("find the products to read by id: %w", err)
	}
	for _, s := range j.listings() {
		q := byID{stream: "products", path: "products", idField: "id", fields: j.productFields(), store: s, ids: ids}
		if err := j.readByID(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// lookAgain asks for the products that seem to be gone once more, by id: the second look without which nothing is
// disabled (invariant 3). It looks in the whole shop, for a product that left a store is not gone.
func (j *Job) lookAgain(ctx context.Context) error {
	if !j.full || !j.Parts.Deletions || !j.Config.Sync.SyncProductDeletions {
		return nil
	}
	var whole bool
	err := j.Run.DB.QueryRowContext(ctx, "SELECT coalesce(bool_and(complete), false) FROM run.coverage WHERE stream = 'products'").Scan(&whole)
	if err != nil {
		return fmt.Errorf("read the coverage: %w", err)
	}
	if !whole {
		return nil // nothing is disabled anyway, and what is quarantined cannot be asked for
	}
	ids, err := j.column(ctx, secondLookSQL)
	if err != nil {
		return fmt.Errorf("find the products to look for again: %w", err)
	}
	err = j.readByID(ctx, byID{stream: "products_again", path: "products", idField: "id", fields: "items[id,sku,status],total_count", ids: ids,
		looked: func(asked []string, found map[string]bool) error {
			for _, id := range asked {
				if _, err := j.Run.DB.ExecContext(ctx, "INSERT INTO run.second_look VALUES (?, ?, ?)", id, found[id], j.Now().UTC()); err != nil {
					return fmt.Errorf("keep the second look: %w", err)
				}
			}
			return nil
		}})
	var refused *magento.Error
	if ctx.Err() == nil && errors.As(err, &refused) {
		// It is the proof that fails, and nothing else is held back with it (section 8). run.streams has the reason.
		j.Log.Warn("the second look failed, so nothing is disabled", "error", refused)
		return nil
	}
	return err
}
