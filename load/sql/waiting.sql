-- purpose: the rows that the next run reads again by id, so that a bookmark may pass them
-- inputs:  run.issues
-- output:  entity, remote_id, sku, kind, reason
-- grain:   one row a product or order that was rejected, is held, or that the shop could not answer for (quarantined);
--          deletions wait by themselves, in the state
WITH waiting AS (
    SELECT CASE entity WHEN 'orders' THEN 'sell_orders' ELSE entity END AS entity, remote_id, sku,
           CASE kind WHEN 'quarantined' THEN 'held' ELSE kind END AS kind, reason
    FROM run.issues
    WHERE remote_id IS NOT NULL AND reason NOT LIKE 'not disabled: %'
      AND (kind IN ('rejected', 'held') AND entity IN ('products', 'sell_orders') OR kind = 'quarantined' AND entity IN ('products', 'orders'))
)
SELECT entity, remote_id, coalesce(max(sku), '') AS sku, min(kind) AS kind, min(reason) AS reason
FROM waiting
GROUP BY entity, remote_id
ORDER BY entity, remote_id::BIGINT;
