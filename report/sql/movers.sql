-- purpose: the products whose stock moves most
-- inputs:  before.products, diff.products
-- output:  the rows it answers
-- grain:   one row a product, ten at most; the counts are of all whose stock moves
SELECT d.remote_id, coalesce(d.sku_code, '') AS sku, b.stock_level AS was, d.stock_level AS becomes,
    count(*) FILTER (d.stock_level > b.stock_level) OVER () AS risen, count(*) FILTER (d.stock_level < b.stock_level) OVER () AS fallen,
    count(*) FILTER (d.stock_level <= 0 AND b.stock_level > 0) OVER () AS sold_out
FROM diff.products d JOIN before.products b USING (remote_id)
WHERE d.op = 'update' AND list_contains(d.changed, 'stockLevel')
ORDER BY abs(d.stock_level - b.stock_level) DESC NULLS LAST, length(d.remote_id), d.remote_id
LIMIT 10
