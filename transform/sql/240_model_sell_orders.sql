-- purpose: the orders as Optiply should hold them: completed ones, or all with pullAllOrders
-- inputs:  stage.orders, model.merged_lines, model.claimed
-- output:  model.sell_orders
-- grain:   one row an order (remote_id is the entity_id as text) that can be read; verdict says whether it is sent, waits,
--          is rejected for a line or dropped for want of lines, and reason why

CREATE OR REPLACE TABLE model.sell_orders AS
WITH lines AS (
    SELECT order_remote_id AS remote_id,
           count(*) FILTER (verdict IN ('send', 'wait')) AS kept,
           min(reason) FILTER (verdict = 'wait')         AS waits_because,
           min(reason) FILTER (verdict = 'reject')       AS rejected_because
    FROM model.merged_lines GROUP BY order_remote_id
)
SELECT
    o.order_id::VARCHAR                            AS remote_id,
    o.increment_id,
    o.effective_state                              AS state,
    o.created_at                                   AS placed,
    CASE WHEN o.effective_state = 'complete' THEN o.updated_at END AS completed,
    cents_of(o.subtotal)                           AS total_value,
    CASE WHEN l.rejected_because IS NOT NULL THEN 'reject'
         WHEN c.reason IS NOT NULL OR l.waits_because IS NOT NULL THEN 'wait'
         WHEN coalesce(l.kept, 0) = 0 THEN 'drop'
         ELSE 'send' END                           AS verdict,
    CASE WHEN l.rejected_because IS NOT NULL THEN l.rejected_because
         WHEN c.reason IS NOT NULL THEN c.reason
         WHEN l.waits_because IS NOT NULL THEN l.waits_because
         WHEN coalesce(l.kept, 0) = 0 THEN 'no line of it is left' END AS reason
FROM stage.orders o
LEFT JOIN lines l ON l.remote_id = o.order_id::VARCHAR
LEFT JOIN model.claimed c ON c.entity = 'sell_orders' AND c.remote_id = o.order_id::VARCHAR
WHERE (getvariable('pull_all_orders') OR o.effective_state = 'complete')
  AND NOT list_contains(getvariable('skip_order_states'), coalesce(o.effective_state, ''))
  AND len(o.problems) = 0;
