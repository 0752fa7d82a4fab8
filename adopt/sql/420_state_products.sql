-- purpose: the state holds adopted products as Optiply does
-- inputs:  adopt.adopted, adopt.products_there; $1 the adoption, $2 now
-- output:  state.products
-- grain:   one row an adopted product

INSERT OR REPLACE INTO state.products BY NAME
SELECT a.remote_id, t.optiply_id, coalesce(t.uuid, s.uuid) AS uuid, t.name, t.sku_code, t.article_code, t.price, t.unlimited_stock, t.stock_level, t.status,
       t.created_at_remote, t.extra, $1 AS run_id, $2::TIMESTAMP AS acknowledged_at, a.seq AS change
FROM adopt.adopted a
JOIN adopt.products_there t USING (optiply_id)
LEFT JOIN state.products s ON s.remote_id = a.remote_id
WHERE a.entity = 'products';
