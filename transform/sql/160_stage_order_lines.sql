-- purpose: the items of each order, typed, parents and children alike, as Magento lists them
-- inputs:  page.orders (the answers of /V1/orders as sent), stage.orders (which answer of an order counts)
-- output:  stage.order_lines
-- grain:   one row an order item

CREATE OR REPLACE TABLE stage.order_lines AS
WITH orders AS (
    SELECT file, unnest(from_json(content, '{"items": [{"entity_id": "VARCHAR", "items": [{
               "item_id": "VARCHAR", "parent_item_id": "VARCHAR", "product_id": "VARCHAR", "sku": "VARCHAR", "product_type": "VARCHAR",
               "qty_ordered": "VARCHAR", "base_row_total": "VARCHAR"}]}]}').items) AS o
    FROM page.orders
),
item AS (
    SELECT o.entity_id AS order_id, file, unnest(o.items, recursive := true) FROM orders
)
SELECT
    s.order_id,
    try_cast(i.item_id AS BIGINT)                  AS item_id,
    try_cast(i.parent_item_id AS BIGINT)           AS parent_item_id,
    try_cast(i.product_id AS BIGINT)               AS product_id,
    i.sku,
    i.product_type,
    try_cast(i.qty_ordered AS DECIMAL(24, 8))      AS qty_ordered,
    try_cast(i.base_row_total AS DECIMAL(27, 8))   AS base_row_total,
    list_filter([
        CASE WHEN i.product_id IS NOT NULL AND try_cast(i.product_id AS BIGINT) IS NULL THEN {attribute: 'product_id', value: i.product_id, reason: 'is not a number'} END,
        CASE WHEN try_cast(i.qty_ordered AS DECIMAL(24, 8)) IS NULL THEN {attribute: 'qty_ordered', value: i.qty_ordered, reason: 'is not a number'} END,
        CASE WHEN i.base_row_total IS NOT NULL AND try_cast(i.base_row_total AS DECIMAL(27, 8)) IS NULL THEN {attribute: 'base_row_total', value: i.base_row_total, reason: 'is not a number'} END
    ], lambda problem: problem IS NOT NULL)        AS problems
FROM item i JOIN stage.orders s ON s.order_id = try_cast(i.order_id AS BIGINT) AND s.file = i.file
ORDER BY s.order_id, item_id;
