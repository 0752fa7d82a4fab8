-- purpose: everything that was left out, by kind and reason, with an example of each
-- inputs:  run.issues
-- output:  kind, entity, because (ids and numbers as #), rows, example
-- grain:   one row a kind, entity and reason; `FROM run.issues` has every row
SELECT kind, entity, regexp_replace(reason, '\d+', '#', 'g') AS because, count(*) AS rows,
       min(coalesce(sku || ' (' || remote_id || ')', remote_id, sku)) AS example
FROM run.issues
GROUP BY ALL ORDER BY rows DESC, kind, entity, because;
