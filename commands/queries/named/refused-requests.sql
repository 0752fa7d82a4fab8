-- purpose: requests that Optiply refused or that got no answer, over all runs: what was sent and what it said
-- inputs:  state.ledger
-- output:  run_id, entity, op, remote_id, state, status, answer, body
-- grain:   one row a request whose newest event is not an acknowledgement, the newest first, a hundred at most
WITH request AS (
    SELECT run_id, entity, op, remote_id, max(seq) AS seq, max_by(state, seq) AS state, max_by(status, seq) FILTER (status IS NOT NULL) AS status,
           max_by(reason, seq) FILTER (reason IS NOT NULL) AS answer, max_by(body, seq) FILTER (body IS NOT NULL) AS body
    FROM state.ledger GROUP BY ALL
)
SELECT run_id, entity, op, remote_id, state, status, answer, body::JSON AS body
FROM request WHERE state NOT IN ('acknowledged', 'planned')
ORDER BY seq DESC LIMIT 100;
