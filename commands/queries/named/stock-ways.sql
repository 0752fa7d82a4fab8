-- purpose: where this run's stock came from: how many products by each way, and how many are not known
-- inputs:  model.stock_levels, run.stock_plan
-- output:  way (skus: one request each; bulk: the listings; kept: an earlier answer), came_from, products, unknown, gone
-- grain:   one row a way and source
SELECT p.way, regexp_replace(s.came_from, ', asked at .*', '') AS came_from, count(*) AS products,
       count(*) FILTER (s.unknown_because IS NOT NULL) AS unknown, count(*) FILTER (s.is_gone) AS gone
FROM model.stock_levels s LEFT JOIN run.stock_plan p USING (remote_id)
GROUP BY ALL ORDER BY products DESC, p.way, came_from;
