-- purpose: the order as Optiply should hold it, with its verdict
-- inputs:  model.sell_orders; variable remote_id
-- output:  the row of model.sell_orders
-- grain:   one row; none where its state is not sent (pullAllOrders, skip_order_states), or it could not be read
FROM model.sell_orders WHERE remote_id = getvariable('remote_id');
