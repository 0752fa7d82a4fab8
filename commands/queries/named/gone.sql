-- purpose: products that the full listing did not contain: disabled, held or left, each with its reason
-- inputs:  diff.deletions
-- output:  verdict, sku, name, remote_id, optiply_id, because
-- grain:   one row a product; none where the run did not read the whole listing
SELECT verdict, sku_code AS sku, name, remote_id, optiply_id, reason AS because
FROM diff.deletions ORDER BY verdict, sku;
