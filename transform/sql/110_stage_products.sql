-- purpose: Magento's products, typed; a product that was read twice counts once: as the store shows it that comes first in
--          magento.store_id, there as it was last updated, and of two answers with the same updated_at (prices in bulk do
--          not move it) the one that was read last
-- inputs:  page.products (the answers of /V1/products as sent), run.streams (the stores in the order in which they were read)
-- output:  stage.products
-- grain:   one row a product id

CREATE OR REPLACE TABLE stage.products AS
WITH answer AS (
    -- What is rejected by name where it cannot be read is text first: a cast inside from_json turns that into NULL without a word.
    SELECT store_code, file, fetched_at, from_json(content, '{"items": [{
               "id": "VARCHAR", "sku": "VARCHAR", "name": "VARCHAR", "price": "VARCHAR", "status": "VARCHAR",
               "type_id": "VARCHAR", "created_at": "VARCHAR", "updated_at": "TIMESTAMP",
               "custom_attributes": [{"attribute_code": "VARCHAR", "value": "VARCHAR"}]}]}').items AS items
    FROM page.products
),
item AS (
    SELECT store_code, file, fetched_at, generate_subscripts(items, 1) AS position, unnest(items, max_depth := 2) FROM answer
),
identified AS (
    -- A cast alone would round 1.7 to 2 and take 0x1F for 31.
    SELECT *, CASE WHEN regexp_full_match(id, '[0-9]+') THEN try_cast(id AS BIGINT) END AS product_id FROM item
),
typed AS (
    -- Each value is cast once. The list of problems below is made only where one of them is not plainly good: made for every
    -- row, it was half of what reading them costs.
    SELECT *, quantity_of(price) AS price_read, try_cast(created_at AS TIMESTAMP) AS created_read FROM identified
)
SELECT
    product_id,
    sku,
    name,
    price_read                            AS price,
    try_cast(status AS TINYINT)           AS status,
    type_id,
    created_read                          AS created_at,
    updated_at,
    custom_attributes,                    -- where magento.product_attributes names any; see the macro custom_attribute
    store_code,
    file,
    position,
    fetched_at,
    -- What cannot be read, or is out of the range that Optiply takes, rejects the row by name (section 7). Whether a name is blank is
    -- looked at below where it begins with a blank.
    CASE WHEN product_id IS NOT NULL AND length(sku) BETWEEN 1 AND 255 AND ascii(name) > 32
              AND (price IS NULL OR price = '0' OR price_read > 0 AND price_read <= 9999999.99)
              AND status IN ('1', '2') AND type_id <> '' AND (created_at IS NULL OR created_read IS NOT NULL) THEN []
    ELSE list_filter([
        CASE WHEN product_id IS NULL THEN {attribute: 'id', value: id, reason: 'is not a number'} END,
        CASE WHEN coalesce(sku, '') = '' THEN {attribute: 'sku', value: sku, reason: 'is missing'}
             WHEN length(sku) > 255 THEN {attribute: 'sku', value: left(sku, 40) || '…', reason: 'is longer than 255 characters'} END,
        CASE WHEN trim(coalesce(name, ''), E' \t\r\n') = '' THEN {attribute: 'name', value: name, reason: 'is missing'} END,
        CASE WHEN price IS NOT NULL AND coalesce(NOT isfinite(try_cast(price AS DOUBLE)), true) THEN {attribute: 'price', value: price, reason: 'is not a number'}
             WHEN try_cast(price AS DOUBLE) < 0 THEN {attribute: 'price', value: price, reason: 'is below 0'}
             WHEN coalesce(round(price_read, 2) > 9999999.99, price IS NOT NULL) THEN {attribute: 'price', value: price, reason: 'is above 9999999.99, the most that Optiply takes'} END,
        CASE WHEN status IS NULL OR status NOT IN ('1', '2') THEN {attribute: 'status', value: status, reason: 'is neither 1 (enabled) nor 2 (disabled)'} END,
        CASE WHEN coalesce(type_id, '') = '' THEN {attribute: 'type_id', value: type_id, reason: 'is missing'} END,
        CASE WHEN created_at IS NOT NULL AND created_read IS NULL THEN {attribute: 'created_at', value: created_at, reason: 'is not a time'} END
    ], lambda problem: problem IS NOT NULL) END AS problems
FROM typed;

-- Most were read once, and are not sorted for the few that were read twice. A record without an id cannot be compared with
-- another, so each is named.
DELETE FROM stage.products WHERE rowid IN (
    WITH store AS (
        SELECT store_code, min(rowid) AS place FROM run.streams WHERE stream = 'products' GROUP BY store_code
    ),
    twice AS (SELECT product_id FROM stage.products GROUP BY product_id HAVING count(*) > 1)
    SELECT p.rowid
    FROM stage.products p JOIN twice USING (product_id) LEFT JOIN store USING (store_code)
    QUALIFY row_number() OVER (PARTITION BY product_id ORDER BY place, updated_at DESC, fetched_at DESC, file DESC, position DESC) > 1);
ALTER TABLE stage.products DROP COLUMN file;
ALTER TABLE stage.products DROP COLUMN position;
