-- purpose: what Optiply answered to this run, by operation, answer and HTTP status
-- inputs:  state.ledger, run.info
-- output:  entity, op, state, status, requests
-- grain:   one row a kind of answer; the newest event of each request
SELECT entity, op, state, status, count(*) AS requests
FROM (FROM state.ledger WHERE run_id = (SELECT run_id FROM run.info)
      QUALIFY row_number() OVER (PARTITION BY entity, op, remote_id ORDER BY seq DESC) = 1)
GROUP BY ALL ORDER BY entity, op, requests DESC;
