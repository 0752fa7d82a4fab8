-- purpose: products that orders name and nobody has: neither Optiply nor Magento's listing; their lines are dropped
-- inputs:  model.merged_lines, stage.orders, stage.products
-- output:  product_id, sku, orders, quantity, value, newest_order
-- grain:   one row a product and SKU, the most quantity first
SELECT l.product_remote_id AS product_id, l.sku, count(DISTINCT l.order_remote_id) AS orders, sum(l.quantity)::BIGINT AS quantity,
       sum(l.subtotal_value)::DECIMAL(19, 2) AS value, max(o.created_at) AS newest_order
FROM model.merged_lines l JOIN stage.orders o ON o.order_id::VARCHAR = l.order_remote_id
WHERE l.verdict = 'drop' AND (l.product_remote_id IS NULL OR l.quantity > 0)
  AND NOT EXISTS (FROM stage.products s WHERE s.product_id::VARCHAR = l.product_remote_id)
GROUP BY ALL ORDER BY quantity DESC, product_id, l.sku;
