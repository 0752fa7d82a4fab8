-- purpose: the rows that the next run reads again by id, so that a bookmark may pass them
-- inputs:  run.issues
-- output:  entity, remote_id, sku, kind, reason, cause
-- grain:   one row a product or order that was rejected, is held, or that the shop could not answer for (quarantined); cause is
--          empty where what is parked already says it: load was answered, or the row was withheld. Deletions wait by
--          themselves, in the state
WITH waiting AS (
    SELECT CASE entity WHEN 'orders' THEN 'sell_orders' ELSE entity END AS entity, remote_id, sku,
           CASE kind WHEN 'quarantined' THEN 'held' ELSE kind END AS kind, reason,
           CASE WHEN kind = 'quarantined' THEN 'quarantined'
                WHEN phase = 'load' AND reason LIKE 'it is not known whether %' THEN 'outcome_unknown'
                WHEN phase = 'load' AND reason LIKE 'what became of an earlier request %' THEN 'settled_late'
                WHEN phase = 'load' OR reason LIKE 'not sent again %' THEN ''
                WHEN kind = 'rejected' THEN 'value'
                ELSE 'waiting' END AS cause
    FROM run.issues
    WHERE remote_id IS NOT NULL AND reason NOT LIKE 'not disabled: %'
      AND (kind IN ('rejected', 'held') AND entity IN ('products', 'sell_orders') OR kind = 'quarantined' AND entity IN ('products', 'orders'))
)
SELECT entity, remote_id, coalesce(max(sku), '') AS sku, min(kind) AS kind, string_agg(DISTINCT reason, '; ' ORDER BY reason) AS reason,
       CASE WHEN bool_or(cause = 'outcome_unknown') THEN 'outcome_unknown' WHEN bool_or(cause = '') THEN '' ELSE min(cause) END AS cause
FROM waiting
GROUP BY entity, remote_id
ORDER BY entity, remote_id::BIGINT;
