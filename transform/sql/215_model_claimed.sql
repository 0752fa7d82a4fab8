-- purpose: what Optiply may have already and is not known to hold: adopt found something there that may be it, and could not
--          tell. Creating it could make it a second time (invariant 2), so it is held by name until adopt can tell
-- inputs:  stage.products, stage.orders, before.products, before.sell_orders, before.unadopted
-- output:  model.claimed
-- grain:   one row a product or order of this run that Optiply is not known to hold

CREATE OR REPLACE TABLE model.claimed AS
WITH product AS NOT MATERIALIZED (
    SELECT product_id::VARCHAR AS remote_id, lower(sku) AS sku FROM stage.products WHERE product_id IS NOT NULL
),
sell_order AS NOT MATERIALIZED (
    SELECT order_id::VARCHAR AS remote_id, created_at AS placed, cents_of(subtotal) AS total_value FROM stage.orders WHERE len(problems) = 0
),
-- An equi-join for each way: with OR, DuckDB would compare every row with every other.
fits AS (
    SELECT u.entity, p.remote_id, u.optiply_id, u.reason FROM product p JOIN before.unadopted u USING (remote_id) WHERE u.entity = 'products'
    UNION
    SELECT u.entity, p.remote_id, u.optiply_id, u.reason FROM product p JOIN before.unadopted u ON lower(u.sku_code) = p.sku WHERE u.entity = 'products'
    UNION
    SELECT u.entity, o.remote_id, u.optiply_id, u.reason FROM sell_order o JOIN before.unadopted u USING (remote_id) WHERE u.entity = 'sell_orders'
    UNION
    SELECT u.entity, o.remote_id, u.optiply_id, u.reason FROM sell_order o JOIN before.unadopted u USING (placed, total_value) WHERE u.entity = 'sell_orders'
),
-- Of these few it is found out which ones Optiply is known to hold, and not of all.
claim AS (
    FROM fits ANTI JOIN (
        SELECT 'products' AS entity, remote_id FROM before.products UNION ALL SELECT 'sell_orders', remote_id FROM before.sell_orders
    ) known USING (entity, remote_id)
)
SELECT entity, remote_id,
       'Optiply may have it already, so it is not created: ' || string_agg(DISTINCT optiply_id || ' there has ' || reason, ', ' ORDER BY optiply_id || ' there has ' || reason)
           || '; run `adopt` again, with what tells which is which' AS reason
FROM claim
GROUP BY entity, remote_id
ORDER BY entity, remote_id::BIGINT;
