-- purpose: the salable quantities of the bulk listing export-stock-salable-qty, typed
-- inputs:  page.stock_statuses (of source export-stock-salable-qty/...; quantities with their decimals)
-- output:  stage.salable_quantities
-- grain:   one row a SKU, as it was read last: pages can overlap when products come and go while they are read

CREATE OR REPLACE TABLE stage.salable_quantities AS
WITH answer AS (
    SELECT file, fetched_at, from_json(content, '{"items": [{"source": "VARCHAR", "sku": "VARCHAR", "qty": "VARCHAR", "is_salable": "VARCHAR"}]}').items AS items
    FROM page.stock_statuses WHERE part <> 'skus'   -- those are 120's
),
item AS (SELECT file, fetched_at, generate_subscripts(items, 1) AS position, unnest(items, recursive := true) FROM answer)
SELECT
    sku,
    try_cast(qty AS DECIMAL(24, 8))   AS qty,
    try_cast(is_salable AS BOOLEAN)   AS is_salable,
    source,
    fetched_at,
    CASE WHEN qty IS NOT NULL AND try_cast(qty AS DECIMAL(24, 8)) IS NULL THEN [{attribute: 'qty', value: qty, reason: 'is not a number'}] ELSE [] END AS problems
FROM item
WHERE source LIKE 'export-stock-salable-qty/%'
QUALIFY row_number() OVER (PARTITION BY sku ORDER BY fetched_at DESC, file DESC, position DESC) = 1
ORDER BY sku;
