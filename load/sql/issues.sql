-- purpose: name every change of the plan that did not get through
-- inputs:  state.ledger; $1 the run, $2 the plan's hash
-- output:  run.issues, rows of phase load
-- grain:   one row a change that was rejected or is held
INSERT INTO run.issues BY NAME
SELECT 'load' AS phase, CASE l.state WHEN 'rejected' THEN 'rejected' ELSE 'held' END AS kind, l.entity, l.remote_id, p.sku,
       coalesce(l.reason, 'Optiply did not answer') AS reason
FROM state.ledger l LEFT JOIN plan.changes p USING (entity, remote_id)
WHERE l.run_id = $1 AND l.plan_hash = $2
QUALIFY row_number() OVER (PARTITION BY l.entity, l.remote_id ORDER BY l.seq DESC) = 1 AND l.state <> 'acknowledged'
ORDER BY l.entity, l.remote_id::BIGINT;
