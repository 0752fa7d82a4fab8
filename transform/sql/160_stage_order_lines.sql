-- purpose: the items of each order, typed, parents and children alike, as Magento lists them
-- inputs:  page.orders (the answers of /V1/orders as sent), stage.orders (which answer of an order counts)
-- output:  stage.order_lines
-- grain:   one row an order item

CREATE OR REPLACE TABLE stage.order_lines AS
WITH answer AS (
    SELECT file, from_json(content, '{"items": [{"entity_id": "VARCHAR", "items": [{
               "item_id": "VARCHAR", "parent_item_id": "VARCHAR", "product_id": "VARCHAR", "sku": "VARCHAR", "product_type": "VARCHAR",
               "qty_ordered": "VARCHAR", "base_row_total": "VARCHAR"}]}]}').items AS items
    FROM page.orders
),
orders AS (SELECT file, generate_subscripts(items, 1) AS position, unnest(items) AS o FROM answer),
item AS (
    SELECT file, position, CASE WHEN regexp_full_match(o.entity_id, '[0-9]+') THEN try_cast(o.entity_id AS BIGINT) END AS order_id, unnest(o.items, recursive := true) FROM orders
),
typed AS (
    -- Each value is cast once. The list of problems below is made only where one of them is not plainly good: made for every
    -- row, it was half of what reading them costs.
    SELECT *, try_cast(parent_item_id AS BIGINT) AS parent_read, try_cast(product_id AS BIGINT) AS product_read,
           quantity_of(qty_ordered) AS qty_read, money_of(base_row_total) AS total_read
    FROM item
)
SELECT
    i.order_id,
    try_cast(i.item_id AS BIGINT)                  AS item_id,
    i.parent_read                                  AS parent_item_id,
    i.product_read                                 AS product_id,
    i.sku,
    i.product_type,
    i.qty_read                                     AS qty_ordered,
    i.total_read                                   AS base_row_total,
    CASE WHEN (i.parent_item_id IS NULL OR i.parent_read IS NOT NULL) AND (i.product_id IS NULL OR i.product_read IS NOT NULL)
              AND i.qty_read > 0 AND i.qty_read < 999999999999 AND abs(i.total_read) < 9999999999999 THEN []
    ELSE list_filter([
        CASE WHEN i.parent_item_id IS NOT NULL AND i.parent_read IS NULL THEN {attribute: 'parent_item_id', value: i.parent_item_id, reason: 'is not a number'} END,
        CASE WHEN i.product_id IS NOT NULL AND i.product_read IS NULL THEN {attribute: 'product_id', value: i.product_id, reason: 'is not a number'} END,
        CASE WHEN coalesce(NOT isfinite(try_cast(i.qty_ordered AS DOUBLE)), true) THEN {attribute: 'qty_ordered', value: i.qty_ordered, reason: 'is not a number'}
             WHEN try_cast(i.qty_ordered AS DOUBLE) < 0 OR try_cast(i.qty_ordered AS DOUBLE) >= 1e12 THEN {attribute: 'qty_ordered', value: i.qty_ordered, reason: 'is out of range'} END,
        -- A child may come without: its parent has the money (section 7, invariant 4: no value is invented).
        CASE WHEN i.base_row_total IS NULL AND i.parent_item_id IS NULL THEN {attribute: 'base_row_total', value: NULL, reason: 'is missing'}
             WHEN i.base_row_total IS NOT NULL AND coalesce(NOT isfinite(try_cast(i.base_row_total AS DOUBLE)), true) THEN {attribute: 'base_row_total', value: i.base_row_total, reason: 'is not a number'}
             WHEN abs(try_cast(i.base_row_total AS DOUBLE)) >= 1e13 THEN {attribute: 'base_row_total', value: i.base_row_total, reason: 'has more than 13 digits before the point'} END
    ], lambda problem: problem IS NOT NULL) END AS problems, i.file, i.position
FROM typed i
WHERE i.order_id IS NOT NULL;
-- The lines of an answer that does not count are found by those of the orders that do: joined while they were read, all of them would be
-- in memory.
DELETE FROM stage.order_lines WHERE rowid IN (
    SELECT l.rowid FROM stage.order_lines l ANTI JOIN stage.orders o ON o.order_id = l.order_id AND o.file = l.file AND o.position = l.position);
ALTER TABLE stage.order_lines DROP COLUMN file;
ALTER TABLE stage.order_lines DROP COLUMN position;
