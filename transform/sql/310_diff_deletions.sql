-- purpose: the full-sync deletion set: what Optiply holds as enabled and the full listing does not contain, each row
--          with its verdict. Nothing is disabled without proof (section 8, invariant 3): a row is disabled only when every
--          condition below holds
-- inputs:  before.products, stage.products, run.coverage, run.streams, run.second_look; variables sync_product_deletions,
--          max_deletions_percent, allow_deletions
-- output:  diff.deletions
-- grain:   one row a product that is gone; empty when this run did not read the whole listing

CREATE OR REPLACE TABLE diff.deletions AS
WITH gone AS (
    SELECT b.* FROM before.products b ANTI JOIN stage.products p ON p.product_id = try_cast(b.remote_id AS BIGINT)
    WHERE b.status = 'enabled' AND getvariable('products_full') AND getvariable('sync_deletions')
),
coverage AS (
    -- Every store whose listing was begun has to be covered, not only those that were counted.
    SELECT coalesce(bool_and(coalesce(c.complete, false) AND coalesce(s.complete, true)), false) AS complete,
           coalesce(min(CASE WHEN store_code = '' THEN '' ELSE 'store ' || store_code || ': ' END || coalesce(c.reason, s.reason, 'it was not read to its end'))
                        FILTER (NOT (coalesce(c.complete, false) AND coalesce(s.complete, true))), 'it was not read in this run') AS reason,
           coalesce(sum(c.rows), 0) AS listed,
           (SELECT count(*) FROM stage.products WHERE product_id IS NULL) AS unreadable
    FROM (FROM run.coverage WHERE stream = 'products') c
    FULL JOIN (FROM run.streams WHERE stream = 'products' AND part = 'full') s USING (store_code)
),
looked AS (
    SELECT g.*, l.found, l.remote_id IS NOT NULL AS was_looked_at
    FROM gone g LEFT JOIN run.second_look l USING (remote_id)
),
second AS (
    -- A second look that failed for some proves nothing of the shop, so nothing of the others either.
    SELECT count(*) FILTER (NOT was_looked_at) AS missed,
           'the second look is not complete: ' || missed || ' of ' || count(*) || ' products could not be asked for by id'
               || coalesce((SELECT ' (' || min(reason) || ')' FROM run.streams WHERE stream = 'products_again'), '') AS reason
    FROM looked
),
ceiling AS (
    -- At least 10 rows always pass; more than that, only max_deletions_percent of what is enabled, or --allow-deletions.
    SELECT (SELECT count(*) FROM looked WHERE NOT coalesce(found, false)) AS wanted,
           greatest(10, floor((SELECT count(*) FROM before.products WHERE status = 'enabled') * getvariable('max_deletions_percent') / 100))::BIGINT AS most
)
SELECT
    l.remote_id, l.optiply_id, l.name, l.sku_code,
    CASE WHEN NOT coalesce(getvariable('sync_product_deletions'), false) THEN 'off'
         WHEN l.found THEN 'kept'
         WHEN NOT c.complete OR c.listed = 0 OR c.unreadable > 0 OR k.missed > 0 THEN 'held'
         WHEN t.wanted > t.most AND t.wanted > coalesce(getvariable('allow_deletions'), 0) THEN 'held'
         ELSE 'disable' END AS verdict,
    CASE WHEN NOT coalesce(getvariable('sync_product_deletions'), false) THEN 'sync_product_deletions is false'
         WHEN l.found THEN 'the second look found it in Magento'
         WHEN NOT c.complete THEN 'the products listing is not complete: ' || c.reason
         WHEN c.listed = 0 THEN 'the shop answered no product at all'
         WHEN c.unreadable > 0 THEN c.unreadable || ' products of the listing have no id that can be read'
         WHEN k.missed > 0 THEN k.reason
         WHEN t.wanted > t.most AND t.wanted > coalesce(getvariable('allow_deletions'), 0)
             THEN t.wanted || ' products are gone, and the ceiling is ' || t.most || ': look at them, then allow them with --allow-deletions ' || t.wanted
         ELSE 'gone from Magento: not in the full listing, and not found by its id' END AS reason
FROM looked l, coverage c, second k, ceiling t
ORDER BY try_cast(l.remote_id AS BIGINT), l.remote_id;
