-- purpose: the guards from the other side: each is there once, counts what the plan holds, and holds exactly what is outside its edges
-- inputs:  plan.guards, plan.changes, before.history
-- output:  what is broken; nothing when all is well
-- grain:   one row a guard and what is broken about it
SELECT name, 'is not there exactly once' AS broken
FROM (VALUES ('max_product_creates'), ('max_product_updates'), ('max_sell_orders'), ('band_product_creates'), ('band_product_updates'), ('band_sell_orders')) w(name)
LEFT JOIN plan.guards g USING (name) GROUP BY name HAVING count(g.holds) <> 1
UNION ALL
SELECT g.name, 'has a figure other than the changes of the plan'
FROM plan.guards g
WHERE g.name LIKE 'max_%' AND g.figure <> (SELECT count(*) FROM plan.changes c WHERE c.entity = g.entity AND c.op = g.op)
UNION ALL
SELECT name, 'does not go by its edges' FROM plan.guards
WHERE holds <> (figure > coalesce(high, figure) OR figure < coalesce(low, figure)) OR low > high
UNION ALL
SELECT name, 'has edges, although fewer than 14 nights are known' FROM plan.guards
WHERE name LIKE 'band_%' AND (low IS NOT NULL OR high IS NOT NULL)
  AND (SELECT count(DISTINCT started_at::DATE) FROM before.history WHERE loaded) < 14
ORDER BY ALL;
