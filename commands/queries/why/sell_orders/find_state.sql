-- purpose: does the state know this order, although no run file that is there has it
-- inputs:  state.sell_orders, state.parked; variable order_number
-- output:  remote_id, increment_id (not kept there), placed, in_listing and in_run (always false)
-- grain:   one row an order
SELECT *, false AS in_run FROM (
    SELECT remote_id, NULL::VARCHAR AS increment_id, placed, false AS in_listing FROM state.sell_orders
    UNION ALL
    SELECT remote_id, NULL, NULL, false FROM state.parked WHERE entity = 'sell_orders' AND remote_id NOT IN (SELECT remote_id FROM state.sell_orders)
)
WHERE remote_id = getvariable('order_number');
