-- purpose: the products whose stock this run needs: enabled simple ones, and no others, because a disabled one is answered
--          with a 0 that is none and the other types have no stock of their own
-- inputs:  page.products, before.products; $1 whether stock is synced (else only creates need it), $2 whether the whole
--          listing was read (else products that Optiply holds are carried)
-- output:  run.stock_plan
-- grain:   one row a product, to be asked for one by one until a shorter way is found
INSERT INTO run.stock_plan (remote_id, sku)
WITH answer AS NOT MATERIALIZED (
    SELECT file, fetched_at, from_json(content, '{"items": [{"id": "VARCHAR", "sku": "VARCHAR", "status": "VARCHAR", "type_id": "VARCHAR", "updated_at": "VARCHAR"}]}').items AS items
    FROM page.products
),
item AS NOT MATERIALIZED (SELECT file, fetched_at, generate_subscripts(items, 1) AS position, unnest(items, recursive := true) FROM answer),
-- The pages are read again for it, because a million products that were read once need neither be kept nor ranked for the few
-- that were read twice.
twice AS (SELECT id FROM item WHERE id IS NOT NULL GROUP BY id HAVING count(*) > 1),
listed AS (
    SELECT id, sku, status, type_id FROM item WHERE id IS NOT NULL AND id NOT IN (FROM twice)   -- NOT IN nothing is true of NULL, too
    UNION ALL
    SELECT id, sku, status, type_id FROM item WHERE id IN (FROM twice)
    QUALIFY row_number() OVER (PARTITION BY id ORDER BY updated_at DESC, fetched_at DESC, file DESC, position DESC) = 1  -- as stage.products
)
SELECT id, sku FROM listed
WHERE type_id = 'simple' AND status = '1' AND coalesce(sku, '') <> ''
  AND ($1 OR id NOT IN (SELECT remote_id FROM before.products))
UNION ALL
SELECT remote_id, sku_code FROM before.products
WHERE $1 AND NOT $2 AND status = 'enabled' AND NOT unlimited_stock AND coalesce(sku_code, '') <> ''
  AND remote_id NOT IN (SELECT id FROM item WHERE id IS NOT NULL)
ORDER BY ALL;
