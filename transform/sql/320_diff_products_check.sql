-- purpose: a product that is written twice in one plan, or written without the id it has at Optiply, means a broken diff
-- inputs:  diff.products, before.products
-- output:  what is broken; nothing when all is well
-- grain:   one row a broken change and what is broken about it
SELECT remote_id, 'occurs ' || count(*) || ' times in diff.products' AS broken FROM diff.products GROUP BY remote_id HAVING count(*) > 1
UNION ALL
SELECT remote_id, 'is an ' || op || ' without an optiply_id' FROM diff.products WHERE op <> 'create' AND optiply_id IS NULL
UNION ALL
SELECT remote_id, 'is a create, and Optiply holds it already' FROM diff.products WHERE op = 'create' AND remote_id IN (SELECT remote_id FROM before.products)
ORDER BY ALL;
