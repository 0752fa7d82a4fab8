-- purpose: the floor of staging: DuckDB alone reads the page files of a night into the columns of stage.*, typed
-- inputs:  the page files
-- output:  floor.products, floor.stock_items, floor.salable, floor.orders, floor.order_lines
-- grain:   one row a record; nothing is checked, named or deduplicated

CREATE TABLE floor.products AS
SELECT unnest(from_json(content, '{"items": [{"id": "BIGINT", "sku": "VARCHAR", "name": "VARCHAR", "price": "DECIMAL(24,8)", "status": "TINYINT",
    "type_id": "VARCHAR", "created_at": "TIMESTAMP", "updated_at": "TIMESTAMP"}]}').items, recursive := true)
FROM read_text('{pages}/products/*.json');

CREATE TABLE floor.stock_items AS
SELECT unnest(from_json(content, '{"items": [{"product_id": "BIGINT", "item_id": "BIGINT", "stock_id": "BIGINT", "qty": "DECIMAL(24,8)", "is_in_stock": "BOOLEAN",
    "is_qty_decimal": "BOOLEAN", "min_qty": "DECIMAL(24,8)", "backorders": "TINYINT", "manage_stock": "BOOLEAN", "use_config_manage_stock": "BOOLEAN",
    "low_stock_date": "TIMESTAMP"}]}').items, recursive := true)
FROM read_text('{pages}/stock_items/*.json');

CREATE TABLE floor.salable AS
SELECT unnest(from_json(content, '{"items": [{"source": "VARCHAR", "sku": "VARCHAR", "qty": "DECIMAL(24,8)", "is_salable": "BOOLEAN"}]}').items, recursive := true)
FROM read_text('{pages}/stock_statuses/*.json');

CREATE TABLE floor.orders AS
SELECT unnest(from_json(content, '{"items": [{"entity_id": "BIGINT", "increment_id": "VARCHAR", "state": "VARCHAR", "status": "VARCHAR", "store_id": "INTEGER",
    "created_at": "TIMESTAMP", "updated_at": "TIMESTAMP", "subtotal": "DECIMAL(27,8)", "base_subtotal": "DECIMAL(27,8)", "order_currency_code": "VARCHAR",
    "base_currency_code": "VARCHAR", "items": [{"item_id": "BIGINT", "parent_item_id": "BIGINT", "product_id": "BIGINT", "sku": "VARCHAR", "product_type": "VARCHAR",
    "qty_ordered": "DECIMAL(24,8)", "base_row_total": "DECIMAL(27,8)"}]}]}').items, max_depth := 2)
FROM read_text('{pages}/orders/*.json');

CREATE TABLE floor.order_lines AS
SELECT entity_id, unnest(items, recursive := true) FROM floor.orders;

CHECKPOINT floor;
