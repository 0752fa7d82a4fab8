-- purpose: append events to the ledger
-- inputs:  $1, a JSON list of events
-- output:  state.ledger
-- grain:   one row an event
INSERT INTO state.ledger BY NAME
SELECT e.seq::BIGINT AS seq, e.happened_at::TIMESTAMP AS happened_at, e.run_id, e.plan_hash, e.entity, e.op, e.remote_id, e.optiply_id, e.state,
       e.attempt::INTEGER AS attempt, CASE WHEN e.state = 'sent' THEN e.body END AS body, e.body_hash, e.status::INTEGER AS status, e.reason
FROM (SELECT unnest(from_json($1, '[{"seq": "VARCHAR", "happened_at": "VARCHAR", "run_id": "VARCHAR", "plan_hash": "VARCHAR", "entity": "VARCHAR",
    "op": "VARCHAR", "remote_id": "VARCHAR", "optiply_id": "VARCHAR", "state": "VARCHAR", "attempt": "VARCHAR", "body": "VARCHAR",
    "body_hash": "VARCHAR", "status": "VARCHAR", "reason": "VARCHAR"}]')) AS e);
