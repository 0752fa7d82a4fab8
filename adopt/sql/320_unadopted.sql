-- purpose: what of the shop's may be what at Optiply, where it was not taken over: the next plans hold its create
-- inputs:  adopt.pairs, adopt.products_there, adopt.sell_orders_there, state.products, state.sell_orders; variable by_sku
-- output:  adopt.unadopted
-- grain:   one row a thing at Optiply that was not taken over and what it may be, as state.unadopted keeps it

CREATE OR REPLACE TABLE adopt.unadopted AS
WITH done AS (
    SELECT entity, remote_id, optiply_id FROM adopt.pairs WHERE verdict = 'matched'
    UNION ALL
    SELECT 'products', remote_id, optiply_id FROM state.products
    UNION ALL
    SELECT 'sell_orders', remote_id, optiply_id FROM state.sell_orders
),
product AS (FROM adopt.products_there WHERE optiply_id NOT IN (SELECT optiply_id FROM done WHERE entity = 'products')),
sell_order AS (FROM adopt.sell_orders_there WHERE optiply_id NOT IN (SELECT optiply_id FROM done WHERE entity = 'sell_orders')),
claim AS (
    SELECT entity, optiply_id, remote_id, NULL::VARCHAR AS sku_code, NULL::TIMESTAMP AS placed, NULL::DECIMAL(19, 2) AS total_value,
           CASE way WHEN 'articleCode' THEN 'its id as article code' WHEN 'skuCode' THEN 'its SKU' WHEN 'placed and totalValue' THEN 'its date and value'
                    WHEN 'remoteIdMap' THEN 'its remote id' ELSE 'its id by the ' || way END AS reason
    FROM adopt.pairs WHERE verdict <> 'matched'
    UNION ALL
    -- A product that the shop did not have when it was read, or that was not looked for there, may come up later.
    SELECT 'products', optiply_id, article_code, NULL, NULL, NULL, 'its id as article code'
    FROM product WHERE remote_id IS NULL AND regexp_full_match(article_code, '[1-9][0-9]{0,17}')
    UNION ALL
    SELECT 'products', optiply_id, NULL, sku_code, NULL, NULL, 'its SKU'
    FROM product WHERE remote_id IS NULL AND sku_code <> '' AND getvariable('by_sku')
    UNION ALL
    SELECT 'sell_orders', optiply_id, NULL, NULL, placed, total_value, 'its date and value'
    FROM sell_order WHERE remote_id IS NULL AND placed IS NOT NULL AND total_value IS NOT NULL
)
SELECT DISTINCT c.* FROM claim c
WHERE NOT EXISTS (FROM done d WHERE d.entity = c.entity AND d.remote_id = c.remote_id) -- what Optiply is known to hold is not created
ORDER BY ALL;
