-- purpose: keep the rows that wait, so that the next run reads them again by id
-- inputs:  $1, a JSON list of rows; $2 the run; $3 now
-- output:  state.parked
-- grain:   one row a product or order that waits. Where cause is empty the row is there with its request and its answer, and
--          was only seen once more
INSERT INTO state.parked BY NAME
SELECT w.entity, w.remote_id, nullif(w.sku, '') AS sku, w.kind, w.reason, $2 AS run_id, $3::TIMESTAMP AS first_at, $3::TIMESTAMP AS last_at, 1 AS times,
       w.cause, CASE WHEN w.cause IN ('value', 'waiting') THEN md5(w.reason) END AS change_hash
FROM (SELECT unnest(from_json($1, '[{"entity": "VARCHAR", "remote_id": "VARCHAR", "sku": "VARCHAR", "kind": "VARCHAR", "reason": "VARCHAR", "cause": "VARCHAR"}]')) AS w)
ON CONFLICT (entity, remote_id) DO UPDATE SET
    first_at = CASE WHEN cause IS NULL OR excluded.cause IN ('', cause) THEN first_at ELSE excluded.first_at END,
    times = CASE WHEN cause IS NULL OR excluded.cause IN ('', cause) THEN times + CASE WHEN run_id = excluded.run_id THEN 0 ELSE 1 END ELSE 1 END,
    sku = coalesce(excluded.sku, sku), run_id = excluded.run_id, last_at = excluded.last_at,
    kind = CASE excluded.cause WHEN '' THEN kind ELSE excluded.kind END,
    reason = CASE excluded.cause WHEN '' THEN reason ELSE excluded.reason END,
    op = CASE excluded.cause WHEN '' THEN op END,
    body = CASE excluded.cause WHEN '' THEN body END,
    status = CASE excluded.cause WHEN '' THEN status END,
    change_hash = CASE excluded.cause WHEN '' THEN change_hash ELSE excluded.change_hash END,
    decision = CASE excluded.cause WHEN '' THEN decision END,
    decided_at = CASE excluded.cause WHEN '' THEN decided_at END,
    cause = CASE excluded.cause WHEN '' THEN cause ELSE excluded.cause END;
