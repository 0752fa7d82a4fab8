-- purpose: physical quantities by source, typed
-- inputs:  page.source_items (the answers of /V1/inventory/source-items as sent)
-- output:  stage.source_items
-- grain:   one row a SKU and source; pages can overlap when stock moves while they are read, and then the last counts

CREATE OR REPLACE TABLE stage.source_items AS
WITH answer AS (
    SELECT file, fetched_at, from_json(content, '{"items": [{
               "sku": "VARCHAR", "source_code": "VARCHAR", "quantity": "VARCHAR", "status": "VARCHAR"}]}').items AS items
    FROM page.source_items
),
item AS (SELECT file, fetched_at, generate_subscripts(items, 1) AS position, unnest(items, recursive := true) FROM answer)
SELECT
    sku,
    source_code,
    try_cast(quantity AS DECIMAL(24, 8)) AS quantity,
    try_cast(status AS TINYINT)          AS status,
    fetched_at,
    CASE WHEN try_cast(quantity AS DECIMAL(24, 8)) IS NULL THEN [{attribute: 'quantity', value: quantity, reason: 'is not a number'}] ELSE [] END AS problems
FROM item
QUALIFY row_number() OVER (PARTITION BY sku, source_code ORDER BY fetched_at DESC, file DESC, position DESC) = 1
ORDER BY sku, source_code;
