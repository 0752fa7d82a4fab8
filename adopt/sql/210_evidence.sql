-- purpose: everything that says of a thing at Optiply which of the shop's it is, the strongest first. A weaker way is asked only
--          where no stronger one says anything about the thing
-- inputs:  adopt.products_there, adopt.sell_orders_there, adopt.products_here, adopt.sell_orders_here, adopt.snapshot,
--          state.products, state.sell_orders; variable by_sku, whether products may be matched by SKU
-- output:  adopt.evidence
-- grain:   one row a pair of remote_id and optiply_id, and way. rank 6 only speaks against a match

CREATE OR REPLACE TABLE adopt.evidence AS
WITH there AS (
    SELECT 'products' AS entity, optiply_id, remote_id FROM adopt.products_there
    UNION ALL
    SELECT 'sell_orders', optiply_id, remote_id FROM adopt.sell_orders_there
),
known AS (
    SELECT 'products' AS entity, optiply_id, remote_id FROM state.products
    UNION ALL
    SELECT 'sell_orders', optiply_id, remote_id FROM state.sell_orders
),
told AS (
    SELECT 1 AS rank, 'state' AS way, entity, k.remote_id, optiply_id FROM known k JOIN there t USING (entity, optiply_id)
    UNION
    SELECT 2, 'snapshot', entity, s.remote_id, optiply_id FROM adopt.snapshot s JOIN there t USING (entity, optiply_id)
    UNION
    SELECT 3, 'remoteIdMap', entity, remote_id, optiply_id FROM there WHERE remote_id IS NOT NULL
),
silent_product AS (FROM adopt.products_there WHERE optiply_id NOT IN (SELECT optiply_id FROM told WHERE entity = 'products')),
silent_order AS (FROM adopt.sell_orders_there WHERE optiply_id NOT IN (SELECT optiply_id FROM told WHERE entity = 'sell_orders'))
SELECT rank, way, entity, remote_id, optiply_id FROM told
UNION ALL
SELECT 4, 'articleCode', 'products', h.remote_id, t.optiply_id
FROM silent_product t JOIN adopt.products_here h ON h.remote_id = t.article_code
UNION ALL
-- Magento compares SKUs without regard to case.
SELECT CASE WHEN getvariable('by_sku') THEN 5 ELSE 6 END, 'skuCode', 'products', h.remote_id, t.optiply_id
FROM silent_product t JOIN adopt.products_here h ON lower(h.sku) = lower(t.sku_code)
WHERE h.sku <> ''
UNION ALL
SELECT 4, 'placed and totalValue', 'sell_orders', h.remote_id, t.optiply_id
FROM silent_order t JOIN adopt.sell_orders_here h USING (placed, total_value)
UNION ALL
-- A remote id that the shop does not have, on an order that it does have: the ids are of another kind, such as increment_id.
SELECT 6, 'placed and totalValue', 'sell_orders', h.remote_id, t.optiply_id
FROM adopt.sell_orders_there t JOIN adopt.sell_orders_here h USING (placed, total_value)
WHERE t.optiply_id IN (SELECT optiply_id FROM told WHERE entity = 'sell_orders' AND rank > 1 AND remote_id NOT IN (SELECT remote_id FROM adopt.sell_orders_here))
  AND t.optiply_id NOT IN (SELECT optiply_id FROM told WHERE entity = 'sell_orders' AND rank = 1)
  AND h.remote_id NOT IN (SELECT remote_id FROM told WHERE entity = 'sell_orders')
ORDER BY ALL;
