-- purpose: name every change that did not get through: of this plan, and whatever any plan left with an unknown outcome
-- inputs:  state.ledger, state.products, plan.changes; $1 the run, $2 the plan's hash, $3 a JSON list of the products that
--          were settled late
-- output:  run.issues, rows of phase load
-- grain:   one row a change that was rejected or is held
INSERT INTO run.issues BY NAME
WITH latest AS (
    FROM state.ledger QUALIFY row_number() OVER (PARTITION BY entity, remote_id ORDER BY seq DESC) = 1
),
named AS (
    SELECT CASE state WHEN 'rejected' THEN 'rejected' ELSE 'held' END AS kind, entity, remote_id,
           CASE WHEN state IN ('sent', 'unknown') THEN 'it is not known whether Optiply has it, so nothing more is sent for it before that is: '
                ELSE '' END || coalesce(reason, 'Optiply did not answer') AS reason
    FROM latest
    WHERE state IN ('sent', 'unknown') OR run_id = $1 AND plan_hash = $2 AND state IN ('rejected', 'held')
    UNION ALL
    SELECT 'held', 'products', unnest(from_json($3, '["VARCHAR"]')),
           'what became of an earlier request for it was found out after this plan was made: the next run compares it again'
)
SELECT 'load' AS phase, n.kind, n.entity, n.remote_id, coalesce(p.sku, s.sku_code) AS sku, n.reason
FROM named n
LEFT JOIN plan.changes p USING (entity, remote_id)
LEFT JOIN state.products s ON n.entity = 'products' AND s.remote_id = n.remote_id
ORDER BY n.entity, n.remote_id::BIGINT;
