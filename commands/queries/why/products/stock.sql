-- purpose: the stock of the product, and where it came from
-- inputs:  model.stock_levels, model.stock_answers, run.stock_plan, run.stock_misses, run.settings; variables remote_id, sku
-- output:  the number, the way to it, both quantities that Magento gave, and why it is not known where it is not
-- grain:   one row for an enabled simple product; none for another, whose stock is not asked for
WITH chosen AS (
    SELECT max(value) FILTER (name = 'sync.map_stockLevel') = 'true'             AS mapped,
           max(value) FILTER (name = 'sync.use_inventory_source_items') = 'true' AS by_source,
           max(value) FILTER (name = 'sync.use_stock_statuses') = 'true'         AS by_status,
           max(value) FILTER (name = 'sync.use_salable_quantity') = 'true'       AS salable
    FROM run.settings
)
SELECT CASE WHEN NOT c.mapped THEN 'off' WHEN c.by_source THEN 'warehouse' WHEN c.by_status AND c.salable THEN 'salable'
            WHEN c.by_status THEN 'physical' ELSE 'listing' END AS mode,
       l.stock_level, l.quantity, l.manage_stock, l.came_from, p.way, a.salable_qty, a.physical_qty, a.source, a.asked_at,
       coalesce(a.is_kept, false) AS is_kept, l.unknown_because, l.is_gone, m.reason AS no_answer_because
FROM model.stock_levels l CROSS JOIN chosen c
LEFT JOIN run.stock_plan p USING (remote_id)
LEFT JOIN model.stock_answers a ON a.product_id::VARCHAR = l.remote_id
LEFT JOIN run.stock_misses m ON m.sku = l.sku
WHERE l.remote_id = getvariable('remote_id');
