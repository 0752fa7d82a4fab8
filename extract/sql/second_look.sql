-- purpose: the products to look for once more by id: Optiply holds them as enabled, and the full listing has none of them
-- inputs:  page.products, before.products, run.second_look
-- output:  remote_id
-- grain:   one row a product that was not looked for yet in this run
WITH listed AS (
    SELECT unnest(from_json(content, '{"items": [{"id": "VARCHAR"}]}').items, recursive := true) FROM page.products
)
SELECT remote_id FROM before.products
WHERE status = 'enabled' AND remote_id NOT IN (SELECT id FROM listed WHERE id IS NOT NULL)
  AND remote_id NOT IN (SELECT remote_id FROM run.second_look)
ORDER BY try_cast(remote_id AS BIGINT), remote_id;
