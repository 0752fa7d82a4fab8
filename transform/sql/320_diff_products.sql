-- purpose: what has to change for Optiply to hold model.products: attribute by attribute against what it last acknowledged
-- inputs:  model.products, model.extra_attributes, before.products, diff.deletions
-- output:  diff.products
-- grain:   one row a product to create, update or disable; changed lists the attributes by their name at Optiply

CREATE OR REPLACE TABLE diff.products AS
WITH compared AS (
    SELECT m.*, x.attributes AS extra, b.remote_id IS NULL AS is_new,
        list_filter([
            CASE WHEN getvariable('sync_products') AND m.name IS DISTINCT FROM b.name THEN 'name' END,
            CASE WHEN getvariable('sync_products') AND m.sku_code IS DISTINCT FROM b.sku_code THEN 'skuCode' END,
            CASE WHEN getvariable('sync_products') AND m.article_code IS DISTINCT FROM b.article_code THEN 'articleCode' END,
            CASE WHEN getvariable('sync_products') AND m.price IS DISTINCT FROM b.price THEN 'price' END,
            CASE WHEN getvariable('sync_stocks') AND m.unlimited_stock IS DISTINCT FROM b.unlimited_stock THEN 'unlimitedStock' END,
            CASE WHEN getvariable('sync_stocks') AND getvariable('stock_mode') <> 'off' AND m.stock_level IS DISTINCT FROM b.stock_level THEN 'stockLevel' END,
            CASE WHEN getvariable('sync_products') AND m.status IS DISTINCT FROM b.status THEN 'status' END,
            CASE WHEN getvariable('sync_products') AND m.created_at_remote IS DISTINCT FROM b.created_at_remote THEN 'createdAtRemote' END
        ], lambda attribute: attribute IS NOT NULL) AS changed,
        -- A value that is not known (NULL) is not sent.
        CASE WHEN x.attributes IS NOT NULL AND getvariable('sync_products')
             THEN list_filter(json_keys(x.attributes), lambda attribute: json_type(x.attributes, attribute) <> 'NULL'
                              AND json_extract(x.attributes, attribute) IS DISTINCT FROM json_extract(b.extra, attribute))
             ELSE [] END AS extra_changed
    FROM model.products m
    LEFT JOIN before.products b USING (remote_id)
    LEFT JOIN model.extra_attributes x USING (remote_id)
),
different AS (
    SELECT * FROM compared WHERE is_new OR len(changed) + len(extra_changed) > 0
)
SELECT 'create' AS op, remote_id, NULL::VARCHAR AS optiply_id, name, sku_code, article_code, price, unlimited_stock, stock_level,
       status, created_at_remote, extra,
       list_filter(['name', 'skuCode', 'articleCode', CASE WHEN price IS NOT NULL THEN 'price' END, 'unlimitedStock', 'stockLevel', 'status',
                    CASE WHEN created_at_remote IS NOT NULL THEN 'createdAtRemote' END], lambda attribute: attribute IS NOT NULL) || extra_changed AS changed,
       'new in Magento' AS reason
FROM different
WHERE is_new AND held_because IS NULL AND getvariable('sync_products')
  AND (status = 'enabled' OR getvariable('create_disabled_products'))
UNION ALL
SELECT 'update', remote_id, optiply_id, name, sku_code, article_code, price, unlimited_stock, stock_level, status, created_at_remote, extra,
       changed || extra_changed,
       array_to_string(changed || extra_changed, ', ') || ' changed in Magento'
           || CASE WHEN list_contains(changed, 'stockLevel') AND stock_from IS NOT NULL THEN ' (stock: ' || stock_from || ')' ELSE '' END
FROM different
WHERE NOT is_new
UNION ALL
SELECT 'disable', d.remote_id, d.optiply_id, b.name, b.sku_code, b.article_code, b.price, b.unlimited_stock, b.stock_level, 'disabled',
       b.created_at_remote, NULL, ['status'], d.reason
FROM diff.deletions d JOIN before.products b USING (remote_id)
WHERE d.verdict = 'disable'
ORDER BY op, remote_id;
