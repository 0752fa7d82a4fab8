-- purpose: orders that wait, what they wait for, and since when
-- inputs:  model.sell_orders, before.sell_orders, state.parked
-- output:  increment_id, remote_id, placed, total_value, because, waiting_since, nights
-- grain:   one row an order that this run would have sent, the oldest first
SELECT o.increment_id, o.remote_id, o.placed, o.total_value, o.reason AS because, k.first_at AS waiting_since, k.times AS nights
FROM model.sell_orders o
LEFT JOIN before.sell_orders b USING (remote_id)
LEFT JOIN state.parked k ON k.entity = 'sell_orders' AND k.remote_id = o.remote_id
WHERE o.verdict = 'wait' AND b.remote_id IS NULL
ORDER BY o.placed, o.remote_id;
