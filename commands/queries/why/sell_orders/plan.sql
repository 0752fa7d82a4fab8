-- purpose: the request that was planned, and whether it is withheld
-- inputs:  plan.candidates, plan.changes, plan.summary; variable remote_id
-- output:  seq (its place in the plan; NULL where it is withheld), op, after, lines, reason, withheld, plan_hash
-- grain:   one row, or none
SELECT p.seq, c.op, c.changed, c.attributes AS after, c.lines, c.reason, c.withheld, c.withheld_because, s.hash AS plan_hash
FROM plan.candidates c LEFT JOIN plan.changes p USING (entity, remote_id) CROSS JOIN plan.summary s
WHERE c.entity = 'sell_orders' AND c.remote_id = getvariable('remote_id');
