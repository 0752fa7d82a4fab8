-- purpose: what has waited longest to be brought to Optiply
-- inputs:  state.parked
-- output:  entity, remote_id, sku, cause, since, nights, because, decision
-- grain:   one row a product or order, the longest first
SELECT entity, remote_id, sku, coalesce(cause, 'waiting') AS cause, first_at AS since, times AS nights, reason AS because, decision
FROM state.parked ORDER BY first_at, entity, try_cast(remote_id AS BIGINT), remote_id;
