-- purpose: where Optiply is not as the state has it. Values are compared, not spellings: money as a number, status in any case, times
--          as moments. What the state does not know of (NULL) was never sent, and is no drift
-- inputs:  adopt.looked_at, adopt.products_there, adopt.there, state.products, state.ledger
-- output:  adopt.drift
-- grain:   one row a product and attribute that differs (kind drift), and a product that Optiply does not have any more (gone). A product
--          with a request that is not settled is passed over: what Optiply has is not known yet

CREATE OR REPLACE TABLE adopt.drift AS
WITH open AS (
    SELECT remote_id FROM state.ledger WHERE entity = 'products'
    QUALIFY row_number() OVER (PARTITION BY remote_id ORDER BY seq DESC) = 1 AND state IN ('sent', 'unknown')
),
here AS (
    SELECT s.* FROM state.products s JOIN adopt.looked_at l USING (remote_id) WHERE s.remote_id NOT IN (SELECT remote_id FROM open)
),
compared AS (
    SELECT s.remote_id, s.optiply_id, s.sku_code, unnest([
        {attribute: 'name', here: s.name::VARCHAR, there: a ->> 'name', differs: s.name IS DISTINCT FROM t.name},
        {attribute: 'skuCode', here: s.sku_code::VARCHAR, there: a ->> 'skuCode', differs: s.sku_code IS DISTINCT FROM t.sku_code},
        {attribute: 'articleCode', here: s.article_code::VARCHAR, there: a ->> 'articleCode', differs: s.article_code IS DISTINCT FROM t.article_code},
        {attribute: 'price', here: s.price::VARCHAR, there: a ->> 'price', differs: s.price IS DISTINCT FROM t.price},
        {attribute: 'unlimitedStock', here: s.unlimited_stock::VARCHAR, there: a ->> 'unlimitedStock', differs: s.unlimited_stock IS DISTINCT FROM t.unlimited_stock},
        {attribute: 'stockLevel', here: s.stock_level::VARCHAR, there: a ->> 'stockLevel', differs: s.stock_level IS DISTINCT FROM t.stock_level},
        {attribute: 'status', here: s.status::VARCHAR, there: a ->> 'status', differs: lower(s.status) IS DISTINCT FROM t.status},
        {attribute: 'createdAtRemote', here: s.created_at_remote::VARCHAR, there: a ->> 'createdAtRemote', differs: s.created_at_remote IS DISTINCT FROM t.created_at_remote}
    ] || list_transform(coalesce(json_keys(s.extra), []), lambda key:
        {attribute: key, here: s.extra ->> key, there: a ->> key, differs: json_extract(s.extra, key) IS DISTINCT FROM json_extract(t.extra, key)}), recursive := true)
    FROM here s
    JOIN adopt.products_there t USING (optiply_id)
    JOIN (SELECT optiply_id, attributes::JSON AS a FROM adopt.there WHERE entity = 'products') USING (optiply_id)
)
SELECT * FROM (
SELECT 'drift' AS kind, remote_id, optiply_id, sku_code AS sku, attribute, here, there
FROM compared WHERE differs AND here IS NOT NULL
UNION ALL
SELECT 'gone', remote_id, optiply_id, sku_code, NULL, NULL, NULL
FROM here WHERE optiply_id NOT IN (SELECT optiply_id FROM adopt.products_there)
)
ORDER BY kind, remote_id::BIGINT, attribute;
