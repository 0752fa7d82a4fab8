-- purpose: forget the last answer of a product that was asked for and not answered, and of one whose stock is not asked for any
--          more: disabled, of another type, gone. It is asked for when it comes back
-- inputs:  run.stock_plan, run.info, model.stock_answers, stage.products
-- output:  state.stock_answers
-- grain:   one row a product that has no answer to keep
DELETE FROM state.stock_answers
WHERE remote_id IN (SELECT remote_id FROM run.stock_plan WHERE way <> 'kept')
      AND remote_id NOT IN (SELECT product_id::VARCHAR FROM model.stock_answers
          WHERE answered_product_id IS NOT NULL AND manage_stock IS NOT NULL AND sku IS NOT NULL AND len(problems) = 0
            AND coalesce(salable_qty, physical_qty) IS NOT NULL)
   OR remote_id IN (SELECT product_id::VARCHAR FROM stage.products WHERE status IS DISTINCT FROM 1 OR type_id IS DISTINCT FROM 'simple')
   OR (SELECT products_full FROM run.info) AND remote_id NOT IN (SELECT product_id::VARCHAR FROM stage.products WHERE product_id IS NOT NULL);
