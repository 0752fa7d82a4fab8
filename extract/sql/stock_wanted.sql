-- purpose: the SKUs that are still to be asked for one by one
-- inputs:  run.stock_plan, page.stock_statuses, run.stock_misses
-- output:  sku, remote_id
-- grain:   one row a product that no shorter way answers and that has no answer yet in this run
SELECT sku, remote_id FROM run.stock_plan
WHERE way = 'skus'
  AND sku NOT IN (
      SELECT sku FROM (SELECT unnest(from_json(content, '{"items": [{"source": "VARCHAR", "sku": "VARCHAR"}]}').items, recursive := true)
                       FROM page.stock_statuses WHERE part <> 'bulk')
      WHERE source = 'stockStatuses' AND sku IS NOT NULL)
  AND sku NOT IN (SELECT sku FROM run.stock_misses)
ORDER BY try_cast(remote_id AS BIGINT);
