-- purpose: the products whose stock the bulk listings answer, to the unit as stockStatuses/{sku} would: the quantity of
--          export-stock-salable-qty (recorded: b-export-salable, e-export-base), or of stockItems/lowStock for the physical
--          one, and manage_stock of stockItems/lowStock
-- inputs:  run.stock_plan, page.stock_statuses, page.stock_items, raw.products_touched; $1 whether the salable quantity is wanted
-- output:  run.stock_plan
-- grain:   one row a product; what the listings lack, or do not answer beyond doubt, stays to be asked for one by one
UPDATE run.stock_plan SET way = 'bulk' WHERE remote_id IN (
    WITH export AS NOT MATERIALIZED (
        -- Cast to the narrow type first, which takes a hundredth of the time (transform/sql/000_settings.sql).
        SELECT sku, coalesce(CASE WHEN length(qty) <= 18 THEN try_cast(qty AS DECIMAL(18, 8)) END, try_cast(qty AS DECIMAL(24, 8))) AS qty, try_cast(is_salable AS BOOLEAN) AS is_salable, fetched_at
        FROM (SELECT fetched_at, unnest(from_json(content, '{"items": [{"source": "VARCHAR", "sku": "VARCHAR", "qty": "VARCHAR", "is_salable": "VARCHAR"}]}').items, recursive := true)
              FROM page.stock_statuses WHERE part <> 'skus')
        WHERE source LIKE 'export-stock-salable-qty/%'
    ),
    listed AS NOT MATERIALIZED (
        SELECT product_id AS remote_id, coalesce(CASE WHEN length(qty) <= 18 THEN try_cast(qty AS DECIMAL(18, 8)) END, try_cast(qty AS DECIMAL(24, 8))) AS qty, try_cast(manage_stock AS BOOLEAN) AS manage_stock, fetched_at
        FROM (SELECT fetched_at, unnest(from_json(content, '{"items": [{"product_id": "VARCHAR", "qty": "VARCHAR", "manage_stock": "VARCHAR"}]}').items, recursive := true)
              FROM page.stock_items)
    ),
    touched AS (SELECT key AS remote_id, item ->> 'sku' AS sku, item ->> 'status' AS status FROM raw.products_touched),
    said AS NOT MATERIALIZED (
        SELECT p.remote_id, p.sku, l.fetched_at AS listed_at, e.fetched_at AS exported_at,
               l.manage_stock IS NOT NULL
               -- What cannot be sold, and what is not managed, has 0; another number there was never seen, so it is asked for.
               AND CASE WHEN $1 THEN coalesce(e.qty = 0 OR e.is_salable AND l.manage_stock AND e.qty IS NOT NULL, false) ELSE l.qty IS NOT NULL END AS beyond_doubt
        FROM run.stock_plan p JOIN listed l USING (remote_id) LEFT JOIN export e USING (sku)
    )
    SELECT remote_id FROM said
    -- The export tells no product, only a SKU. It must be this product's alone, and the product must still be enabled:
    -- the bulk listings have a quantity for disabled ones too, which is none.
    WHERE sku NOT IN (SELECT sku FROM run.stock_plan GROUP BY sku HAVING count(*) > 1)
      AND NOT EXISTS (FROM touched t WHERE t.remote_id = said.remote_id AND (t.sku <> said.sku OR t.status <> '1'))
      AND NOT EXISTS (FROM touched t WHERE t.sku = said.sku AND t.remote_id <> said.remote_id)
    GROUP BY remote_id
    -- Pages can overlap: what was read last counts. max_by would pass over a row that says NULL.
    HAVING max_by(beyond_doubt, (listed_at, exported_at))
);
