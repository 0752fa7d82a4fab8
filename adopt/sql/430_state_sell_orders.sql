-- purpose: the state holds adopted orders as Optiply does, so that they are never sent again
-- inputs:  adopt.adopted, adopt.sell_orders_there; $1 the adoption, $2 now
-- output:  state.sell_orders
-- grain:   one row an adopted order

INSERT OR REPLACE INTO state.sell_orders BY NAME
SELECT a.remote_id, t.optiply_id, coalesce(t.uuid, s.uuid) AS uuid, t.placed, t.completed, t.total_value, $1 AS run_id, $2::TIMESTAMP AS acknowledged_at, a.seq AS change
FROM adopt.adopted a
JOIN adopt.sell_orders_there t USING (optiply_id)
LEFT JOIN state.sell_orders s ON s.remote_id = a.remote_id
WHERE a.entity = 'sell_orders';
