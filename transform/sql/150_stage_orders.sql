-- purpose: Magento's orders, typed; an order that was read twice counts once: as it was last updated, and of two
--          answers with the same updated_at the one that was read last
-- inputs:  page.orders (the answers of /V1/orders as sent)
-- output:  stage.orders
-- grain:   one row an order (entity_id); file and position are the answer that counts, for the lines

CREATE OR REPLACE TABLE stage.orders AS
WITH answer AS (
    SELECT store_code, file, fetched_at, from_json(content, '{"items": [{
               "entity_id": "VARCHAR", "increment_id": "VARCHAR", "state": "VARCHAR", "status": "VARCHAR", "store_id": "INTEGER",
               "created_at": "VARCHAR", "updated_at": "VARCHAR", "subtotal": "VARCHAR", "base_subtotal": "VARCHAR",
               "order_currency_code": "VARCHAR", "base_currency_code": "VARCHAR"}]}').items AS items
    FROM page.orders
),
item AS (
    SELECT store_code, file, fetched_at, generate_subscripts(items, 1) AS position, unnest(items, recursive := true) FROM answer
),
identified AS (
    SELECT *, CASE WHEN regexp_full_match(entity_id, '[0-9]+') THEN try_cast(entity_id AS BIGINT) END AS order_id,
           -- status is the shop's own wording; it stands in where state is missing
           coalesce(nullif(state, ''), nullif(status, '')) AS effective_state
    FROM item
),
typed AS (
    -- Each value is cast once. The list of problems below is made only where one of them is not plainly good: made for every
    -- row, it was half of what reading them costs.
    SELECT *, try_cast(created_at AS TIMESTAMP) AS created_read, try_cast(updated_at AS TIMESTAMP) AS updated_read,
           money_of(subtotal) AS subtotal_read
    FROM identified
)
SELECT
    order_id,
    increment_id,
    state,
    status,
    effective_state,
    store_id,
    created_read                               AS created_at,
    updated_read                               AS updated_at,
    subtotal_read                              AS subtotal,
    money_of(base_subtotal)                    AS base_subtotal,
    order_currency_code,
    base_currency_code,
    store_code,
    file,
    position,
    fetched_at,
    CASE WHEN order_id IS NOT NULL AND effective_state IS NOT NULL AND created_read IS NOT NULL AND updated_read IS NOT NULL
              AND abs(subtotal_read) < 9999999999999 THEN []
    ELSE list_filter([
        CASE WHEN order_id IS NULL THEN {attribute: 'entity_id', value: entity_id, reason: 'is not a number'} END,
        CASE WHEN effective_state IS NULL THEN {attribute: 'state', value: NULL, reason: 'is missing, and status too'} END,
        CASE WHEN created_read IS NULL THEN {attribute: 'created_at', value: created_at, reason: 'is not a time'} END,
        CASE WHEN effective_state = 'complete' AND updated_read IS NULL THEN {attribute: 'updated_at', value: updated_at, reason: 'is not a time'} END,
        CASE WHEN coalesce(NOT isfinite(try_cast(subtotal AS DOUBLE)), true) THEN {attribute: 'subtotal', value: subtotal, reason: 'is not a number'}
             WHEN coalesce(abs(round(subtotal_read, 2)) >= 10000000000000, true) THEN {attribute: 'subtotal', value: subtotal, reason: 'has more than 13 digits before the point'} END
    ], lambda problem: problem IS NOT NULL) END AS problems
FROM typed;

-- Most were read once, and are not sorted for the few that were read twice. A record without an id cannot be compared with
-- another, so each is named.
DELETE FROM stage.orders WHERE rowid IN (
    WITH twice AS (SELECT order_id FROM stage.orders GROUP BY order_id HAVING count(*) > 1)
    SELECT o.rowid
    FROM stage.orders o JOIN twice USING (order_id)
    QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY updated_at DESC, fetched_at DESC, file DESC, position DESC) > 1);
