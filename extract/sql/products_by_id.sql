-- purpose: the products to read by id because no window holds them: those parked by an earlier run and not ignored, and those that only an
--          order line names (the order waits for such a product instead of losing the line); an id that is no number names none
-- inputs:  state.parked, page.products, page.orders, before.products; $1 whether products are synced
-- output:  remote_id
-- grain:   one row a product that this run has not read
WITH listed AS (
    SELECT unnest(from_json(content, '{"items": [{"id": "VARCHAR"}]}').items, recursive := true) FROM page.products
),
orders AS (
    SELECT unnest(from_json(content, '{"items": [{"items": [{"product_id": "VARCHAR"}]}]}').items, recursive := true) FROM page.orders
),
named AS (
    SELECT unnest(items, recursive := true) FROM orders
),
wanted AS (
    SELECT remote_id FROM state.parked WHERE entity = 'products' AND decision IS DISTINCT FROM 'ignore' AND $1
    UNION
    SELECT product_id FROM named WHERE product_id NOT IN (SELECT remote_id FROM before.products)
)
SELECT remote_id FROM wanted
WHERE remote_id IS NOT NULL AND try_cast(remote_id AS BIGINT) IS NOT NULL
  AND remote_id NOT IN (SELECT id FROM listed WHERE id IS NOT NULL)
ORDER BY remote_id::BIGINT;
