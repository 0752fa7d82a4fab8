-- purpose: products that change night after night, and in what: something may write them to and fro
-- inputs:  plan.changes
-- output:  sku, remote_id, nights, attributes
-- grain:   one row a product that changed in two nights or more, the most restless first
-- over:    7 runs
SELECT max_by(sku, run_id) AS sku, remote_id, count(DISTINCT run_id) AS nights, list(DISTINCT attribute ORDER BY attribute) AS attributes
FROM (SELECT run_id, remote_id, sku, unnest(changed) AS attribute FROM plan.changes WHERE entity = 'products' AND op = 'update')
GROUP BY remote_id HAVING count(DISTINCT run_id) > 1
ORDER BY nights DESC, sku LIMIT 100;
