-- purpose: the lines that Optiply should hold
-- inputs:  model.merged_lines, stage.orders (which were rejected)
-- output:  model.sell_order_lines
-- grain:   one row an order and product

CREATE OR REPLACE TABLE model.sell_order_lines AS
SELECT l.order_remote_id, l.product_remote_id, l.sku, l.quantity, l.subtotal_value
FROM model.merged_lines l
WHERE l.verdict IN ('send', 'wait')
  -- Lines of an order that was rejected by name go with it.
  AND l.order_remote_id NOT IN (SELECT order_id::VARCHAR FROM stage.orders WHERE len(problems) > 0 AND order_id IS NOT NULL);
