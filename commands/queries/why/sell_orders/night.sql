-- purpose: one run in a line: whether it read the order, and what became of it
-- inputs:  run.info, stage.orders, model.sell_orders, before.sell_orders, plan.changes, run.issues, run.settings, state.ledger;
--          variable remote_id
-- output:  read (yes, no), state and total_value as this run saw them, op, change in words, outcome in words
-- grain:   one row
WITH planned AS (
    SELECT op, 'totalValue ' || (attributes ->> 'totalValue')::DECIMAL(19, 2) || ', ' || coalesce(json_array_length(lines), 0)
               || CASE WHEN json_array_length(lines) = 1 THEN ' line' ELSE ' lines' END AS change
    FROM plan.changes WHERE entity = 'sell_orders' AND remote_id = getvariable('remote_id')
),
answer AS (
    SELECT state, status, reason FROM state.ledger
    WHERE run_id = (SELECT run_id FROM run.info) AND entity = 'sell_orders' AND remote_id = getvariable('remote_id')
    ORDER BY seq DESC LIMIT 1
),
left_out AS (
    SELECT string_agg(DISTINCT kind || ': ' || reason, '; ' ORDER BY kind || ': ' || reason) AS reasons FROM run.issues
    WHERE entity IN ('sell_orders', 'orders') AND remote_id = getvariable('remote_id')
)
SELECT i.run_id, i.started_at, CASE WHEN s.order_id IS NOT NULL THEN 'yes' ELSE 'no' END AS read,
       s.effective_state AS state, m.total_value, p.op, p.change,
       CASE WHEN a.state = 'acknowledged' THEN 'acknowledged'
            WHEN a.state = 'rejected' THEN 'rejected by Optiply' || coalesce(' (' || a.status || ')', '') || coalesce(': ' || a.reason, '')
            WHEN a.state = 'held' THEN 'held' || coalesce(': ' || a.reason, '')
            WHEN a.state IN ('sent', 'unknown') THEN 'sent, and the answer is not known yet: the next run finds out'
            WHEN p.op IS NOT NULL THEN 'planned, not sent'
            WHEN l.reasons IS NOT NULL THEN l.reasons
            WHEN b.remote_id IS NOT NULL AND s.order_id IS NOT NULL THEN 'nothing to send: Optiply has it, and an order is sent once'
            WHEN b.remote_id IS NOT NULL THEN 'not read; Optiply has it'
            WHEN s.order_id IS NOT NULL AND len(s.problems) > 0 THEN 'read, and not used: ' || s.problems[1].attribute || ' ' || s.problems[1].reason
            WHEN s.order_id IS NOT NULL AND m.remote_id IS NULL THEN 'not sent in this state: ' || coalesce(s.effective_state, 'none')
            WHEN m.remote_id IS NOT NULL THEN 'not sent: ' || coalesce(m.reason, 'this run does not send orders')
            ELSE 'not read: it had not changed' END AS outcome
FROM run.info i CROSS JOIN left_out l
LEFT JOIN planned p ON true LEFT JOIN answer a ON true
LEFT JOIN stage.orders s ON s.order_id::VARCHAR = getvariable('remote_id')
LEFT JOIN model.sell_orders m ON m.remote_id = getvariable('remote_id')
LEFT JOIN before.sell_orders b ON b.remote_id = getvariable('remote_id');
