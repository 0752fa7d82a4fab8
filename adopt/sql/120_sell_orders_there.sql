-- purpose: Optiply's sell orders, typed as the state keeps them; what cannot be kept exactly is NULL
-- inputs:  adopt.there
-- output:  adopt.sell_orders_there
-- grain:   one row a sell order at Optiply

CREATE OR REPLACE TABLE adopt.sell_orders_there AS
WITH answer AS (
    SELECT optiply_id, uuid, remote_id, unnest(from_json(attributes, '{"placed": "VARCHAR", "completed": "VARCHAR", "totalValue": "VARCHAR"}'))
    FROM adopt.there WHERE entity = 'sell_orders'
)
SELECT
    optiply_id,
    uuid,
    CASE WHEN regexp_full_match(remote_id, '[1-9][0-9]{0,17}') THEN remote_id END AS remote_id,
    remote_id                                                    AS remote_id_there,
    CASE WHEN regexp_matches(placed, '(Z|[+-][0-9]{2}:?[0-9]{2})$') THEN try_cast(placed AS TIMESTAMPTZ)::TIMESTAMP END AS placed,
    CASE WHEN regexp_matches(completed, '(Z|[+-][0-9]{2}:?[0-9]{2})$') THEN try_cast(completed AS TIMESTAMPTZ)::TIMESTAMP END AS completed,
    CASE WHEN try_cast(totalValue AS DECIMAL(38, 10)) = try_cast(totalValue AS DECIMAL(19, 2)) THEN try_cast(totalValue AS DECIMAL(19, 2)) END AS total_value
FROM answer
ORDER BY optiply_id::BIGINT;
