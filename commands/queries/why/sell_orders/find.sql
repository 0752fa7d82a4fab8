-- purpose: is this order in this run, by its id (entity_id), or by the number that the shop's people see (increment_id)
-- inputs:  stage.orders, before.sell_orders; variable order_number
-- output:  remote_id, increment_id, placed, in_listing and in_run (both: this run read it; false: it only knew that Optiply has it)
-- grain:   one row an order; what was read before what is only known, an id before a number
SELECT *, in_listing AS in_run FROM (
    SELECT order_id::VARCHAR AS remote_id, increment_id, created_at AS placed, true AS in_listing FROM stage.orders
    UNION ALL
    SELECT remote_id, NULL, placed, false FROM before.sell_orders
)
WHERE remote_id = getvariable('order_number') OR increment_id = getvariable('order_number')
QUALIFY row_number() OVER (PARTITION BY remote_id ORDER BY in_listing DESC) = 1
ORDER BY in_listing DESC, remote_id = getvariable('order_number') DESC;
