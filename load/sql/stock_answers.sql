-- purpose: keep what Magento said of each product's stock in this run, so that the next one need not ask for what cannot have
--          changed
-- inputs:  model.stock_answers, run.settings; $1 the run
-- output:  state.stock_answers
-- grain:   one row a product that was answered in full; an answer that was kept is there already
INSERT INTO state.stock_answers BY NAME
SELECT product_id::VARCHAR AS remote_id, sku, (SELECT coalesce(max(value), '') FROM run.settings WHERE name = 'magento.store_code') AS store_code,
       salable_qty, physical_qty, manage_stock, source, asked_at, fingerprint, $1 AS run_id
FROM model.stock_answers
WHERE NOT is_kept AND answered_product_id IS NOT NULL AND manage_stock IS NOT NULL AND sku IS NOT NULL AND len(problems) = 0
  AND coalesce(salable_qty, physical_qty) IS NOT NULL
ON CONFLICT (remote_id) DO UPDATE SET sku = excluded.sku, store_code = excluded.store_code, salable_qty = excluded.salable_qty,
    physical_qty = excluded.physical_qty, manage_stock = excluded.manage_stock, source = excluded.source, asked_at = excluded.asked_at,
    fingerprint = excluded.fingerprint, run_id = excluded.run_id;
