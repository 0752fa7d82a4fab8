-- purpose: every row that the rules reject, drop or hold, by name, with the reason (invariants 8 and 10)
-- inputs:  stage.products, stage.orders, before.sell_orders, model.*, diff.deletions
-- output:  run.issues, the rows of phase transform (extract and load write their own)
-- grain:   one row a row and reason

DELETE FROM run.issues WHERE phase = 'transform';

INSERT INTO run.issues BY NAME
-- products whose values cannot be read
SELECT 'transform' AS phase, 'rejected' AS kind, 'products' AS entity, product_id::VARCHAR AS remote_id, sku,
       problem.attribute AS attribute, problem.value AS value, problem.attribute || ' ' || problem.reason AS reason
FROM (SELECT product_id, sku, unnest(problems) AS problem FROM stage.products)
UNION ALL
-- products that are not created because Optiply may have them already, or because their stock is not known
SELECT 'transform', 'held', 'products', remote_id, sku_code,
       CASE WHEN remote_id NOT IN (SELECT remote_id FROM model.claimed WHERE entity = 'products') THEN 'stockLevel' END, NULL, held_because
FROM model.products WHERE held_because IS NOT NULL AND getvariable('sync_products')
UNION ALL
-- products that Optiply holds, and whose stock stays as it is because it is not known
SELECT 'transform', 'held', 'products', remote_id, sku_code, 'stockLevel', NULL, 'its stock is left as it was: ' || stock_unchanged_because
FROM model.products WHERE stock_unchanged_because IS NOT NULL AND getvariable('sync_stocks')
UNION ALL
-- products that would be disabled, were it allowed
SELECT 'transform', 'held', 'products', remote_id, sku_code, 'status', NULL, 'not disabled: ' || reason
FROM diff.deletions WHERE verdict = 'held'
UNION ALL
-- orders whose values cannot be read, of those that would be sent and that Optiply does not have
SELECT 'transform', 'rejected', 'sell_orders', order_id::VARCHAR, NULL, problem.attribute, problem.value, problem.attribute || ' ' || problem.reason
FROM (SELECT order_id, effective_state, unnest(problems) AS problem FROM stage.orders)
WHERE getvariable('sync_sell_orders') AND (getvariable('pull_all_orders') OR effective_state IS NULL OR effective_state = 'complete')
  AND NOT list_contains(getvariable('skip_order_states'), coalesce(effective_state, ''))
  AND (order_id IS NULL OR order_id::VARCHAR NOT IN (SELECT remote_id FROM before.sell_orders))
UNION ALL
-- orders that wait, that have no line left, or whose line cannot be read; those that Optiply has are done with
SELECT 'transform', CASE verdict WHEN 'wait' THEN 'held' WHEN 'reject' THEN 'rejected' ELSE 'dropped' END, 'sell_orders', remote_id, NULL, NULL, NULL, reason
FROM model.sell_orders
WHERE verdict <> 'send' AND getvariable('sync_sell_orders')
  AND remote_id NOT IN (SELECT remote_id FROM before.sell_orders)
UNION ALL
-- lines that are left out
SELECT 'transform', 'dropped', 'sell_order_lines', order_remote_id, sku, 'productId', product_remote_id, reason
FROM model.merged_lines
WHERE verdict = 'drop' AND getvariable('sync_sell_orders')
  AND order_remote_id NOT IN (SELECT remote_id FROM before.sell_orders)
ORDER BY ALL;
