-- purpose: how many products change in which attribute
-- inputs:  diff.products
-- output:  the rows it answers
-- grain:   one row an operation and attribute, by its name at Optiply
SELECT op, attribute, count(*) AS products
FROM (SELECT op, unnest(changed) AS attribute FROM diff.products WHERE op <> 'create')
GROUP BY op, attribute
ORDER BY op DESC, products DESC, attribute
