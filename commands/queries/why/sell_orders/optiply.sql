-- purpose: the order as Optiply is known to hold it now, and the run that sent it
-- inputs:  state.sell_orders; variable remote_id
-- output:  the row of state.sell_orders
-- grain:   one row; none where Optiply is not known to hold it
FROM state.sell_orders WHERE remote_id = getvariable('remote_id');
