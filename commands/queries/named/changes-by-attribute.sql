-- purpose: how many rows this run changes, by operation and attribute
-- inputs:  plan.changes
-- output:  entity, op, attribute, changes
-- grain:   one row an entity, operation and attribute; a create counts once, as "(new)"
SELECT entity, op, attribute, count(*) AS changes
FROM (SELECT entity, op, unnest(CASE WHEN op = 'create' THEN ['(new)'] ELSE changed END) AS attribute FROM plan.changes)
GROUP BY ALL ORDER BY entity, op, changes DESC, attribute;
