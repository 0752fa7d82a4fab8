-- purpose: the products whose stock cannot have changed since it was asked for last, so that the last answer is kept
-- inputs:  run.stock_plan, before.stock_answers, raw.orders_touched; $1 whether the salable quantity is wanted, $2 the store
--          code, $3 no answer is kept that is older than this
-- output:  run.stock_plan
-- grain:   one row a product; never asked, not answered last time, another SKU, a row of a listing that changed, an order: each
--          stays to be asked for
UPDATE run.stock_plan SET way = 'kept' WHERE way = 'skus' AND remote_id IN (
    WITH line AS (
        SELECT unnest(from_json(item -> 'items', '[{"product_id": "VARCHAR", "sku": "VARCHAR"}]'), recursive := true) FROM raw.orders_touched
    )
    SELECT p.remote_id
    FROM run.stock_plan p JOIN before.stock_answers a USING (remote_id)
    WHERE a.sku = p.sku
      AND a.store_code = $2
      AND a.asked_at > $3::TIMESTAMP
      AND CASE WHEN $1 THEN a.salable_qty ELSE a.physical_qty END IS NOT NULL
      AND a.fingerprint = p.fingerprint
      AND p.remote_id NOT IN (SELECT product_id FROM line WHERE product_id IS NOT NULL)
      AND p.sku NOT IN (SELECT sku FROM line WHERE sku IS NOT NULL)
);
