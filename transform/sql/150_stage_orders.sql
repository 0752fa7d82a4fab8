-- purpose: Magento's orders, typed; an order that was read twice counts once, as it was read last
-- inputs:  page.orders (the answers of /V1/orders as sent)
-- output:  stage.orders
-- grain:   one row an order (entity_id)

CREATE OR REPLACE TABLE stage.orders AS
WITH item AS (
    SELECT store_code, file, fetched_at, unnest(from_json(content, '{"items": [{
               "entity_id": "VARCHAR", "increment_id": "VARCHAR", "state": "VARCHAR", "status": "VARCHAR", "store_id": "VARCHAR",
               "created_at": "VARCHAR", "updated_at": "VARCHAR", "subtotal": "VARCHAR", "base_subtotal": "VARCHAR",
               "order_currency_code": "VARCHAR", "base_currency_code": "VARCHAR"}]}').items, recursive := true)
    FROM page.orders
),
latest AS (
    SELECT * FROM item
    QUALIFY row_number() OVER (PARTITION BY entity_id ORDER BY updated_at DESC, fetched_at DESC, file DESC) = 1
)
SELECT
    try_cast(entity_id AS BIGINT)              AS order_id,
    increment_id,
    state,
    status,
    coalesce(state, status)                    AS effective_state,  -- status is the shop's own wording; it stands in where state is missing
    try_cast(store_id AS INTEGER)              AS store_id,
    try_cast(created_at AS TIMESTAMP)          AS created_at,
    try_cast(updated_at AS TIMESTAMP)          AS updated_at,
    try_cast(subtotal AS DECIMAL(27, 8))       AS subtotal,
    try_cast(base_subtotal AS DECIMAL(27, 8))  AS base_subtotal,
    order_currency_code,
    base_currency_code,
    store_code,
    file,
    fetched_at,
    list_filter([
        CASE WHEN try_cast(entity_id AS BIGINT) IS NULL THEN {attribute: 'entity_id', value: entity_id, reason: 'is not a number'} END,
        CASE WHEN coalesce(state, status) IS NULL THEN {attribute: 'state', value: NULL, reason: 'is missing, and status too'} END,
        CASE WHEN try_cast(created_at AS TIMESTAMP) IS NULL THEN {attribute: 'created_at', value: created_at, reason: 'is not a time'} END,
        CASE WHEN coalesce(state, status) = 'complete' AND try_cast(updated_at AS TIMESTAMP) IS NULL THEN {attribute: 'updated_at', value: updated_at, reason: 'is not a time'} END,
        CASE WHEN try_cast(subtotal AS DECIMAL(27, 8)) IS NULL THEN {attribute: 'subtotal', value: subtotal, reason: 'is not a number'}
             WHEN abs(try_cast(subtotal AS DECIMAL(27, 8))) >= 10000000000000 THEN {attribute: 'subtotal', value: subtotal, reason: 'is 10000000000000 or more'} END
    ], lambda problem: problem IS NOT NULL)    AS problems
FROM latest
ORDER BY order_id;
