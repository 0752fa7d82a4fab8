-- purpose: a remote id that occurs twice would create a product twice; a product without a mandatory attribute is refused
-- inputs:  model.products
-- output:  what is broken; nothing when all is well
-- grain:   one row a broken remote_id and what is broken about it
SELECT remote_id, 'occurs ' || count(*) || ' times in model.products' AS broken FROM model.products GROUP BY remote_id HAVING count(*) > 1
UNION ALL
SELECT remote_id, 'has no ' || CASE WHEN remote_id IS NULL THEN 'remote_id' WHEN name IS NULL THEN 'name' ELSE 'status' END
FROM model.products WHERE remote_id IS NULL OR name IS NULL OR status IS NULL
UNION ALL
SELECT remote_id, 'is new without a stock level or unlimitedStock, and is not held' FROM model.products
WHERE (stock_level IS NULL OR unlimited_stock IS NULL) AND held_because IS NULL AND optiply_id IS NULL
ORDER BY ALL;
