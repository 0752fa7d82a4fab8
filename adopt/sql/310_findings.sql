-- purpose: what is told about every thing: what belongs together and what could not be brought together, each with its ids
-- inputs:  adopt.pairs, adopt.products_there, adopt.sell_orders_there, adopt.products_here, adopt.sell_orders_here, adopt.snapshot,
--          state.products, state.sell_orders
-- output:  adopt.findings
-- grain:   one row a pair that is matched or ambiguous, a thing that only one side has, and an id at Optiply that is gone

CREATE OR REPLACE TABLE adopt.findings AS
WITH there AS (
    SELECT 'products' AS entity, optiply_id, remote_id_there, sku_code, article_code, NULL::TIMESTAMP AS placed, NULL::DECIMAL(19, 2) AS total_value FROM adopt.products_there
    UNION ALL
    SELECT 'sell_orders', optiply_id, remote_id_there, NULL, NULL, placed, total_value FROM adopt.sell_orders_there
),
here AS (
    SELECT 'products' AS entity, remote_id, sku FROM adopt.products_here
    UNION ALL
    SELECT 'sell_orders', remote_id, NULL FROM adopt.sell_orders_here
),
known AS (
    SELECT 'products' AS entity, remote_id, optiply_id, sku_code FROM state.products
    UNION ALL
    SELECT 'sell_orders', remote_id, optiply_id, NULL FROM state.sell_orders
),
pair AS (FROM adopt.pairs WHERE verdict IN ('matched', 'ambiguous')),
extra AS (SELECT entity, optiply_id, min(reason) AS reason FROM adopt.pairs WHERE verdict = 'extra' GROUP BY ALL),
finding AS (
    SELECT p.verdict AS finding, p.entity, p.way, p.remote_id, p.optiply_id, coalesce(t.sku_code, h.sku) AS sku, p.reason
    FROM pair p LEFT JOIN there t USING (entity, optiply_id) LEFT JOIN here h ON h.entity = p.entity AND h.remote_id = p.remote_id
    UNION ALL
    SELECT 'unmatched there', entity, NULL, NULL, t.optiply_id, t.sku_code,
           coalesce(e.reason,
                    CASE WHEN t.remote_id_there IS NOT NULL THEN 'its remote id ' || t.remote_id_there || ' is no Magento id' END,
                    CASE entity WHEN 'products' THEN 'articleCode ' || coalesce(t.article_code, '(none)') || ', skuCode ' || coalesce(t.sku_code, '(none)')
                                ELSE 'placed ' || coalesce(t.placed::VARCHAR, '(none)') || ', totalValue ' || coalesce(t.total_value::VARCHAR, '(none)') END)
    FROM there t LEFT JOIN extra e USING (entity, optiply_id)
    WHERE NOT EXISTS (FROM pair p WHERE p.entity = t.entity AND p.optiply_id = t.optiply_id)
    UNION ALL
    SELECT 'unmatched here', entity, NULL, h.remote_id, NULL, h.sku, NULL
    FROM here h
    WHERE NOT EXISTS (FROM pair p WHERE p.entity = h.entity AND p.remote_id = h.remote_id)
      AND NOT EXISTS (FROM known k WHERE k.entity = h.entity AND k.remote_id = h.remote_id)
    UNION ALL
    SELECT 'gone', entity, 'state', k.remote_id, k.optiply_id, k.sku_code, 'Optiply does not have it any more; the state keeps it, and an update of it is held'
    FROM known k
    WHERE NOT EXISTS (FROM there t WHERE t.entity = k.entity AND t.optiply_id = k.optiply_id)
      AND NOT EXISTS (FROM adopt.pairs p WHERE p.entity = k.entity AND p.remote_id = k.remote_id AND p.verdict = 'matched')
    UNION ALL
    SELECT 'gone', entity, 'snapshot', s.remote_id, s.optiply_id, NULL, s.place || ': Optiply does not have it any more'
    FROM adopt.snapshot s
    WHERE NOT EXISTS (FROM there t WHERE t.entity = s.entity AND t.optiply_id = s.optiply_id)
)
SELECT * FROM finding
ORDER BY entity, list_position(['ambiguous', 'gone', 'unmatched there', 'unmatched here', 'matched'], finding), remote_id::BIGINT, optiply_id::BIGINT, way;
