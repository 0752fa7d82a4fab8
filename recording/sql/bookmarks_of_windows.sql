-- purpose: the same of a run file that has no copy of them: a window began $overlap before its bookmark, and what waited was
--          read by id, or could not be
-- inputs:  run.streams, run.issues, page.products, page.orders
-- output:  bookmark and waiting, for the query that follows
-- grain:   one row a stream and store; one row a product or order that was asked for by id
WITH bookmark AS (
    SELECT stream, store_code, window_start + $overlap AS value FROM run.streams WHERE part = 'window' AND window_start IS NOT NULL
),
asked AS (
    SELECT 'products' AS entity, unnest(from_json(content, '{"items": [{"id": "VARCHAR"}]}').items).id AS remote_id FROM page.products WHERE part = 'ids'
    UNION ALL
    SELECT 'sell_orders', unnest(from_json(content, '{"items": [{"entity_id": "VARCHAR"}]}').items).entity_id FROM page.orders WHERE part = 'ids'
    UNION ALL
    SELECT CASE entity WHEN 'orders' THEN 'sell_orders' ELSE entity END, remote_id FROM run.issues
    WHERE phase = 'extract' AND kind = 'quarantined' AND entity IN ('products', 'orders')
),
waiting AS (SELECT DISTINCT entity, remote_id, NULL::VARCHAR AS sku, 'held' AS kind FROM asked WHERE remote_id IS NOT NULL)
