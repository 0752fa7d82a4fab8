-- purpose: the product as Optiply is known to hold it now, and the run that made it so
-- inputs:  state.products; variable remote_id
-- output:  the row of state.products
-- grain:   one row; none where Optiply is not known to hold it
FROM state.products WHERE remote_id = getvariable('remote_id');
