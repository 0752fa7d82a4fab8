-- purpose: SKUs that several products have: Magento compares them without regard to case, Optiply takes each
-- inputs:  model.products, before.products
-- output:  sku, products, remote_ids, names
-- grain:   one row a SKU, over what this run read and what Optiply holds besides
SELECT min(sku_code) AS sku, count(*) AS products, list(remote_id ORDER BY try_cast(remote_id AS BIGINT), remote_id) AS remote_ids,
       list(DISTINCT name ORDER BY name) AS names
FROM (SELECT remote_id, sku_code, name FROM model.products
      UNION ALL
      SELECT remote_id, sku_code, name FROM before.products b WHERE status = 'enabled' AND NOT EXISTS (FROM model.products m WHERE m.remote_id = b.remote_id))
GROUP BY lower(sku_code) HAVING count(*) > 1
ORDER BY products DESC, sku;
