-- purpose: an order in the plan twice, or one that Optiply holds already, would be sent twice
-- inputs:  diff.sell_orders, before.sell_orders
-- output:  what is broken; nothing when all is well
-- grain:   one row a broken order and what is broken about it
SELECT remote_id, 'occurs ' || count(*) || ' times in diff.sell_orders' AS broken FROM diff.sell_orders GROUP BY remote_id HAVING count(*) > 1
UNION ALL
SELECT remote_id, 'is held by Optiply already' FROM diff.sell_orders JOIN before.sell_orders USING (remote_id)
ORDER BY ALL;
