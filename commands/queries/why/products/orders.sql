-- purpose: orders of this run that have the product and do not go as they are: they wait for it, are rejected, or lose the line
-- inputs:  model.merged_lines, stage.orders; variable remote_id
-- output:  order_remote_id, increment_id, placed, quantity, verdict (of the line), reason
-- grain:   one row an order, the newest first, twenty at most
SELECT l.order_remote_id, o.increment_id, o.created_at AS placed, l.quantity, l.verdict, l.reason
FROM model.merged_lines l LEFT JOIN stage.orders o ON o.order_id::VARCHAR = l.order_remote_id
WHERE l.product_remote_id = getvariable('remote_id') AND l.verdict <> 'send'
ORDER BY o.created_at DESC, l.order_remote_id LIMIT 20;
