-- purpose: rows that were left out in more than one night, with the reason of the newest
-- inputs:  run.issues
-- output:  entity, remote_id, sku, nights, since (the first of these runs), kind, because
-- grain:   one row a record, the most nights first
-- over:    7 runs
SELECT entity, remote_id, max(sku) AS sku, count(DISTINCT run_id) AS nights, min(run_id) AS since, max_by(kind, run_id) AS kind, max_by(reason, run_id) AS because
FROM run.issues WHERE kind <> 'ignored'
GROUP BY entity, remote_id HAVING count(DISTINCT run_id) > 1
ORDER BY nights DESC, entity, try_cast(remote_id AS BIGINT), remote_id;
