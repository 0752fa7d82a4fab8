-- purpose: what Optiply has acknowledged waits no more
-- inputs:  $1, a JSON list of events
-- output:  state.parked
-- grain:   one row an acknowledged event. An update of other attributes says nothing about what was refused: where stock and
--          products are sent by runs of their own, the one would let the other's row go
DELETE FROM state.parked p
USING (SELECT unnest(from_json($1, '[{"entity": "VARCHAR", "remote_id": "VARCHAR", "state": "VARCHAR", "body": "VARCHAR"}]')) AS e) t
WHERE t.e.state = 'acknowledged' AND t.e.entity = p.entity AND t.e.remote_id = p.remote_id
  AND (p.body IS NULL OR t.e.body IS NULL
       OR list_has_all(json_keys(t.e.body::JSON), list_filter(json_keys(p.body::JSON), lambda name: name <> 'remoteDataSyncedToDate')));
