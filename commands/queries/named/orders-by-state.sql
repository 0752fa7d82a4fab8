-- purpose: which orders this run read, by their state in Magento, and what becomes of each kind
-- inputs:  stage.orders, model.sell_orders, before.sell_orders
-- output:  state, becomes (sent, Optiply has it already, waits, ...), orders, value
-- grain:   one row a state and outcome
SELECT o.effective_state AS state,
       CASE WHEN b.remote_id IS NOT NULL THEN 'Optiply has it already'
            WHEN len(o.problems) > 0 THEN 'cannot be read: ' || o.problems[1].attribute || ' ' || o.problems[1].reason
            WHEN m.remote_id IS NULL THEN 'not sent in this state'
            ELSE CASE m.verdict WHEN 'send' THEN 'sent' WHEN 'wait' THEN 'waits' WHEN 'reject' THEN 'rejected' ELSE 'no line of it is left' END END AS becomes,
       count(*) AS orders, sum(round(o.subtotal, 2))::DECIMAL(19, 2) AS value
FROM stage.orders o
LEFT JOIN model.sell_orders m ON m.remote_id = o.order_id::VARCHAR
LEFT JOIN before.sell_orders b ON b.remote_id = o.order_id::VARCHAR
GROUP BY ALL ORDER BY orders DESC, state, becomes;
