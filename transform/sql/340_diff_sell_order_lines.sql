-- purpose: the lines of the orders to send. They travel inside their order
-- inputs:  diff.sell_orders, model.sell_order_lines, before.products
-- output:  diff.sell_order_lines
-- grain:   one row an order and product; optiply_id is the line's product at Optiply, NULL where this run creates it

CREATE OR REPLACE TABLE diff.sell_order_lines AS
SELECT 'create' AS op, l.order_remote_id AS remote_id, p.optiply_id, l.product_remote_id, l.sku, l.quantity, l.subtotal_value,
       ['productId', 'quantity', 'subtotalValue'] AS changed, o.reason
FROM diff.sell_orders o
JOIN model.sell_order_lines l ON l.order_remote_id = o.remote_id
LEFT JOIN before.products p ON p.remote_id = l.product_remote_id
ORDER BY l.order_remote_id::BIGINT, l.product_remote_id::BIGINT;
