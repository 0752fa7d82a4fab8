-- purpose: what changed between two nights, in what Optiply should hold: products, stock and orders that came or went, and
--          each attribute that is another
-- inputs:  of run1 and of run2: model.products, before.products, diff.deletions,
--          model.sell_orders, before.sell_orders
-- output:  entity (products, stock, sell_orders), change (added, gone, changed), remote_id, sku, attribute, before, after
-- grain:   one row a record that came or went, and one an attribute that changed
-- note:    what a run did not read is as Optiply held it: an incremental night, and a row that could not be used
WITH held1 AS (
    SELECT remote_id, name, sku_code, article_code, price, unlimited_stock, stock_level, status, created_at_remote, true AS listed FROM run1.model.products
    UNION ALL
    SELECT remote_id, name, sku_code, article_code, price, unlimited_stock, stock_level,
           CASE WHEN remote_id IN (SELECT remote_id FROM run1.diff.deletions WHERE verdict = 'disable') THEN 'disabled' ELSE status END, created_at_remote, false
    FROM run1.before.products WHERE remote_id NOT IN (SELECT remote_id FROM run1.model.products)
),
held2 AS (
    SELECT remote_id, name, sku_code, article_code, price, unlimited_stock, stock_level, status, created_at_remote, true AS listed FROM run2.model.products
    UNION ALL
    SELECT remote_id, name, sku_code, article_code, price, unlimited_stock, stock_level,
           CASE WHEN remote_id IN (SELECT remote_id FROM run2.diff.deletions WHERE verdict = 'disable') THEN 'disabled' ELSE status END, created_at_remote, false
    FROM run2.before.products WHERE remote_id NOT IN (SELECT remote_id FROM run2.model.products)
),
-- What the whole listing did not have. Such a product stays in Optiply, disabled, and the run after knows it from there: it has come
-- back only where it is in a listing again.
missing1 AS (SELECT remote_id FROM run1.diff.deletions WHERE verdict <> 'kept'),
missing2 AS (SELECT remote_id FROM run2.diff.deletions WHERE verdict <> 'kept'),
product AS (
    SELECT coalesce(h1.remote_id, h2.remote_id) AS remote_id, coalesce(h2.sku_code, h1.sku_code) AS sku,
           CASE WHEN h1.remote_id IS NULL AND m2.remote_id IS NULL OR m1.remote_id IS NOT NULL AND m2.remote_id IS NULL AND h2.listed THEN 'added'
                WHEN h2.remote_id IS NULL AND m1.remote_id IS NULL
                  OR m2.remote_id IS NOT NULL AND m1.remote_id IS NULL AND (h1.listed OR h1.status = 'enabled') THEN 'gone'
                WHEN h1.remote_id IS NOT NULL AND h2.remote_id IS NOT NULL AND m1.remote_id IS NULL AND m2.remote_id IS NULL THEN 'both' END AS is_in,
           h1, h2
    FROM held1 h1 FULL JOIN held2 h2 ON h1.remote_id = h2.remote_id
    LEFT JOIN missing1 m1 ON m1.remote_id = coalesce(h1.remote_id, h2.remote_id)
    LEFT JOIN missing2 m2 ON m2.remote_id = coalesce(h1.remote_id, h2.remote_id)
),
attribute AS (
    SELECT remote_id, sku, unnest([
        {entity: 'products', attribute: 'name', before: h1.name, after: h2.name},
        {entity: 'products', attribute: 'skuCode', before: h1.sku_code, after: h2.sku_code},
        {entity: 'products', attribute: 'articleCode', before: h1.article_code, after: h2.article_code},
        {entity: 'products', attribute: 'price', before: h1.price::VARCHAR, after: h2.price::VARCHAR},
        {entity: 'products', attribute: 'status', before: h1.status, after: h2.status},
        {entity: 'products', attribute: 'createdAtRemote', before: h1.created_at_remote::VARCHAR, after: h2.created_at_remote::VARCHAR},
        {entity: 'stock', attribute: 'stockLevel', before: h1.stock_level::VARCHAR, after: h2.stock_level::VARCHAR},
        {entity: 'stock', attribute: 'unlimitedStock', before: h1.unlimited_stock::VARCHAR, after: h2.unlimited_stock::VARCHAR}
    ], recursive := true)
    FROM product WHERE is_in = 'both'
),
order1 AS (
    SELECT remote_id, placed, completed, total_value, 'at Optiply' AS verdict FROM run1.before.sell_orders
    UNION ALL
    SELECT remote_id, placed, completed, total_value, verdict FROM run1.model.sell_orders WHERE remote_id NOT IN (SELECT remote_id FROM run1.before.sell_orders)
),
order2 AS (
    SELECT remote_id, placed, completed, total_value, 'at Optiply' AS verdict FROM run2.before.sell_orders
    UNION ALL
    SELECT remote_id, placed, completed, total_value, verdict FROM run2.model.sell_orders WHERE remote_id NOT IN (SELECT remote_id FROM run2.before.sell_orders)
),
sell_order AS (
    -- An order that was not sent, and that the other run did not read again, is neither there nor gone.
    SELECT coalesce(o1.remote_id, o2.remote_id) AS remote_id,
           CASE WHEN o1.remote_id IS NOT NULL AND o2.remote_id IS NOT NULL THEN 'both'
                WHEN o1.remote_id IS NULL THEN 'added'
                WHEN o1.verdict IN ('send', 'at Optiply') THEN 'gone' END AS is_in, o1, o2
    FROM order1 o1 FULL JOIN order2 o2 ON o1.remote_id = o2.remote_id
),
order_attribute AS (
    SELECT remote_id, unnest([
        {attribute: 'placed', before: o1.placed::VARCHAR, after: o2.placed::VARCHAR},
        {attribute: 'completed', before: o1.completed::VARCHAR, after: o2.completed::VARCHAR},
        {attribute: 'totalValue', before: o1.total_value::VARCHAR, after: o2.total_value::VARCHAR},
        -- What was to be sent and then is at Optiply went as it should; another verdict is a change.
        {attribute: 'verdict', before: CASE WHEN o1.verdict = 'send' THEN 'at Optiply' ELSE o1.verdict END, after: CASE WHEN o2.verdict = 'send' THEN 'at Optiply' ELSE o2.verdict END}
    ], recursive := true)
    FROM sell_order WHERE is_in = 'both'
)
SELECT * FROM (
    SELECT 'products' AS entity, is_in AS change, remote_id, sku, NULL AS attribute, NULL AS before, NULL AS after
    FROM product WHERE is_in <> 'both'
    UNION ALL
    SELECT 'stock', is_in, remote_id, sku, 'stockLevel', CASE is_in WHEN 'gone' THEN h1.stock_level::VARCHAR END, CASE is_in WHEN 'added' THEN h2.stock_level::VARCHAR END
    FROM product WHERE is_in <> 'both'
    UNION ALL
    SELECT entity, 'changed', remote_id, sku, attribute, before, after FROM attribute WHERE before IS DISTINCT FROM after
    UNION ALL
    SELECT 'sell_orders', is_in, remote_id, NULL, NULL, NULL, NULL FROM sell_order WHERE is_in <> 'both'
    UNION ALL
    SELECT 'sell_orders', 'changed', remote_id, NULL, attribute, before, after FROM order_attribute WHERE before IS DISTINCT FROM after
)
ORDER BY entity, change, try_cast(remote_id AS BIGINT), remote_id, attribute;
