-- purpose: the state holds what Optiply does, as far as it was sent by us; a value that the state cannot keep is NULL, which the
--          next diff sends anew
-- inputs:  adopt.corrected, adopt.products_there; $1 the reconciliation, $2 now
-- output:  state.products
-- grain:   one row a product that differed

INSERT OR REPLACE INTO state.products BY NAME
SELECT s.remote_id, s.optiply_id, s.uuid, CASE WHEN s.name IS NOT NULL THEN t.name END AS name, CASE WHEN s.sku_code IS NOT NULL THEN t.sku_code END AS sku_code,
       CASE WHEN s.article_code IS NOT NULL THEN t.article_code END AS article_code, CASE WHEN s.price IS NOT NULL THEN t.price END AS price,
       CASE WHEN s.unlimited_stock IS NOT NULL THEN t.unlimited_stock END AS unlimited_stock, CASE WHEN s.stock_level IS NOT NULL THEN t.stock_level END AS stock_level,
       CASE WHEN s.status IS NOT NULL THEN t.status END AS status, CASE WHEN s.created_at_remote IS NOT NULL THEN t.created_at_remote END AS created_at_remote,
       CASE WHEN s.extra IS NOT NULL THEN t.extra END AS extra, $1 AS run_id, $2::TIMESTAMP AS acknowledged_at, c.seq AS change
FROM adopt.corrected c
JOIN state.products s ON s.remote_id = c.remote_id
JOIN adopt.products_there t ON t.optiply_id = c.optiply_id
WHERE c.kind = 'drift';
