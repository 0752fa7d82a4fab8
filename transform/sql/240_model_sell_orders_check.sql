-- purpose: a remote id that occurs twice would create an order twice
-- inputs:  model.sell_orders
-- output:  what is broken; nothing when all is well
-- grain:   one row a broken remote_id and what is broken about it
SELECT remote_id, 'occurs ' || count(*) || ' times in model.sell_orders' AS broken FROM model.sell_orders GROUP BY remote_id HAVING count(*) > 1
UNION ALL
SELECT remote_id, 'has no date or no value' FROM model.sell_orders WHERE placed IS NULL OR total_value IS NULL
ORDER BY ALL;
