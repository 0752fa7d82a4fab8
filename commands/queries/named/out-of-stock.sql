-- purpose: enabled products that ran out of stock since the run before
-- inputs:  model.products, before.products
-- output:  sku, name, remote_id, was, is_now
-- grain:   one row a product, the one that had the most first
SELECT m.sku_code AS sku, m.name, m.remote_id, b.stock_level AS was, m.stock_level AS is_now
FROM model.products m JOIN before.products b USING (remote_id)
WHERE m.status = 'enabled' AND NOT m.unlimited_stock AND b.stock_level > 0 AND m.stock_level <= 0
ORDER BY was DESC, sku;
