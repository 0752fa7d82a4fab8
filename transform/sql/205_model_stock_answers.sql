-- purpose: what Magento said of each product's stock, by whichever way this run came to it: one request a SKU, the bulk
--          listings, or the last answer, kept because it cannot have changed. A load takes it over into the state
-- inputs:  stage.stock_items, stage.salable_quantities, run.stock_plan, before.stock_answers; variable stock_mode
-- output:  model.stock_answers
-- grain:   one row a product that was answered; the quantity that an answer does not hold is NULL

CREATE OR REPLACE TABLE model.stock_answers AS
WITH listed AS NOT MATERIALIZED (FROM stage.stock_items WHERE came_from = 'stock_items'),
asked AS (
    SELECT a.product_id, a.sku, a.answered_product_id, a.salable_qty, a.qty AS physical_qty, a.manage_stock,
           'stockStatuses/{sku}' AS source, a.fetched_at AS asked_at, false AS is_kept, a.problems,
           -- Where the answer does not say what the listing said, it changed in between: it has to be asked for again.
           CASE WHEN l.product_id IS NULL OR l.qty IS NOT DISTINCT FROM a.qty AND l.manage_stock IS NOT DISTINCT FROM a.manage_stock THEN p.fingerprint END AS fingerprint
    FROM stage.stock_items a
    LEFT JOIN listed l ON l.product_id = a.product_id
    LEFT JOIN run.stock_plan p ON try_cast(p.remote_id AS BIGINT) = a.product_id
    WHERE a.came_from = 'stock_statuses'
),
-- salable: the export by SKU; physical: the listing of stock items. Which products these answer is decided when they are read
-- (extract/sql/stock_bulk.sql), because the others have to be asked for.
bulk AS (
    SELECT l.product_id, p.sku, l.product_id AS answered_product_id, s.qty AS salable_qty,
           CASE WHEN getvariable('stock_mode') = 'physical' THEN l.qty END AS physical_qty, l.manage_stock,
           coalesce(s.source, 'stockItems/lowStock') AS source, coalesce(s.fetched_at, l.fetched_at) AS asked_at, false AS is_kept,
           list_concat(coalesce(s.problems, []), l.problems) AS problems, p.fingerprint
    FROM run.stock_plan p
    JOIN listed l ON l.product_id = try_cast(p.remote_id AS BIGINT)
    LEFT JOIN stage.salable_quantities s ON s.sku = p.sku AND getvariable('stock_mode') = 'salable'
    WHERE p.way = 'bulk'
),
kept AS (
    SELECT try_cast(remote_id AS BIGINT) AS product_id, p.sku, product_id AS answered_product_id, a.salable_qty, a.physical_qty, a.manage_stock,
           a.source, a.asked_at, true AS is_kept, [] AS problems, a.fingerprint
    FROM run.stock_plan p JOIN before.stock_answers a USING (remote_id)
    WHERE p.way = 'kept'
)
FROM asked UNION ALL BY NAME FROM bulk UNION ALL BY NAME FROM kept;

-- A run that was gone on with can have come to a product by two ways: what was asked last counts.
DELETE FROM model.stock_answers WHERE rowid IN (
    WITH twice AS (SELECT product_id FROM model.stock_answers GROUP BY product_id HAVING count(*) > 1)
    SELECT a.rowid
    FROM model.stock_answers a JOIN twice t ON t.product_id IS NOT DISTINCT FROM a.product_id
    QUALIFY row_number() OVER (PARTITION BY a.product_id ORDER BY is_kept, asked_at DESC) > 1);
