-- purpose: an order without lines, or a line whose product nobody has or creates, must not be sent
-- inputs:  diff.sell_orders, diff.sell_order_lines, diff.products
-- output:  what is broken; nothing when all is well
-- grain:   one row a broken order or line and what is broken about it
SELECT o.remote_id, NULL AS product_remote_id, 'has no lines' AS broken
FROM diff.sell_orders o WHERE NOT EXISTS (FROM diff.sell_order_lines l WHERE l.remote_id = o.remote_id)
UNION ALL
SELECT l.remote_id, l.product_remote_id, 'its product is neither in Optiply nor created by this plan'
FROM diff.sell_order_lines l
WHERE l.optiply_id IS NULL AND l.product_remote_id NOT IN (SELECT remote_id FROM diff.products WHERE op = 'create')
ORDER BY ALL;
