-- purpose: what Optiply has acknowledged waits no more
-- inputs:  $1, a JSON list of events
-- output:  state.parked
-- grain:   one row an acknowledged event
DELETE FROM state.parked
WHERE (entity, remote_id) IN (
    SELECT (e.entity, e.remote_id) FROM (SELECT unnest(from_json($1, '[{"entity": "VARCHAR", "remote_id": "VARCHAR", "state": "VARCHAR"}]')) AS e)
    WHERE e.state = 'acknowledged');
