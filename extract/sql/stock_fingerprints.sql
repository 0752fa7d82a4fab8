-- purpose: what the bulk listings say of each product, in short, to be compared with what they said before it was asked for
--          last. stockItems/lowStock sees the default source and the settings of the stock item, the stock index all sources;
--          neither sees what is promised to buyers
-- inputs:  run.stock_plan, raw.stock_items, raw.stock_index
-- output:  run.stock_plan
-- grain:   one row a product; no fingerprint where no listing has it, so that nothing watches it
UPDATE run.stock_plan SET fingerprint = seen.fingerprint FROM (
    WITH listed AS (SELECT key AS remote_id, max_by(item::VARCHAR, fetched_at) AS item FROM raw.stock_items GROUP BY key),
    indexed AS (SELECT key AS sku, string_agg(store_code || ' ' || item::VARCHAR, ', ' ORDER BY store_code, item::VARCHAR) AS items FROM raw.stock_index GROUP BY key)
    SELECT p.remote_id, md5(coalesce(l.item, '') || ' | ' || coalesce(i.items, '')) AS fingerprint
    FROM run.stock_plan p LEFT JOIN listed l USING (remote_id) LEFT JOIN indexed i USING (sku)
    WHERE l.item IS NOT NULL OR i.items IS NOT NULL
) AS seen
WHERE seen.remote_id = stock_plan.remote_id;
