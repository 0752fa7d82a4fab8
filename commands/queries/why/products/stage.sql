-- purpose: the product as it was read, typed, with what of it cannot be used
-- inputs:  stage.products; variables remote_id, sku
-- output:  the row of stage.products
-- grain:   one row; several where a record without an id has this SKU
SELECT product_id::VARCHAR AS remote_id, sku, name, price, status, type_id, created_at, updated_at, store_code, fetched_at, problems
FROM stage.products
WHERE product_id::VARCHAR = getvariable('remote_id') OR getvariable('remote_id') IS NULL AND sku = getvariable('sku');
