-- purpose: the items of the order, parents and children alike, as Magento lists them
-- inputs:  stage.order_lines; variable remote_id
-- output:  the rows of stage.order_lines
-- grain:   one row an item
SELECT item_id, parent_item_id, product_id, sku, product_type, qty_ordered, base_row_total, problems
FROM stage.order_lines WHERE order_id::VARCHAR = getvariable('remote_id') ORDER BY item_id;
