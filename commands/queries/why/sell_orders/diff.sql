-- purpose: whether the order has to be sent, and why
-- inputs:  diff.sell_orders; variable remote_id
-- output:  the row of diff.sell_orders
-- grain:   one row; none where Optiply holds it, or it is not to be sent
FROM diff.sell_orders WHERE remote_id = getvariable('remote_id');
