-- purpose: keep the rows that wait, so that the next run reads them again by id
-- inputs:  $1, a JSON list of rows; $2 the run; $3 now
-- output:  state.parked
-- grain:   one row a product or order that waits
INSERT INTO state.parked BY NAME
SELECT w.entity, w.remote_id, nullif(w.sku, '') AS sku, w.kind, w.reason, $2 AS run_id, $3::TIMESTAMP AS first_at, $3::TIMESTAMP AS last_at, 1 AS times
FROM (SELECT unnest(from_json($1, '[{"entity": "VARCHAR", "remote_id": "VARCHAR", "sku": "VARCHAR", "kind": "VARCHAR", "reason": "VARCHAR"}]')) AS w)
ON CONFLICT (entity, remote_id) DO UPDATE SET sku = excluded.sku, kind = excluded.kind, reason = excluded.reason,
    run_id = excluded.run_id, last_at = excluded.last_at, times = times + CASE WHEN run_id = excluded.run_id THEN 0 ELSE 1 END;
