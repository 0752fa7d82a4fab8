-- purpose: what Optiply has acknowledged becomes what it is known to hold: the attributes that were sent, over those it had
-- inputs:  $1, a JSON list of events, in which body is the attributes as sent; a product may have several, and then each
--          attribute is the one sent last
-- output:  state.products
-- grain:   one row a product with an acknowledged event
INSERT OR REPLACE INTO state.products BY NAME
WITH event AS (
    SELECT e.*, e.body::JSON AS sent
    FROM (SELECT unnest(from_json($1, '[{"seq": "BIGINT", "happened_at": "VARCHAR", "run_id": "VARCHAR", "entity": "VARCHAR", "remote_id": "VARCHAR",
        "optiply_id": "VARCHAR", "uuid": "VARCHAR", "state": "VARCHAR", "body": "VARCHAR"}]')) AS e)
    WHERE e.state = 'acknowledged' AND e.entity = 'products'
),
-- max_by leaves out NULLs, so that an attribute that was not sent again keeps what was sent before.
acknowledged AS (
    SELECT remote_id, max_by(optiply_id, seq) AS optiply_id, max_by(uuid, seq) AS uuid,
           max_by(sent ->> 'name', seq) AS name, max_by(sent ->> 'skuCode', seq) AS sku_code, max_by(sent ->> 'articleCode', seq) AS article_code,
           max_by((sent ->> 'price')::DECIMAL(18, 2), seq) AS price, max_by((sent ->> 'unlimitedStock')::BOOLEAN, seq) AS unlimited_stock,
           max_by((sent ->> 'stockLevel')::BIGINT, seq) AS stock_level, max_by(sent ->> 'status', seq) AS status,
           max_by(strptime(sent ->> 'createdAtRemote', '%Y-%m-%dT%H:%M:%SZ'), seq) AS created_at_remote,
           -- What is none of these is of the shop's own mapping.
           list_reduce(list(json_merge_patch(sent, '{"remoteId": null, "name": null, "skuCode": null, "articleCode": null, "price": null,
               "unlimitedStock": null, "stockLevel": null, "status": null, "createdAtRemote": null, "remoteDataSyncedToDate": null}') ORDER BY seq),
               lambda earlier, later: json_merge_patch(earlier, later)) AS extra,
           max_by(run_id, seq) AS run_id, max_by(happened_at, seq)::TIMESTAMP AS acknowledged_at, max(seq) AS change
    FROM event GROUP BY remote_id
)
SELECT a.remote_id,
       coalesce(a.optiply_id, p.optiply_id) AS optiply_id,
       coalesce(a.uuid, p.uuid) AS uuid,
       coalesce(a.name, p.name) AS name,
       coalesce(a.sku_code, p.sku_code) AS sku_code,
       coalesce(a.article_code, p.article_code) AS article_code,
       coalesce(a.price, p.price) AS price,
       coalesce(a.unlimited_stock, p.unlimited_stock) AS unlimited_stock,
       coalesce(a.stock_level, p.stock_level) AS stock_level,
       coalesce(a.status, p.status) AS status,
       coalesce(a.created_at_remote, p.created_at_remote) AS created_at_remote,
       nullif(json_merge_patch(coalesce(p.extra, '{}'), a.extra)::VARCHAR, '{}')::JSON AS extra,
       a.run_id, a.acknowledged_at, a.change
FROM acknowledged a LEFT JOIN state.products p USING (remote_id);
