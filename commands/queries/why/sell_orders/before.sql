-- purpose: the order as Optiply was known to hold it when the run began. An order is sent once; a later change is not
-- inputs:  before.sell_orders; variable remote_id
-- output:  the row of before.sell_orders
-- grain:   one row; none where Optiply was not known to hold it
FROM before.sell_orders WHERE remote_id = getvariable('remote_id');
