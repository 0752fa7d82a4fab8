-- purpose: is this product in this run: by its SKU (as Magento, without regard to case), or by its id
-- inputs:  stage.products, model.products, diff.deletions, before.products; variables sku, remote_id (the one that was not asked
--          for is NULL)
-- output:  remote_id, sku, name, in_listing (the run read it), in_run (it has something to say of it: it read it, looked up
--          its stock, or found it gone)
-- grain:   one row a product; what the run tells of before what it only knew, the SKU as it was typed before another spelling
SELECT * FROM (
    SELECT product_id::VARCHAR AS remote_id, sku, name, true AS in_listing, true AS in_run FROM stage.products
    UNION ALL
    SELECT remote_id, sku_code, name, false, true FROM model.products
    UNION ALL
    SELECT remote_id, sku_code, name, false, true FROM diff.deletions
    UNION ALL
    SELECT remote_id, sku_code, name, false, false FROM before.products
)
WHERE lower(sku) = lower(getvariable('sku')) OR remote_id = getvariable('remote_id')
QUALIFY row_number() OVER (PARTITION BY remote_id ORDER BY in_listing DESC, in_run DESC) = 1
ORDER BY in_listing DESC, in_run DESC, sku = getvariable('sku') DESC, try_cast(remote_id AS BIGINT) DESC;
