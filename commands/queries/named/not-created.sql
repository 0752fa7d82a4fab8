-- purpose: products of the shop that Optiply does not get, and why
-- inputs:  stage.products, model.products, before.products, plan.changes, run.issues
-- output:  sku, name, remote_id, because
-- grain:   one row a product that this run read, that Optiply does not hold, and that is not in the plan
SELECT s.sku, s.name, s.product_id::VARCHAR AS remote_id,
       coalesce(i.reasons, CASE WHEN m.status = 'disabled' THEN 'it is disabled, and create_disabled_products is false'
                                ELSE 'this run does not create products' END) AS because
FROM stage.products s
LEFT JOIN model.products m ON m.remote_id = s.product_id::VARCHAR
LEFT JOIN (SELECT remote_id, sku, string_agg(DISTINCT reason, '; ' ORDER BY reason) AS reasons FROM run.issues WHERE entity = 'products' GROUP BY ALL) i
       ON i.remote_id = s.product_id::VARCHAR OR i.remote_id IS NULL AND i.sku = s.sku
WHERE NOT EXISTS (FROM before.products b WHERE b.remote_id = s.product_id::VARCHAR)
  AND NOT EXISTS (FROM plan.changes p WHERE p.entity = 'products' AND p.remote_id = s.product_id::VARCHAR)
ORDER BY because, s.sku;
