-- purpose: what Optiply has acknowledged becomes what it is known to hold: the attributes that were sent, over those it had
-- inputs:  $1, a JSON list of events; body is the attributes as sent
-- output:  state.products
-- grain:   one row an acknowledged event of a product
INSERT OR REPLACE INTO state.products BY NAME
WITH acknowledged AS (
    SELECT e.*, e.body::JSON AS sent
    FROM (SELECT unnest(from_json($1, '[{"seq": "BIGINT", "happened_at": "VARCHAR", "run_id": "VARCHAR", "entity": "VARCHAR", "remote_id": "VARCHAR",
        "optiply_id": "VARCHAR", "uuid": "VARCHAR", "state": "VARCHAR", "body": "VARCHAR"}]')) AS e)
    WHERE e.state = 'acknowledged' AND e.entity = 'products'
)
SELECT a.remote_id, a.optiply_id,
       coalesce(a.uuid, p.uuid) AS uuid,
       coalesce(a.sent ->> 'name', p.name) AS name,
       coalesce(a.sent ->> 'skuCode', p.sku_code) AS sku_code,
       coalesce(a.sent ->> 'articleCode', p.article_code) AS article_code,
       coalesce((a.sent ->> 'price')::DECIMAL(18, 2), p.price) AS price,
       coalesce((a.sent ->> 'unlimitedStock')::BOOLEAN, p.unlimited_stock) AS unlimited_stock,
       coalesce((a.sent ->> 'stockLevel')::BIGINT, p.stock_level) AS stock_level,
       coalesce(a.sent ->> 'status', p.status) AS status,
       coalesce(strptime(a.sent ->> 'createdAtRemote', '%Y-%m-%dT%H:%M:%SZ'), p.created_at_remote) AS created_at_remote,
       a.run_id, a.happened_at::TIMESTAMP AS acknowledged_at, a.seq AS change
FROM acknowledged a LEFT JOIN state.products p USING (remote_id);
