-- purpose: one run in a line: how the product was read, what changed, and what became of it
-- inputs:  run.info, stage.products, model.products, before.products, plan.changes, diff.deletions, run.issues, state.ledger;
--          variables remote_id, sku
-- output:  read (full, changed: because it changed, again: only its stock, no), stock_level and price as Optiply should hold
--          them, op, change in words, outcome in words
-- grain:   one row
WITH planned AS (
    SELECT op, CASE op
        WHEN 'update' THEN array_to_string(list_transform(changed, lambda a: a || ' ' || CASE a
                 WHEN 'price' THEN coalesce((before ->> a)::DECIMAL(18, 2)::VARCHAR, '(none)') || ' -> ' || coalesce((attributes ->> a)::DECIMAL(18, 2)::VARCHAR, '(none)')
                 ELSE coalesce(before ->> a, '(none)') || ' -> ' || coalesce(attributes ->> a, '(none)') END), ', ')
        WHEN 'disable' THEN 'status enabled -> disabled'
        ELSE array_to_string(list_transform(list_filter(changed, lambda a: a IN ('price', 'stockLevel', 'status')), lambda a: a || ' ' ||
                 CASE a WHEN 'price' THEN (attributes ->> a)::DECIMAL(18, 2)::VARCHAR ELSE attributes ->> a END), ', ') END AS change
    FROM plan.changes WHERE entity = 'products' AND remote_id = getvariable('remote_id')
),
answer AS (
    SELECT state, status, reason FROM state.ledger
    WHERE run_id = (SELECT run_id FROM run.info) AND entity = 'products' AND remote_id = getvariable('remote_id')
    ORDER BY seq DESC LIMIT 1
),
left_out AS (
    SELECT string_agg(DISTINCT kind || ': ' || reason, '; ' ORDER BY kind || ': ' || reason) AS reasons FROM run.issues
    WHERE entity NOT LIKE 'sell_order%' AND (remote_id = getvariable('remote_id') OR remote_id IS NULL AND sku = getvariable('sku'))
),
staged AS (
    SELECT count(*) > 0 AS it FROM stage.products
    WHERE product_id::VARCHAR = getvariable('remote_id') OR getvariable('remote_id') IS NULL AND sku = getvariable('sku')
)
SELECT i.run_id, i.started_at,
       CASE WHEN s.it AND i.products_full THEN 'full' WHEN s.it THEN 'changed' WHEN m.remote_id IS NOT NULL THEN 'again' ELSE 'no' END AS read,
       m.stock_level, m.price, p.op, p.change,
       CASE WHEN a.state = 'acknowledged' THEN 'acknowledged'
            WHEN a.state = 'rejected' THEN 'rejected by Optiply' || coalesce(' (' || a.status || ')', '') || coalesce(': ' || a.reason, '')
            WHEN a.state = 'held' THEN 'held' || coalesce(': ' || a.reason, '')
            WHEN a.state IN ('sent', 'unknown') THEN 'sent, and the answer is not known yet: the next run finds out'
            WHEN p.op IS NOT NULL THEN 'planned, not sent'
            WHEN l.reasons IS NOT NULL THEN l.reasons
            WHEN d.verdict IS NOT NULL THEN 'gone from Magento, ' || d.verdict || ': ' || d.reason
            WHEN s.it AND m.remote_id IS NULL THEN 'read, and not used'
            WHEN m.remote_id IS NOT NULL AND b.remote_id IS NULL THEN 'not created: it is disabled, or this run does not create products'
            WHEN m.remote_id IS NOT NULL THEN 'nothing to send: Optiply holds this already'
            WHEN b.remote_id IS NOT NULL AND NOT coalesce(i.products_full, false) THEN 'not read: only what changed was'
            WHEN b.remote_id IS NOT NULL THEN 'not in the listing; Optiply holds it as ' || b.status
            ELSE 'not there' END AS outcome
FROM run.info i CROSS JOIN left_out l CROSS JOIN staged s
LEFT JOIN planned p ON true LEFT JOIN answer a ON true
LEFT JOIN model.products m ON m.remote_id = getvariable('remote_id')
LEFT JOIN before.products b ON b.remote_id = getvariable('remote_id')
LEFT JOIN diff.deletions d ON d.remote_id = getvariable('remote_id');
