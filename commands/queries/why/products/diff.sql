-- purpose: what has to change, and why
-- inputs:  diff.products; variable remote_id
-- output:  the row of diff.products
-- grain:   one row; none where nothing differs
FROM diff.products WHERE remote_id = getvariable('remote_id');
