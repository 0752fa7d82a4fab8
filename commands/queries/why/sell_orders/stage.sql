-- purpose: the order as it was read, typed, with what of it cannot be used
-- inputs:  stage.orders; variable remote_id
-- output:  the row of stage.orders, without its place in the page files
-- grain:   one row
SELECT order_id::VARCHAR AS remote_id, increment_id, state, status, effective_state, store_id, created_at, updated_at, subtotal, base_subtotal,
       order_currency_code, base_currency_code, store_code, fetched_at, problems
FROM stage.orders WHERE order_id::VARCHAR = getvariable('remote_id');
