-- purpose: products with a stock below 0: more was sold than there is
-- inputs:  model.products
-- output:  sku, name, remote_id, stock_level, stock_from
-- grain:   one row a product, the lowest first
SELECT sku_code AS sku, name, remote_id, stock_level, stock_from FROM model.products
WHERE stock_level < 0 AND NOT coalesce(unlimited_stock, false)
ORDER BY stock_level, sku;
