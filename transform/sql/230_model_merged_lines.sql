-- purpose: the lines of each order as Optiply wants them, one a product, each with its verdict
-- inputs:  stage.orders, stage.order_lines, stage.products, before.products, model.products, run.coverage, run.issues
--          (what extraction quarantined); variable order_lines
-- output:  model.merged_lines
-- grain:   one row an order and product, and one an order and SKU of lines that name no product; verdict says whether it
--          is sent, waits for its product, is dropped, or rejects its order

CREATE OR REPLACE TABLE model.merged_lines AS
WITH wanted AS (
    SELECT l.* FROM stage.order_lines l JOIN stage.orders o USING (order_id)
    WHERE (getvariable('pull_all_orders') OR o.effective_state = 'complete')
      AND NOT list_contains(getvariable('skip_order_states'), coalesce(o.effective_state, ''))
),
children AS (
    SELECT order_id, parent_item_id, count(*) AS n, bool_or(coalesce(base_row_total, 0) <> 0) AS carry_money
    FROM wanted WHERE parent_item_id IS NOT NULL GROUP BY ALL
),
-- order_lines: leaf. A parent gives way to its children; where they carry no money of their own (a configurable, a
-- fixed bundle) its money is split over them by quantity, in cents, and the last one that has a quantity takes the remainder.
parted AS (
    SELECT l.* EXCLUDE problems, c.carry_money, round(p.base_row_total, 2) AS parent_money,
           -- What is wrong with the parent is wrong with what its children get of it.
           l.problems || coalesce(p.problems, []) AS problems,
           -- In whole numbers, because DECIMAL / DECIMAL is a DOUBLE in DuckDB, which rounds 34.705 down or up by chance.
           -- Only of what is in range, since a number too large would end the transformation.
           CASE WHEN len(p.problems) = 0 THEN (round(p.base_row_total, 2) * 100)::HUGEINT END AS cents,
           CASE WHEN len(l.problems) = 0 THEN (l.qty_ordered * 10000)::HUGEINT END AS part,
           sum(part) OVER (PARTITION BY l.order_id, l.parent_item_id) AS whole,
           row_number() OVER (PARTITION BY l.order_id, l.parent_item_id ORDER BY part IS NOT DISTINCT FROM 0, l.item_id DESC) = 1 AS is_last
    FROM wanted l
    LEFT JOIN children c ON c.order_id = l.order_id AND c.parent_item_id = l.parent_item_id
    LEFT JOIN wanted p ON p.order_id = l.order_id AND p.item_id = l.parent_item_id
    WHERE NOT EXISTS (FROM children k WHERE k.order_id = l.order_id AND k.parent_item_id = l.item_id)
),
-- cents * part / whole, rounded half away from zero, and cut
shared AS (
    SELECT *, CASE WHEN whole > 0 THEN (2 * abs(cents) * part + whole) // (2 * whole) END AS rounded,
           CASE WHEN whole > 0 THEN abs(cents) * part // whole END AS cut
    FROM parted
),
-- Where many parts were rounded up, nothing would be left for the last one, or less: then all of them are cut instead.
split AS (
    SELECT *, ((sign(cents) * CASE WHEN coalesce(sum(rounded) FILTER (NOT is_last) OVER (PARTITION BY order_id, parent_item_id), 0) <= abs(cents)
                                   THEN rounded ELSE cut END)::DECIMAL(19, 0) / 100)::DECIMAL(19, 2) AS share
    FROM shared
),
leaf AS (
    SELECT order_id, item_id, product_id, sku, qty_ordered, problems,
           CASE WHEN parent_money IS NULL OR carry_money THEN coalesce(base_row_total, 0)
                WHEN is_last THEN parent_money - coalesce(sum(share) FILTER (NOT is_last) OVER (PARTITION BY order_id, parent_item_id), 0)
                ELSE coalesce(share, 0) END AS base_row_total
    FROM split
),
lines AS (
    SELECT order_id, item_id, product_id, sku, qty_ordered, problems, base_row_total FROM leaf WHERE getvariable('order_lines') = 'leaf'
    UNION ALL
    -- order_lines: items. Every item is a line on its own product, parents and children alike, as the notebook did.
    SELECT order_id, item_id, product_id, sku, qty_ordered, problems, coalesce(cents_of(base_row_total), 0) FROM wanted WHERE getvariable('order_lines') <> 'leaf'
),
merged AS (
    SELECT order_id, product_id, min_by(sku, item_id) AS sku,
           floor(sum(qty_ordered) + 0.5)::BIGINT AS quantity,             -- rounded half up, after merging
           sum(qty_ordered) AS quantity_ordered,
           try_cast(round(sum(base_row_total), 2) AS DECIMAL(19, 2)) AS subtotal_value,
           coalesce(min_by(problems, coalesce(item_id, 9223372036854775807)) FILTER (len(problems) > 0), []) AS problems   -- the first line's that has any
    FROM lines GROUP BY order_id, product_id, CASE WHEN product_id IS NULL THEN sku END
),
-- That the listing lacks a product proves nothing when it was not read to its end: the order waits.
listing AS (
    SELECT CASE WHEN getvariable('products_full') AND NOT coalesce(bool_and(complete), false)
                THEN 'is not in Optiply, and the products listing is not complete' END AS unproven
    FROM run.coverage WHERE stream = 'products'
),
-- Nor is a product gone that the shop could not answer for.
quarantined AS (
    SELECT DISTINCT remote_id FROM run.issues WHERE phase = 'extract' AND kind = 'quarantined' AND entity = 'products'
)
SELECT
    m.order_id::VARCHAR   AS order_remote_id,
    m.product_id::VARCHAR AS product_remote_id,
    m.sku,
    m.quantity,
    m.quantity_ordered,
    m.subtotal_value,
    CASE WHEN len(m.problems) > 0 THEN 'reject'
         WHEN m.product_id IS NULL THEN 'drop'
         WHEN m.quantity = 0 THEN 'drop'
         WHEN b.remote_id IS NOT NULL THEN 'send'
         WHEN s.product_id IS NULL THEN CASE WHEN g.unproven IS NULL AND q.remote_id IS NULL THEN 'drop' ELSE 'wait' END
         WHEN len(s.problems) > 0 OR p.held_because IS NOT NULL THEN 'wait'
         WHEN p.status = 'disabled' AND NOT getvariable('create_disabled_products') THEN 'drop'
         WHEN NOT getvariable('sync_products') THEN 'wait'
         ELSE 'send' END AS verdict,
    CASE WHEN len(m.problems) > 0 THEN m.problems[1].attribute || ' ' || m.problems[1].reason || ': ' || coalesce(m.problems[1].value, 'nothing')
         WHEN m.product_id IS NULL THEN 'the line names no product'
         WHEN m.quantity = 0 THEN 'its quantity ' || rtrim(rtrim(m.quantity_ordered::VARCHAR, '0'), '.') || ' comes to 0'
         WHEN b.remote_id IS NOT NULL THEN NULL
         WHEN s.product_id IS NULL AND q.remote_id IS NOT NULL THEN 'product ' || m.product_id || ' is not in Optiply, and the shop could not be asked for it'
         WHEN s.product_id IS NULL THEN 'product ' || m.product_id || ' ' || coalesce(g.unproven, 'is neither in Optiply nor in Magento''s listing')
         WHEN len(s.problems) > 0 THEN 'product ' || m.product_id || ' was rejected: ' || s.problems[1].attribute || ' ' || s.problems[1].reason
         WHEN p.held_because IS NOT NULL THEN 'product ' || m.product_id || ' is held: ' || p.held_because
         WHEN p.status = 'disabled' AND NOT getvariable('create_disabled_products') THEN 'product ' || m.product_id || ' is disabled, and create_disabled_products is false'
         WHEN NOT getvariable('sync_products') THEN 'product ' || m.product_id || ' is not in Optiply yet, and this run does not create products' END AS reason
FROM merged m CROSS JOIN listing g
LEFT JOIN before.products b ON b.remote_id = m.product_id::VARCHAR
LEFT JOIN stage.products s ON s.product_id = m.product_id
LEFT JOIN model.products p ON p.remote_id = m.product_id::VARCHAR
LEFT JOIN quarantined q ON q.remote_id = m.product_id::VARCHAR
ORDER BY m.order_id, m.product_id, m.sku;
