-- purpose: keep what was rejected or held together with its request and the answer: it waits, and it is on the list of `rejects`.
--          Written with the ledger's row, so that a load that stops knows them too
-- inputs:  $1, a JSON list of events; those with a cause count
-- output:  state.parked
-- grain:   one row a product or order. first_at is when it was first seen with this cause and, where it was refused, with this
--          request; times counts runs. A decision stands as long as the request is the same, and a retry for one answer
INSERT INTO state.parked BY NAME
SELECT e.entity, e.remote_id, e.sku, CASE e.state WHEN 'rejected' THEN 'rejected' ELSE 'held' END AS kind, e.reason, e.run_id,
       e.happened_at::TIMESTAMP AS first_at, e.happened_at::TIMESTAMP AS last_at, 1 AS times,
       e.cause, e.op, e.change_hash, e.body, e.status::INTEGER AS status
FROM (SELECT unnest(from_json($1, '[{"seq": "BIGINT", "happened_at": "VARCHAR", "run_id": "VARCHAR", "entity": "VARCHAR", "op": "VARCHAR", "remote_id": "VARCHAR",
    "sku": "VARCHAR", "state": "VARCHAR", "body": "VARCHAR", "status": "VARCHAR", "reason": "VARCHAR", "change_hash": "VARCHAR", "cause": "VARCHAR"}]')) AS e)
WHERE e.cause IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY e.entity, e.remote_id ORDER BY e.seq DESC) = 1
ON CONFLICT (entity, remote_id) DO UPDATE SET
    first_at = CASE WHEN cause IS NOT DISTINCT FROM excluded.cause AND (excluded.cause <> 'refused' OR change_hash IS NOT DISTINCT FROM excluded.change_hash)
                    THEN first_at ELSE excluded.first_at END,
    times = CASE WHEN cause IS NOT DISTINCT FROM excluded.cause AND (excluded.cause <> 'refused' OR change_hash IS NOT DISTINCT FROM excluded.change_hash)
                 THEN times + CASE WHEN run_id = excluded.run_id THEN 0 ELSE 1 END ELSE 1 END,
    decision = CASE WHEN decision = 'ignore' AND change_hash = excluded.change_hash THEN decision END,
    decided_at = CASE WHEN decision = 'ignore' AND change_hash = excluded.change_hash THEN decided_at END,
    sku = excluded.sku, kind = excluded.kind, reason = excluded.reason, run_id = excluded.run_id, last_at = excluded.last_at,
    cause = excluded.cause, op = excluded.op, change_hash = excluded.change_hash, body = excluded.body, status = excluded.status;
