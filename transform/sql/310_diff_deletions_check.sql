-- purpose: invariant 3 once more, from the other side: what is to be disabled is not in the listing and was looked for
-- inputs:  diff.deletions, stage.products, run.second_look
-- output:  what is broken; nothing when all is well
-- grain:   one row a broken row and what is broken about it
SELECT d.remote_id, 'is to be disabled, and is in the listing' AS broken
FROM diff.deletions d JOIN stage.products p ON p.product_id::VARCHAR = d.remote_id WHERE d.verdict = 'disable'
UNION ALL
SELECT d.remote_id, 'is to be disabled without a second look that missed it'
FROM diff.deletions d LEFT JOIN run.second_look l USING (remote_id) WHERE d.verdict = 'disable' AND coalesce(l.found, true)
ORDER BY ALL;
