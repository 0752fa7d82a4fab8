-- purpose: attributes that the shop's own mapping sends beyond the usual ones, and that are others between two nights
-- inputs:  of run1 and of run2: model.extra_attributes, before.products; run2.model.products (the SKU)
-- output:  entity, change, remote_id, sku, attribute, before, after: as rows.sql
-- grain:   one row a product and attribute
WITH extra1 AS (
    SELECT remote_id, attributes FROM run1.model.extra_attributes
    UNION ALL
    SELECT remote_id, extra FROM run1.before.products WHERE extra IS NOT NULL AND remote_id NOT IN (SELECT remote_id FROM run1.model.extra_attributes)
),
extra2 AS (
    SELECT remote_id, attributes FROM run2.model.extra_attributes
    UNION ALL
    SELECT remote_id, extra FROM run2.before.products WHERE extra IS NOT NULL AND remote_id NOT IN (SELECT remote_id FROM run2.model.extra_attributes)
),
named AS (
    SELECT remote_id, coalesce(e1.attributes, '{}') AS attributes1, coalesce(e2.attributes, '{}') AS attributes2,
           unnest(list_distinct(json_keys(attributes1) || json_keys(attributes2))) AS attribute
    FROM extra1 e1 FULL JOIN extra2 e2 USING (remote_id)
)
SELECT 'products' AS entity, 'changed' AS change, n.remote_id, p.sku_code AS sku, n.attribute, n.attributes1 ->> n.attribute AS before, n.attributes2 ->> n.attribute AS after
FROM named n LEFT JOIN run2.model.products p USING (remote_id)
WHERE before IS DISTINCT FROM after
ORDER BY try_cast(n.remote_id AS BIGINT), n.remote_id, n.attribute;
