-- purpose: the product as Optiply should hold it
-- inputs:  model.products; variable remote_id
-- output:  the row of model.products
-- grain:   one row; none where the run did not read the product, or could not use what it read
FROM model.products WHERE remote_id = getvariable('remote_id');
