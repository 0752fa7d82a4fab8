-- purpose: what was settled after the run's plan was made: the plan does not know of it
-- inputs:  state.ledger, run.info; $1 the run, $2 the plan's hash, $3 the reason that settling writes
-- output:  entity, remote_id
-- grain:   one row a thing
SELECT entity, remote_id
FROM (FROM state.ledger QUALIFY row_number() OVER (PARTITION BY entity, remote_id ORDER BY seq DESC) = 1)
WHERE state = 'acknowledged' AND reason = $3
  AND seq > (SELECT coalesce(state_changes, 0) FROM run.info)
  AND NOT (run_id = $1 AND plan_hash = $2);
