-- purpose: the salable quantities of the bulk listing export-stock-salable-qty, typed
-- inputs:  page.stock_statuses (of source export-stock-salable-qty/...; quantities with their decimals)
-- output:  stage.salable_quantities
-- grain:   one row a SKU, as it was read last: pages can overlap when products come and go while they are read

CREATE OR REPLACE TABLE stage.salable_quantities AS
WITH answer AS (
    SELECT file, fetched_at, from_json(content, '{"items": [{"source": "VARCHAR", "sku": "VARCHAR", "qty": "VARCHAR", "is_salable": "BOOLEAN"}]}').items AS items
    FROM page.stock_statuses WHERE part <> 'skus'   -- those are 120's
),
item AS (SELECT file, fetched_at, generate_subscripts(items, 1) AS position, unnest(items, recursive := true) FROM answer)
SELECT
    sku,
    quantity_of(qty)                  AS qty,
    is_salable,
    source,
    file,
    position,
    fetched_at,
    CASE WHEN qty IS NOT NULL AND quantity_of(qty) IS NULL THEN [{attribute: 'qty', value: qty, reason: 'is not a number'}] ELSE [] END AS problems
FROM item
WHERE source LIKE 'export-stock-salable-qty/%';

-- Most were read once, and are not sorted for the few that were read twice.
DELETE FROM stage.salable_quantities WHERE rowid IN (
    WITH twice AS (SELECT sku FROM stage.salable_quantities GROUP BY sku HAVING count(*) > 1)
    SELECT q.rowid
    FROM stage.salable_quantities q JOIN twice t ON t.sku IS NOT DISTINCT FROM q.sku
    QUALIFY row_number() OVER (PARTITION BY q.sku ORDER BY fetched_at DESC, file DESC, position DESC) > 1);
ALTER TABLE stage.salable_quantities DROP COLUMN file;
ALTER TABLE stage.salable_quantities DROP COLUMN position;
