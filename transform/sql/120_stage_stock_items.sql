-- purpose: the stock_item object exploded into columns, from both answers that hold one
-- inputs:  page.stock_statuses (of source stockStatuses: the salable quantity, and a stock_item inside),
--          page.stock_items (the bulk listing stockItems/lowStock: bare stock_items)
-- output:  stage.stock_items
-- grain:   one row a product and came_from (stock_statuses or stock_items), as it was read last

CREATE OR REPLACE TABLE stage.stock_items AS
WITH status_answer AS (
    -- What is rejected by name where it cannot be read is text first: a cast inside from_json turns that into NULL without a word.
    -- So are ids: from_json takes false for 0.
    SELECT file, fetched_at, from_json(content, '{"items": [{
               "source": "VARCHAR", "remote_id": "VARCHAR", "sku": "VARCHAR", "product_id": "VARCHAR", "qty": "VARCHAR", "stock_status": "TINYINT",
               "stock_item": {"item_id": "BIGINT", "stock_id": "BIGINT", "qty": "VARCHAR", "is_in_stock": "BOOLEAN",
                              "is_qty_decimal": "BOOLEAN", "min_qty": "VARCHAR", "backorders": "TINYINT",
                              "manage_stock": "VARCHAR", "use_config_manage_stock": "BOOLEAN", "low_stock_date": "TIMESTAMP"}}]}').items AS items
    FROM page.stock_statuses WHERE part <> 'bulk'   -- no page of the bulk listing of quantities is read only to be left out
),
status AS (SELECT file, fetched_at, generate_subscripts(items, 1) AS position, unnest(items) AS a FROM status_answer),
listed_answer AS (
    SELECT file, fetched_at, from_json(content, '{"items": [{
               "product_id": "VARCHAR", "item_id": "BIGINT", "stock_id": "BIGINT", "qty": "VARCHAR", "is_in_stock": "BOOLEAN",
               "is_qty_decimal": "BOOLEAN", "min_qty": "VARCHAR", "backorders": "TINYINT",
               "manage_stock": "VARCHAR", "use_config_manage_stock": "BOOLEAN", "low_stock_date": "TIMESTAMP"}]}').items AS items
    FROM page.stock_items
),
listed AS (SELECT file, fetched_at, generate_subscripts(items, 1) AS position, unnest(items) AS a FROM listed_answer),
both_answers AS (
    -- asked_id is the product that was asked for. Magento answers for a disabled product with product_id null, and a
    -- quantity of 0 that is none: answered_id keeps what it said (recorded: d-stockStatuses-disabled).
    SELECT 'stock_statuses' AS came_from, a.remote_id AS asked_id, a.product_id AS answered_id, a.sku,
           a.qty AS salable_qty, a.stock_status, unnest(a.stock_item), file, fetched_at, position
    FROM status
    WHERE coalesce(a.source, 'stockStatuses') = 'stockStatuses'   -- 125 takes the others
    UNION ALL BY NAME
    SELECT 'stock_items' AS came_from, a.product_id AS asked_id, a.product_id AS answered_id, NULL AS sku,
           NULL AS salable_qty, NULL AS stock_status, unnest(struct_pack(
               item_id := a.item_id, stock_id := a.stock_id, qty := a.qty, is_in_stock := a.is_in_stock,
               is_qty_decimal := a.is_qty_decimal, min_qty := a.min_qty, backorders := a.backorders,
               manage_stock := a.manage_stock, use_config_manage_stock := a.use_config_manage_stock,
               low_stock_date := a.low_stock_date)), file, fetched_at, position
    FROM listed
),
typed AS (
    -- Each value is cast once. The list of problems below is made only where one of them is not plainly good: made for every
    -- row, it was half of what reading them costs.
    SELECT *, quantity_of(salable_qty) AS salable_read, quantity_of(qty) AS qty_read,
           try_cast(manage_stock AS BOOLEAN) AS manage_read
    FROM both_answers
)
SELECT
    came_from,
    try_cast(asked_id AS BIGINT)                AS product_id,
    try_cast(answered_id AS BIGINT)             AS answered_product_id,
    sku,
    salable_read                                AS salable_qty,
    stock_status,
    item_id,
    stock_id,
    qty_read                                    AS qty,
    is_in_stock,
    is_qty_decimal,
    quantity_of(min_qty)                        AS min_qty,
    backorders,
    manage_read                                 AS manage_stock,
    use_config_manage_stock,
    low_stock_date,
    file,
    position,
    fetched_at,
    CASE WHEN (salable_qty IS NULL OR salable_read IS NOT NULL) AND (qty IS NULL OR qty_read IS NOT NULL)
              AND (manage_stock IS NULL OR manage_read IS NOT NULL) THEN []
    ELSE list_filter([
        CASE WHEN salable_qty IS NOT NULL AND salable_read IS NULL THEN {attribute: 'qty', value: salable_qty, reason: 'is not a number'} END,
        CASE WHEN qty IS NOT NULL AND qty_read IS NULL THEN {attribute: 'stock_item.qty', value: qty, reason: 'is not a number'} END,
        CASE WHEN manage_stock IS NOT NULL AND manage_read IS NULL THEN {attribute: 'stock_item.manage_stock', value: manage_stock, reason: 'is neither true nor false'} END
    ], lambda problem: problem IS NOT NULL) END AS problems
FROM typed;

-- Most were read once, and are not sorted for the few that were read twice.
DELETE FROM stage.stock_items WHERE rowid IN (
    WITH twice AS (SELECT came_from, product_id FROM stage.stock_items GROUP BY ALL HAVING count(*) > 1)
    SELECT i.rowid
    FROM stage.stock_items i JOIN twice t ON t.came_from = i.came_from AND t.product_id IS NOT DISTINCT FROM i.product_id
    QUALIFY row_number() OVER (PARTITION BY i.came_from, i.product_id ORDER BY fetched_at DESC, file DESC, position DESC) > 1);
ALTER TABLE stage.stock_items DROP COLUMN file;
ALTER TABLE stage.stock_items DROP COLUMN position;
