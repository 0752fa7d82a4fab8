-- purpose: what became of the requests of the night's own plan
-- inputs:  state.ledger, night.run.info, night.plan.summary
-- output:  replay.outcomes
-- grain:   one row a product or order that the load of that plan came to; state is the newest of the ledger

CREATE SCHEMA IF NOT EXISTS replay;
CREATE OR REPLACE TABLE replay.outcomes AS
SELECT entity, remote_id, max_by(state, seq) AS state
FROM state.ledger
WHERE run_id = (SELECT run_id FROM night.run.info) AND plan_hash = (SELECT hash FROM night.plan.summary)
GROUP BY entity, remote_id;
