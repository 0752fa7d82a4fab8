-- purpose: what this run says of the order and its lines: rejected, held, dropped, ignored
-- inputs:  run.issues; variable remote_id
-- output:  phase, kind, entity (sell_orders or sell_order_lines), sku, attribute, value, reason
-- grain:   one row an issue
SELECT phase, kind, entity, sku, attribute, value, reason FROM run.issues
WHERE entity IN ('sell_orders', 'sell_order_lines', 'orders') AND remote_id = getvariable('remote_id')
ORDER BY ALL;
