-- purpose: the floor of the diff: one query compares what Optiply should hold with what it holds
-- inputs:  model.products, before.products, model.sell_orders, before.sell_orders
-- output:  floor.diff
-- grain:   one row a product or order that differs

CREATE TABLE floor.diff AS
SELECT coalesce(m.remote_id, b.remote_id) AS remote_id, m.name, m.sku_code, m.article_code, m.price, m.unlimited_stock, m.stock_level, m.status, m.created_at_remote
FROM model.products m FULL JOIN before.products b USING (remote_id)
WHERE (m.name, m.sku_code, m.article_code, m.price, m.unlimited_stock, m.stock_level, m.status, m.created_at_remote)
    IS DISTINCT FROM (b.name, b.sku_code, b.article_code, b.price, b.unlimited_stock, b.stock_level, b.status, b.created_at_remote)
UNION ALL BY NAME
SELECT m.remote_id FROM model.sell_orders m ANTI JOIN before.sell_orders b USING (remote_id) WHERE m.verdict = 'send';
