-- purpose: what Magento said of the product, as it was sent; only what is used, since a shop may send more than it is asked for
-- inputs:  page.products (the answers of /V1/products as sent); variables remote_id, sku
-- output:  the record's fields as text; custom_attributes as JSON
-- grain:   one row a time that this run read it: once a store, and again where a page was read twice
WITH item AS (
    SELECT store_code, part, fetched_at, unnest(from_json(content, '{"items": ["JSON"]}').items) AS item
    FROM page.products
    -- Only the pages that hold the id are taken apart: a large shop has thousands.
    WHERE getvariable('remote_id') IS NULL
       OR regexp_matches(content, '"id"\s*:\s*"?' || regexp_escape(getvariable('remote_id')) || '\b')
)
SELECT fetched_at, store_code, part, item ->> 'id' AS id, item ->> 'sku' AS sku, item ->> 'name' AS name, item ->> 'price' AS price, item ->> 'status' AS status,
       item ->> 'type_id' AS type_id, item ->> 'created_at' AS created_at, item ->> 'updated_at' AS updated_at, item -> 'custom_attributes' AS custom_attributes
FROM item
WHERE CASE WHEN getvariable('remote_id') IS NULL THEN item ->> 'sku' = getvariable('sku') ELSE item ->> 'id' = getvariable('remote_id') END
ORDER BY fetched_at, store_code;
