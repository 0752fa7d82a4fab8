-- purpose: the state as a load of this run would leave it, so that the next night finds nothing changed
-- inputs:  model.products, model.sell_orders
-- output:  state.products, state.sell_orders
-- grain:   one row a product or order that Optiply would hold

INSERT INTO state.products BY NAME
SELECT remote_id, (1000000 + remote_id::BIGINT)::VARCHAR AS optiply_id, uuid()::VARCHAR AS uuid, name, sku_code, article_code, price, unlimited_stock, stock_level,
       status, created_at_remote, 'seed' AS run_id, TIMESTAMP '2026-11-22' AS acknowledged_at, 0 AS change
FROM model.products WHERE held_because IS NULL ORDER BY remote_id;

INSERT INTO state.sell_orders BY NAME
SELECT remote_id, (9000000 + remote_id::BIGINT)::VARCHAR AS optiply_id, uuid()::VARCHAR AS uuid, placed, completed, total_value,
       'seed' AS run_id, TIMESTAMP '2026-11-22' AS acknowledged_at, 0 AS change
FROM model.sell_orders WHERE verdict = 'send' ORDER BY remote_id;
