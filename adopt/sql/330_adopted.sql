-- purpose: the matches that tell the state something new: an id or an attribute that it does not have, or the end of a request
--          whose outcome is not known
-- inputs:  adopt.pairs, adopt.products_there, adopt.sell_orders_there, state.products, state.sell_orders, state.ledger
-- output:  adopt.adopted
-- grain:   one row a product or order; seq is the ledger's row for it

CREATE OR REPLACE TABLE adopt.adopted AS
WITH open AS (
    SELECT entity, remote_id FROM state.ledger
    QUALIFY row_number() OVER (PARTITION BY entity, remote_id ORDER BY seq DESC) = 1 AND state IN ('sent', 'unknown')
),
news AS (
    SELECT p.entity, p.remote_id, p.optiply_id, p.way
    FROM adopt.pairs p
    JOIN adopt.products_there t USING (optiply_id)
    LEFT JOIN state.products s ON s.remote_id = p.remote_id
    WHERE p.entity = 'products' AND p.verdict = 'matched'
      AND (s.remote_id IS NULL OR (p.entity, p.remote_id) IN (SELECT (entity, remote_id) FROM open)
           OR row(s.optiply_id, s.uuid, s.name, s.sku_code, s.article_code, s.price, s.unlimited_stock, s.stock_level, s.status, s.created_at_remote, s.extra)
              IS DISTINCT FROM row(t.optiply_id, coalesce(t.uuid, s.uuid), t.name, t.sku_code, t.article_code, t.price, t.unlimited_stock, t.stock_level, t.status, t.created_at_remote, t.extra))
    UNION ALL
    SELECT p.entity, p.remote_id, p.optiply_id, p.way
    FROM adopt.pairs p
    JOIN adopt.sell_orders_there t USING (optiply_id)
    LEFT JOIN state.sell_orders s ON s.remote_id = p.remote_id
    WHERE p.entity = 'sell_orders' AND p.verdict = 'matched'
      AND (s.remote_id IS NULL OR (p.entity, p.remote_id) IN (SELECT (entity, remote_id) FROM open)
           OR row(s.optiply_id, s.uuid, s.placed, s.completed, s.total_value)
              IS DISTINCT FROM row(t.optiply_id, coalesce(t.uuid, s.uuid), t.placed, t.completed, t.total_value))
)
SELECT (SELECT coalesce(max(seq), 0) FROM state.ledger) + row_number() OVER (ORDER BY entity, remote_id::BIGINT) AS seq, *
FROM news
ORDER BY seq;
