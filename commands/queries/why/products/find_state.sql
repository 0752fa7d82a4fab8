-- purpose: does the state know this product, although no run file that is there has it
-- inputs:  state.products, state.parked; variables sku, remote_id (the one that was not asked for is NULL)
-- output:  remote_id, sku, name, in_listing and in_run (always false)
-- grain:   one row a product
SELECT *, false AS in_run FROM (
    SELECT remote_id, sku_code AS sku, name, false AS in_listing FROM state.products
    UNION ALL
    SELECT remote_id, sku, NULL, false FROM state.parked WHERE entity = 'products' AND remote_id NOT IN (SELECT remote_id FROM state.products)
)
WHERE lower(sku) = lower(getvariable('sku')) OR remote_id = getvariable('remote_id')
ORDER BY sku = getvariable('sku') DESC, try_cast(remote_id AS BIGINT) DESC;
