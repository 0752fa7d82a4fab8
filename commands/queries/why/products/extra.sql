-- purpose: attributes that the shop's own mapping sends beyond the usual ones
-- inputs:  model.extra_attributes; variable remote_id
-- output:  attributes, by their names at Optiply
-- grain:   one row; none where the mapping has none for the product
SELECT attributes FROM model.extra_attributes WHERE remote_id = getvariable('remote_id');
