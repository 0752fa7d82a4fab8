-- purpose: every request that would bring Optiply to what it should hold, with the attributes as Optiply names them, and which of
--          them are withheld: what Optiply has refused is not sent again until it changes (`rejects retry` asks for it all
--          the same), and what a person ignores neither
-- inputs:  diff.products, diff.sell_orders, diff.sell_order_lines, before.products, before.rejects; variables shop_now,
--          recreate_missing
-- output:  plan.candidates
-- grain:   one row a request; lines hold an order's lines with the Magento id of the product, which load replaces by the
--          id at Optiply, known only after the creates; whole is what creates a product again that somebody deleted at Optiply;
--          change_hash is the same as long as the same would be sent; priority is the order of work where a deadline is near

CREATE SCHEMA IF NOT EXISTS plan;
CREATE OR REPLACE TABLE plan.candidates AS
WITH written AS (
    -- json_merge_patch leaves out what is NULL: an attribute without a value is not sent
    SELECT d.*, json_merge_patch('{}', json_object(
        'remoteId', d.remote_id, 'name', d.name, 'skuCode', d.sku_code, 'articleCode', d.article_code, 'price', d.price,
        'unlimitedStock', d.unlimited_stock, 'stockLevel', d.stock_level, 'status', d.status,
        'createdAtRemote', strftime(d.created_at_remote, '%Y-%m-%dT%H:%M:%SZ'),
        'remoteDataSyncedToDate', strftime(getvariable('shop_now')::TIMESTAMP, '%Y-%m-%dT%H:%M:%SZ'))) AS fixed,
        CASE WHEN d.extra IS NULL THEN fixed ELSE json_merge_patch('{}', d.extra, fixed) END AS all_attributes
    FROM diff.products d
),
product AS (
    SELECT d.op, 'products' AS entity, d.remote_id, d.optiply_id, d.sku_code AS sku, d.changed, d.reason,
        CASE d.op WHEN 'create' THEN d.all_attributes
            ELSE json_merge_patch(coalesce(members(d.extra, d.changed), '{}'), json_object(
                'name', CASE WHEN list_contains(d.changed, 'name') THEN d.name END,
                'skuCode', CASE WHEN list_contains(d.changed, 'skuCode') THEN d.sku_code END,
                'articleCode', CASE WHEN list_contains(d.changed, 'articleCode') THEN d.article_code END,
                'price', CASE WHEN list_contains(d.changed, 'price') THEN d.price END,
                'unlimitedStock', CASE WHEN list_contains(d.changed, 'unlimitedStock') THEN d.unlimited_stock END,
                'stockLevel', CASE WHEN list_contains(d.changed, 'stockLevel') THEN d.stock_level END,
                'status', CASE WHEN list_contains(d.changed, 'status') THEN d.status END,
                'createdAtRemote', CASE WHEN list_contains(d.changed, 'createdAtRemote') THEN strftime(d.created_at_remote, '%Y-%m-%dT%H:%M:%SZ') END))
        END AS attributes,
        CASE WHEN d.op = 'update' AND getvariable('recreate_missing') THEN d.all_attributes END AS whole,
        NULL::JSON AS lines,
        CASE WHEN b.remote_id IS NOT NULL THEN json_object(
                'name', b.name, 'skuCode', b.sku_code, 'articleCode', b.article_code, 'price', b.price, 'unlimitedStock', b.unlimited_stock,
                'stockLevel', b.stock_level, 'status', b.status, 'createdAtRemote', strftime(b.created_at_remote, '%Y-%m-%dT%H:%M:%SZ'))
        END AS before_fixed,
        CASE WHEN b.extra IS NULL THEN before_fixed ELSE json_merge_patch(before_fixed, b.extra) END AS before,
        b.change AS before_change
    FROM written d LEFT JOIN before.products b USING (remote_id)
),
sell_order AS (
    SELECT d.op, 'sell_orders' AS entity, d.remote_id, d.optiply_id, NULL::VARCHAR AS sku, d.changed, d.reason,
        json_merge_patch('{}', json_object(
            'remoteId', d.remote_id,
            'placed', strftime(d.placed, '%Y-%m-%dT%H:%M:%SZ'), 'completed', strftime(d.completed, '%Y-%m-%dT%H:%M:%SZ'),
            'totalValue', d.total_value,
            'remoteDataSyncedToDate', strftime(getvariable('shop_now')::TIMESTAMP, '%Y-%m-%dT%H:%M:%SZ'))) AS attributes,
        l.lines, NULL::JSON AS before, NULL::BIGINT AS before_change
    FROM diff.sell_orders d
    LEFT JOIN (
        SELECT remote_id, to_json(list_transform(
                   list_sort(list({id: product_remote_id::BIGINT, line: {product: product_remote_id, quantity: quantity, subtotalValue: subtotal_value}})),
                   lambda sorted: sorted.line)) AS lines
        FROM diff.sell_order_lines GROUP BY remote_id
    ) l USING (remote_id)
),
change AS (
    -- The time of the run is no part of what is said about a product or an order.
    SELECT *, md5(concat_ws(chr(10), op, json_merge_patch(attributes, '{"remoteDataSyncedToDate": null}')::VARCHAR, lines::VARCHAR)) AS change_hash
    FROM (SELECT * EXCLUDE (before_fixed) FROM product UNION ALL BY NAME SELECT * FROM sell_order)
)
SELECT c.*,
       CASE WHEN k.decision = 'ignore' THEN 'ignored'
            WHEN k.cause = 'refused' AND k.decision IS NULL THEN 'rejected' END AS withheld,
       CASE WHEN withheld IS NOT NULL THEN k.reason END AS withheld_because,
       -- What goes first where a deadline is near, 1 before all. Purchasing advice is worked out from stock and sales: what tells
       -- them, and whether a product is sold at all, is urgent, and so is a product that an order waits for. Texts and prices can wait.
       CASE WHEN c.entity = 'sell_orders' THEN 2
            WHEN c.op = 'disable' OR c.op = 'update' AND list_has_any(c.changed, ['stockLevel', 'unlimitedStock', 'status']) THEN 1
            WHEN c.op = 'create' AND c.remote_id IN (SELECT product_remote_id FROM diff.sell_order_lines) THEN 1
            WHEN c.op = 'create' THEN 3
            ELSE 4 END AS priority
FROM change c
LEFT JOIN before.rejects k ON k.entity = c.entity AND k.remote_id = c.remote_id AND k.change_hash = c.change_hash;
