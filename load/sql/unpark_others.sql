-- purpose: every parked row of an entity was read again in this run; what does not wait any more was sent, or is not wanted
-- inputs:  $1, a JSON list of the rows that wait; $2 the entity
-- output:  state.parked
-- grain:   one row a row that waits no more; what a person ignores was not read again, and stays
DELETE FROM state.parked
WHERE entity = $2 AND decision IS DISTINCT FROM 'ignore' AND remote_id NOT IN (
    SELECT w.remote_id FROM (SELECT unnest(from_json($1, '[{"entity": "VARCHAR", "remote_id": "VARCHAR"}]')) AS w) WHERE w.entity = $2);
