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
    quantity_of(quantity)                AS quantity,
    try_cast(status AS TINYINT)          AS status,
    file,
    position,
    fetched_at,
    CASE WHEN quantity_of(quantity) IS NULL THEN [{attribute: 'quantity', value: quantity, reason: 'is not a number'}] ELSE [] END AS problems
FROM item;

-- Most were read once, and are not sorted for the few that were read twice.
DELETE FROM stage.source_items WHERE rowid IN (
    WITH twice AS (SELECT sku, source_code FROM stage.source_items GROUP BY ALL HAVING count(*) > 1)
    SELECT i.rowid
    FROM stage.source_items i JOIN twice t ON t.sku IS NOT DISTINCT FROM i.sku AND t.source_code IS NOT DISTINCT FROM i.source_code
    QUALIFY row_number() OVER (PARTITION BY i.sku, i.source_code ORDER BY fetched_at DESC, file DESC, position DESC) > 1);
ALTER TABLE stage.source_items DROP COLUMN file;
ALTER TABLE stage.source_items DROP COLUMN position;
