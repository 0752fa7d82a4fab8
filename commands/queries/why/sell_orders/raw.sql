-- purpose: what Magento said of the order, as it was sent; only what is used: no name, address or mail of a customer, whatever the
--          shop may have sent (invariant 6)
-- inputs:  page.orders (the answers of /V1/orders as sent); variable remote_id
-- output:  the order's fields as text, and its items with theirs
-- grain:   one row a time that this run read it
WITH item AS (
    SELECT store_code, part, fetched_at, unnest(from_json(content, '{"items": ["JSON"]}').items) AS item
    FROM page.orders
    -- Only the pages that hold the id are taken apart: a large shop has thousands.
    WHERE regexp_matches(content, '"entity_id"\s*:\s*"?' || regexp_escape(getvariable('remote_id')) || '\b')
)
SELECT fetched_at, store_code, part, item ->> 'entity_id' AS entity_id, item ->> 'increment_id' AS increment_id, item ->> 'state' AS state, item ->> 'status' AS status,
       item ->> 'store_id' AS store_id, item ->> 'created_at' AS created_at, item ->> 'updated_at' AS updated_at, item ->> 'subtotal' AS subtotal,
       item ->> 'base_subtotal' AS base_subtotal, item ->> 'order_currency_code' AS order_currency_code, item ->> 'base_currency_code' AS base_currency_code,
       from_json(item -> 'items', '[{"item_id": "VARCHAR", "parent_item_id": "VARCHAR", "product_id": "VARCHAR", "sku": "VARCHAR", "product_type": "VARCHAR",
                                     "qty_ordered": "VARCHAR", "base_row_total": "VARCHAR"}]') AS items
FROM item
WHERE item ->> 'entity_id' = getvariable('remote_id')
ORDER BY fetched_at, store_code;
