-- purpose: the stock of each simple product by the run's stock mode, and why it is not known where it is not
-- inputs:  stage.products, before.products, model.stock_answers, stage.stock_items, stage.source_items, stage.sources, run.stock_misses,
--          run.streams; variable stock_mode
-- output:  model.stock_levels
-- grain:   one row an enabled simple product: those this run listed, and, in a run that did not read the whole
--          listing, those that Optiply holds as enabled and not unlimited ("carried")
-- note:    where unknown_because is set or is_gone is true, stock_level and manage_stock are NULL. With map_stockLevel:
--          false the level is NULL too, and only manage_stock can be unknown: unlimitedStock is not stock, it stays in the
--          diff

CREATE OR REPLACE TABLE model.stock_levels AS
WITH asked AS (
    SELECT product_id, sku, false AS is_carried FROM stage.products WHERE type_id = 'simple' AND status = 1
    UNION ALL
    SELECT try_cast(remote_id AS BIGINT), sku_code, true FROM before.products
    WHERE NOT getvariable('products_full') AND status = 'enabled' AND NOT unlimited_stock
      AND try_cast(remote_id AS BIGINT) NOT IN (SELECT product_id FROM stage.products WHERE product_id IS NOT NULL)
),
-- A listing says something about the rows it lacks only when it was read to its end in this run.
was_read AS (
    SELECT coalesce(bool_or(complete) FILTER (stream = 'stock_items'), false) AS listing,
           coalesce(bool_or(complete) FILTER (stream = 'source_items'), false) AND coalesce(bool_or(complete) FILTER (stream = 'sources'), false) AS sources
    FROM run.streams
),
-- salable: qty of stockStatuses/{sku}; physical: stock_item.qty of the same answer; either may come by a shorter way
by_status AS (
    SELECT product_id,
           CASE getvariable('stock_mode') WHEN 'salable' THEN salable_qty ELSE physical_qty END AS quantity,
           manage_stock,
           source || CASE WHEN source LIKE 'stockStatuses/%' AND getvariable('stock_mode') = 'physical' THEN ': stock_item.qty' ELSE ': qty' END
               || CASE WHEN is_kept THEN ', asked at ' || strftime(asked_at, '%Y-%m-%d %H:%M:%S') ELSE '' END AS came_from,
           -- The quantity that the mode does not use may be unreadable.
           list_filter(problems, lambda p: p.attribute <> CASE getvariable('stock_mode') WHEN 'salable' THEN 'stock_item.qty' ELSE 'qty' END) AS bad,
           CASE WHEN len(bad) > 0 THEN bad[1].attribute || ' ' || bad[1].reason || ': ' || bad[1].value
                WHEN answered_product_id IS NULL THEN 'Magento answered without a product, as it does for a disabled one'
                WHEN getvariable('stock_mode') = 'physical' AND physical_qty IS NULL THEN 'the product has no item in the default source, so it has no physical quantity'
                WHEN getvariable('stock_mode') = 'salable' AND salable_qty IS NULL THEN 'Magento answered without a quantity'
                WHEN manage_stock IS NULL THEN 'Magento answered without manage_stock' END AS unknown_because
    FROM model.stock_answers
),
by_listing AS (
    SELECT product_id, qty AS quantity, manage_stock,
           list_filter(problems, lambda p: getvariable('stock_mode') = 'listing' OR p.attribute = 'stock_item.manage_stock') AS bad,
           CASE WHEN len(bad) > 0 THEN bad[1].attribute || ' ' || bad[1].reason || ': ' || bad[1].value
                WHEN getvariable('stock_mode') = 'listing' AND qty IS NULL THEN 'the bulk listing has no quantity for it'
                WHEN manage_stock IS NULL THEN 'the bulk listing has no manage_stock for it' END AS unknown_because
    FROM stage.stock_items WHERE came_from = 'stock_items' AND getvariable('stock_mode') NOT IN ('salable', 'physical')
),
-- warehouse: the sum over the sources of warehouse_ids, or over all enabled ones where that is empty. Magento compares
-- SKUs without regard to case, so the join does.
by_source AS (
    SELECT lower(i.sku) AS sku, sum(i.quantity) AS quantity,
           max(CASE WHEN len(i.problems) > 0 THEN 'quantity of source ' || i.source_code || ' ' || i.problems[1].reason || ': ' || coalesce(i.problems[1].value, 'nothing') END) AS unknown_because
    FROM stage.source_items i LEFT JOIN stage.sources s USING (source_code)
    WHERE CASE WHEN len(getvariable('warehouse_ids')) > 0 THEN list_contains(getvariable('warehouse_ids'), i.source_code)
               ELSE coalesce(s.enabled, false) END
    GROUP BY lower(i.sku)
),
by_mode AS (
    SELECT
        a.product_id::VARCHAR AS remote_id,
        a.sku,
        CASE getvariable('stock_mode')
            WHEN 'salable' THEN st.quantity
            WHEN 'physical' THEN st.quantity
            WHEN 'listing' THEN li.quantity
            WHEN 'warehouse' THEN coalesce(so.quantity, 0)      -- no source item means 0 (section 7)
        END AS quantity,
        CASE WHEN getvariable('stock_mode') IN ('salable', 'physical') THEN st.manage_stock
             WHEN getvariable('stock_mode') = 'listing' THEN li.manage_stock
             -- The listing leaves out products without an item in the default source; those are managed, by their sources.
             WHEN li.product_id IS NULL THEN true
             ELSE li.manage_stock END AS manage_stock,
        CASE getvariable('stock_mode')
            WHEN 'salable' THEN coalesce(st.came_from, 'stockStatuses/{sku}: qty')
            WHEN 'physical' THEN coalesce(st.came_from, 'stockStatuses/{sku}: stock_item.qty')
            WHEN 'listing' THEN 'stockItems/lowStock: qty'
            WHEN 'warehouse' THEN 'inventory/source-items: quantity'
        END AS came_from,
        CASE getvariable('stock_mode')
            WHEN 'off' THEN CASE WHEN li.product_id IS NOT NULL THEN li.unknown_because
                                 WHEN NOT w.listing THEN 'the bulk listing stockItems/lowStock was not read to its end' END
            WHEN 'warehouse' THEN CASE WHEN NOT w.sources THEN 'the sources and their items were not read to their end'
                                       WHEN so.unknown_because IS NOT NULL THEN so.unknown_because
                                       WHEN li.product_id IS NOT NULL THEN li.unknown_because
                                       WHEN NOT w.listing THEN 'the bulk listing stockItems/lowStock was not read to its end' END
            WHEN 'listing' THEN CASE WHEN li.product_id IS NULL THEN 'the bulk listing stockItems/lowStock has no row for it' ELSE li.unknown_because END
            ELSE CASE WHEN m.sku IS NOT NULL THEN m.reason
                      WHEN st.product_id IS NULL THEN 'its stock was not asked for in this run'
                      ELSE st.unknown_because END
        END AS unknown_because,
        -- Nothing of a carried product in a bulk listing is no proof of a stock of 0: it can be gone from Magento.
        coalesce(m.gone, false)
            OR a.is_carried AND getvariable('stock_mode') IN ('warehouse', 'listing', 'off') AND li.product_id IS NULL AND so.sku IS NULL
               AND w.listing AND (w.sources OR getvariable('stock_mode') <> 'warehouse') AS is_gone
    FROM asked a CROSS JOIN was_read w
    LEFT JOIN by_status st ON st.product_id = a.product_id
    LEFT JOIN by_listing li ON li.product_id = a.product_id
    LEFT JOIN by_source so ON so.sku = lower(a.sku)
    LEFT JOIN run.stock_misses m ON m.sku = a.sku
)
SELECT remote_id, sku, quantity,
       CASE WHEN unknown_because IS NULL AND NOT is_gone THEN trunc(quantity)::BIGINT END AS stock_level,
       CASE WHEN unknown_because IS NULL AND NOT is_gone THEN manage_stock END AS manage_stock,
       came_from, unknown_because, is_gone
FROM by_mode;
