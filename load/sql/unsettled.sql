-- purpose: the requests whose outcome is not known: the newest event of their thing is sent (a kill cut it off) or unknown
-- inputs:  state.ledger
-- output:  run_id, plan_hash, entity, op, remote_id, optiply_id, attempt, body, body_hash, first_sent
-- grain:   one row a thing; body as it was sent last, first_sent when that plan sent it for the first time
WITH open AS (
    SELECT * FROM state.ledger
    QUALIFY row_number() OVER (PARTITION BY entity, remote_id ORDER BY seq DESC) = 1 AND state IN ('sent', 'unknown')
)
SELECT o.run_id, o.plan_hash, o.entity, o.op, o.remote_id, coalesce(o.optiply_id, '') AS optiply_id, o.attempt,
       max_by(s.body, s.seq) AS body, max_by(s.body_hash, s.seq) AS body_hash, min(s.happened_at) AS first_sent
FROM open o
JOIN state.ledger s ON s.entity = o.entity AND s.remote_id = o.remote_id AND s.run_id = o.run_id AND s.plan_hash = o.plan_hash
                   AND s.op = o.op AND s.state = 'sent'
GROUP BY ALL
ORDER BY max(s.seq);
