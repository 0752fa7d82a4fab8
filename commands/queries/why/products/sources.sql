-- purpose: the product's quantity in each inventory source, and whether the source is one that counts
-- inputs:  stage.source_items, stage.sources, run.settings; variables remote_id, sku
-- output:  source_code, quantity, enabled, counts (by warehouse_ids, or by being enabled where that is empty), problems
-- grain:   one row a source; none where the run does not read sources
WITH chosen AS (
    SELECT list_filter(list_transform(string_split(value, ','), lambda x: trim(x)), lambda x: x <> '') AS ids
    FROM run.settings WHERE name = 'sync.warehouse_ids'
)
SELECT i.source_code, i.quantity, s.enabled,
       CASE WHEN len(c.ids) > 0 THEN list_contains(c.ids, i.source_code) ELSE coalesce(s.enabled, false) END AS counts,
       i.fetched_at, i.problems
FROM stage.source_items i CROSS JOIN chosen c LEFT JOIN stage.sources s USING (source_code)
WHERE lower(i.sku) = lower(getvariable('sku'))
ORDER BY i.source_code;
