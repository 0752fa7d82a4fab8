-- purpose: the rows of the plan that were made from what Optiply is not known to hold any more (section 9.6). What this very plan
--          has changed, before it was stopped, does not count
-- inputs:  plan.changes, state.products, state.sell_orders, state.ledger; $1 the run, $2 the plan's hash
-- output:  entity, remote_id, what: how it differs
-- grain:   one row a row of the plan
WITH held AS (
    SELECT 'products' AS entity, remote_id, optiply_id, change, run_id, json_object(
               'name', name, 'skuCode', sku_code, 'articleCode', article_code, 'price', price, 'unlimitedStock', unlimited_stock,
               'stockLevel', stock_level, 'status', status, 'createdAtRemote', strftime(created_at_remote, '%Y-%m-%dT%H:%M:%SZ')) AS now
    FROM state.products
    UNION ALL
    SELECT 'sell_orders', remote_id, optiply_id, change, run_id, NULL FROM state.sell_orders
),
moved AS (
    SELECT p.seq, entity, remote_id, p.before, p.before_change, h.*
    FROM plan.changes p LEFT JOIN held h USING (entity, remote_id)
    WHERE h.change IS DISTINCT FROM p.before_change
      AND NOT EXISTS (FROM state.ledger l WHERE l.seq = h.change AND l.run_id = $1 AND l.plan_hash = $2)
),
-- The attributes that are other than they were, by their names at Optiply.
attribute AS (
    SELECT seq, attribute, before -> attribute AS was, now -> attribute AS "is"
    FROM (SELECT seq, before, now, unnest(json_keys(now)) AS attribute FROM moved WHERE before IS NOT NULL AND now IS NOT NULL)
)
SELECT entity, remote_id,
       CASE WHEN m.change IS NULL THEN 'Optiply is not known to have it any more'
            WHEN m.before_change IS NULL THEN 'Optiply has it already, as ' || m.optiply_id
            ELSE coalesce((SELECT string_agg(a.attribute || ' was ' || a.was::VARCHAR || ', is ' || a.is::VARCHAR, '; ' ORDER BY a.attribute)
                           FROM attribute a WHERE a.seq = m.seq AND a.was IS DISTINCT FROM a.is), 'sent again since') || ', by run ' || m.run_id END AS what
FROM moved m
ORDER BY m.seq;
