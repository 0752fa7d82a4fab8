-- purpose: what was left out and why: rows with the same reason together, numbers in it aside, with the first of them
-- inputs:  run.issues
-- output:  the rows it answers
-- grain:   one row a kind, entity and reason
WITH named AS (
    SELECT *, regexp_replace(reason, '[0-9]+', '#', 'g') AS pattern,
        remote_id || CASE WHEN sku IS NOT NULL AND sku <> remote_id THEN ' (' || sku || ')' ELSE '' END AS name
    FROM run.issues
)
SELECT kind, entity, CASE WHEN count(DISTINCT reason) = 1 THEN min(reason) ELSE min(reason) || ' (and the like)' END AS reason, count(*) AS rows,
    coalesce(list(DISTINCT name ORDER BY length(name), name) FILTER (name IS NOT NULL)[1:5], []) AS names
FROM named
GROUP BY kind, entity, pattern
ORDER BY coalesce(list_position(['quarantined', 'rejected', 'held', 'dropped', 'ignored'], kind), 9), rows DESC, entity, reason
