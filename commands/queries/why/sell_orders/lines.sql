-- purpose: the lines as Optiply wants them, one a product, each with its verdict
-- inputs:  model.merged_lines, before.products; variable remote_id
-- output:  product_remote_id, sku, quantity, subtotal_value, verdict (send, wait, drop, reject), reason, optiply_product_id
-- grain:   one row a product; none where the settings leave the order out, by its state
SELECT l.product_remote_id, l.sku, l.quantity, l.subtotal_value, l.verdict, l.reason, b.optiply_id AS optiply_product_id
FROM model.merged_lines l LEFT JOIN before.products b ON b.remote_id = l.product_remote_id
WHERE l.order_remote_id = getvariable('remote_id') ORDER BY try_cast(l.product_remote_id AS BIGINT), l.sku;
