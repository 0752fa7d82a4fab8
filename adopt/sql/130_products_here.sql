-- purpose: the shop's products, as the run read them
-- inputs:  raw.products
-- output:  adopt.products_here
-- grain:   one row a product id

CREATE OR REPLACE TABLE adopt.products_here AS
SELECT key::BIGINT::VARCHAR AS remote_id, arg_max(item ->> 'sku', fetched_at) AS sku
FROM raw.products
WHERE regexp_full_match(key, '[0-9]{1,18}')
GROUP BY key::BIGINT;
