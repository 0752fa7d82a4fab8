-- purpose: a line without its order, or a product twice in an order, means that a mapping is broken
-- inputs:  model.sell_order_lines, model.sell_orders
-- output:  what is broken; nothing when all is well
-- grain:   one row a broken line and what is broken about it
SELECT order_remote_id, product_remote_id, 'its order is not in model.sell_orders' AS broken
FROM model.sell_order_lines l WHERE NOT EXISTS (FROM model.sell_orders o WHERE o.remote_id = l.order_remote_id)
UNION ALL
SELECT order_remote_id, product_remote_id, 'occurs ' || count(*) || ' times in its order'
FROM model.sell_order_lines GROUP BY ALL HAVING count(*) > 1
UNION ALL
SELECT order_remote_id, product_remote_id, 'has no product, quantity or value'
FROM model.sell_order_lines WHERE product_remote_id IS NULL OR quantity IS NULL OR subtotal_value IS NULL
ORDER BY ALL;
