-- purpose: the orders to send: those of the model that Optiply does not hold. An order is sent once; a later change is not
-- inputs:  model.sell_orders, before.sell_orders
-- output:  diff.sell_orders
-- grain:   one row an order to create

CREATE OR REPLACE TABLE diff.sell_orders AS
SELECT 'create' AS op, m.remote_id, NULL::VARCHAR AS optiply_id, m.increment_id, m.state, m.placed, m.completed, m.total_value,
       list_filter(['placed', CASE WHEN m.completed IS NOT NULL THEN 'completed' END, 'totalValue', 'orderLines'], lambda attribute: attribute IS NOT NULL) AS changed,
       'new order, ' || m.state AS reason
FROM model.sell_orders m
WHERE m.verdict = 'send' AND getvariable('sync_sell_orders')
  AND NOT EXISTS (FROM before.sell_orders b WHERE b.remote_id = m.remote_id)
ORDER BY m.remote_id::BIGINT;
