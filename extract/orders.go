package extract

import (
	"context"
	"fmt"

	"magento-optiply/magento"
)

// orderFields is what the transformation uses; the names, addresses and mail of customers stay at the shop (invariant 6).
const orderFields = "items[entity_id,increment_id,state,status,store_id,created_at,updated_at,subtotal,base_subtotal,order_currency_code,base_currency_code," +
	"items[item_id,parent_item_id,product_id,sku,product_type,qty_ordered,base_row_total]],total_count"

// readOrders reads the orders of each store's window, and those that wait in the state for another try.
func (j *Job) readOrders(ctx context.Context) error {
	if !j.Parts.SellOrders {
		return nil
	}
	for _, s := range j.stores {
		if err := j.readOrdersOf(ctx, s); err != nil {
			return err
		}
	}
	parked, err := j.column(ctx, "SELECT remote_id FROM state.parked WHERE entity = 'sell_orders' AND decision IS DISTINCT FROM 'ignore' ORDER BY try_cast(remote_id AS BIGINT)")
	if err != nil {
		return fmt.Errorf("find the orders that wait: %w", err)
	}
	return j.readByID(ctx, byID{stream: "orders", path: "orders", idField: "entity_id", fields: orderFields, ids: parked, alone: true})
}

func (j *Job) readOrdersOf(ctx context.Context, s partition) error {
	start, end, err := j.window(ctx, "orders", s.code)
	if err != nil {
		return err
	}
	p, err := j.begin(ctx, "orders", s.code, partWindow, start, end)
	if err != nil || p.done {
		return err
	}
	t, err := p.read(ctx, listing{path: "orders", idField: "entity_id", keyset: "entity_id", dated: true, window: true,
		base: s.only(magento.Criteria{Fields: orderFields}), size: j.Config.Magento.PageSize})
	if err != nil {
		return err
	}
	// A window that is not whole leaves its bookmark where it is (section 6.3).
	return p.finish(ctx, t.short("orders"))
}
