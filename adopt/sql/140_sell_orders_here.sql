-- purpose: the shop's orders, as the run read them, with what Optiply knows an order by
-- inputs:  raw.orders
-- output:  adopt.sell_orders_here
-- grain:   one row an order; its date and value are NULL where they cannot be read

CREATE OR REPLACE TABLE adopt.sell_orders_here AS
SELECT key::BIGINT::VARCHAR AS remote_id,
       try_cast(arg_max(item ->> 'created_at', fetched_at) AS TIMESTAMP) AS placed,
       try_cast(round(try_cast(arg_max(item ->> 'subtotal', fetched_at) AS DECIMAL(27, 8)), 2) AS DECIMAL(19, 2)) AS total_value
FROM raw.orders
WHERE regexp_full_match(key, '[0-9]{1,18}')
GROUP BY key::BIGINT;
