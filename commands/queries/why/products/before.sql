-- purpose: the product as Optiply was known to hold it when the run began
-- inputs:  before.products; variable remote_id
-- output:  the row of before.products
-- grain:   one row; none where Optiply was not known to hold it
FROM before.products WHERE remote_id = getvariable('remote_id');
