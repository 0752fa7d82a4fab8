-- purpose: products whose stock is not known, and why; Optiply keeps the last number, or lacks the product
-- inputs:  model.stock_levels, before.products, stage.products
-- output:  sku, name, remote_id, because, at_optiply (the number that Optiply keeps; NULL: it does not have the product)
-- grain:   one row an enabled simple product
SELECT s.sku, coalesce(p.name, b.name) AS name, s.remote_id,
       CASE WHEN s.is_gone THEN 'the shop answers that the product is gone' ELSE s.unknown_because END AS because, b.stock_level AS at_optiply
FROM model.stock_levels s
LEFT JOIN before.products b USING (remote_id)
LEFT JOIN stage.products p ON p.product_id::VARCHAR = s.remote_id
WHERE s.unknown_because IS NOT NULL OR s.is_gone
ORDER BY because, s.sku;
