-- purpose: the request that was planned, attribute by attribute, and whether it is withheld
-- inputs:  plan.candidates, plan.changes, plan.summary; variable remote_id
-- output:  seq (its place in the plan; NULL where it is withheld), op, changed, before, after, reason, withheld, plan_hash
-- grain:   one row; none where nothing differs
SELECT p.seq, c.op, c.changed, c.before, c.attributes AS after, c.reason, c.withheld, c.withheld_because, s.hash AS plan_hash
FROM plan.candidates c LEFT JOIN plan.changes p USING (entity, remote_id) CROSS JOIN plan.summary s
WHERE c.entity = 'products' AND c.remote_id = getvariable('remote_id');
