-- purpose: an order that Optiply has acknowledged is held by it, and never sent again
-- inputs:  $1, a JSON list of events; body is the attributes as sent
-- output:  state.sell_orders
-- grain:   one row an acknowledged event of an order
INSERT OR REPLACE INTO state.sell_orders BY NAME
SELECT e.remote_id, e.optiply_id, e.uuid,
       strptime(e.body::JSON ->> 'placed', '%Y-%m-%dT%H:%M:%SZ') AS placed,
       strptime(e.body::JSON ->> 'completed', '%Y-%m-%dT%H:%M:%SZ') AS completed,
       (e.body::JSON ->> 'totalValue')::DECIMAL(19, 2) AS total_value,
       e.run_id, e.happened_at::TIMESTAMP AS acknowledged_at, e.seq AS change
FROM (SELECT unnest(from_json($1, '[{"seq": "BIGINT", "happened_at": "VARCHAR", "run_id": "VARCHAR", "entity": "VARCHAR", "remote_id": "VARCHAR",
    "optiply_id": "VARCHAR", "uuid": "VARCHAR", "state": "VARCHAR", "body": "VARCHAR"}]')) AS e)
WHERE e.state = 'acknowledged' AND e.entity = 'sell_orders';
