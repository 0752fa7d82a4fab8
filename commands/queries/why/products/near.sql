-- purpose: SKUs that look like one that nobody has: it is part of them, or a few letters differ
-- inputs:  stage.products, before.products; variables sku, remote_id
-- output:  sku, name, remote_id
-- grain:   one row a SKU, the most alike first, five at most
WITH known AS (
    SELECT sku, name, product_id::VARCHAR AS remote_id FROM stage.products WHERE sku IS NOT NULL
    UNION
    SELECT sku_code, name, remote_id FROM before.products WHERE sku_code IS NOT NULL
),
asked AS (SELECT lower(coalesce(getvariable('sku'), '')) AS text),
alike AS (
    SELECT k.*, contains(lower(k.sku), a.text) AND a.text <> '' AS has_it, jaro_winkler_similarity(lower(k.sku), a.text) AS likeness
    FROM known k, asked a
)
SELECT sku, name, remote_id FROM alike
WHERE has_it OR likeness >= 0.8
QUALIFY row_number() OVER (PARTITION BY sku ORDER BY remote_id) = 1
ORDER BY has_it DESC, likeness DESC, sku LIMIT 5;
