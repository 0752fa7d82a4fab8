-- purpose: the rows that the next run reads again by id, so that a bookmark may pass them
-- inputs:  run.issues
-- output:  entity, remote_id, sku, kind, reason
-- grain:   one row a product or order that was rejected or is held; deletions wait by themselves, in the state
SELECT entity, remote_id, coalesce(max(sku), '') AS sku, min(kind) AS kind, min(reason) AS reason
FROM run.issues
WHERE kind IN ('rejected', 'held') AND entity IN ('products', 'sell_orders') AND remote_id IS NOT NULL
  AND reason NOT LIKE 'not disabled: %'
GROUP BY entity, remote_id
ORDER BY entity, remote_id::BIGINT;
