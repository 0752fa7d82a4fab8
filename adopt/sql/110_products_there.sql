-- purpose: Optiply's products, typed as the state keeps them. A value that the state cannot keep exactly is NULL: unknown, so
--          that the next diff sends it (invariant 4)
-- inputs:  adopt.there
-- output:  adopt.products_there
-- grain:   one row a product at Optiply

CREATE OR REPLACE TABLE adopt.products_there AS
WITH answer AS (
    SELECT optiply_id, uuid, remote_id, unnest(from_json(attributes, '{"name": "VARCHAR", "skuCode": "VARCHAR", "articleCode": "VARCHAR",
        "price": "VARCHAR", "unlimitedStock": "VARCHAR", "stockLevel": "VARCHAR", "status": "VARCHAR", "createdAtRemote": "VARCHAR"}')),
        from_json(attributes, '{"eanCode": "JSON", "notBeingBought": "JSON", "resumingPurchase": "JSON", "assembled": "JSON", "minimumStock": "JSON",
            "maximumStock": "JSON", "ignored": "JSON", "manualServiceLevel": "JSON", "stockMeasurementUnit": "JSON"}') AS others
    FROM adopt.there WHERE entity = 'products'
)
SELECT
    optiply_id,
    uuid,
    -- Our remote ids are Magento's ids. Another text under our coupling was put there by something else.
    CASE WHEN regexp_full_match(remote_id, '[1-9][0-9]{0,17}') THEN remote_id END AS remote_id,
    remote_id                                                    AS remote_id_there,
    name,
    skuCode                                                      AS sku_code,
    articleCode                                                  AS article_code,
    CASE WHEN try_cast(price AS DECIMAL(38, 10)) = try_cast(price AS DECIMAL(18, 2)) THEN try_cast(price AS DECIMAL(18, 2)) END AS price,
    CASE lower(unlimitedStock) WHEN 'true' THEN true WHEN 'false' THEN false END AS unlimited_stock,
    CASE WHEN try_cast(stockLevel AS DECIMAL(38, 10)) = trunc(try_cast(stockLevel AS DECIMAL(38, 10))) THEN try_cast(try_cast(stockLevel AS DECIMAL(38, 10)) AS BIGINT) END AS stock_level,
    lower(status)                                                AS status,   -- ENABLED in some answers, enabled in others
    -- A time without a zone is not read as one of some zone.
    CASE WHEN regexp_matches(createdAtRemote, '(Z|[+-][0-9]{2}:?[0-9]{2})$') THEN try_cast(createdAtRemote AS TIMESTAMPTZ)::TIMESTAMP END AS created_at_remote,
    -- What a shop's own mapping may send beyond those.
    nullif(json_merge_patch('{}', to_json(others))::VARCHAR, '{}')::JSON AS extra
FROM answer
ORDER BY optiply_id::BIGINT;
