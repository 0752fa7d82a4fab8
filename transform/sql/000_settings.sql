-- purpose: the settings as variables, and what several files say alike as macros, so that the files below read like rules
-- inputs:  run.settings (what the run was started with), run.info
-- output:  DuckDB variables and macros of this connection; by hand, run this file first
-- grain:   one variable a setting, one macro a phrase; a setting that the run does not have is an error, not a default

SELECT error('run.settings lacks ' || string_agg(name, ', ' ORDER BY name))
FROM unnest(['sync.map_stockLevel', 'sync.use_inventory_source_items', 'sync.use_stock_statuses', 'sync.use_salable_quantity', 'sync.warehouse_ids',
             'sync.pullAllOrders', 'sync.skip_order_states', 'sync.order_lines', 'sync.create_disabled_products', 'sync.sync_product_deletions',
             'sync.max_deletions_percent', 'load.recreate_missing', 'guards.band', 'guards.max_product_creates',
             'guards.max_product_updates', 'guards.max_sell_orders', 'run.products', 'run.stocks', 'run.deletions', 'run.sell_orders', 'run.allow_deletions']) AS needed(name)
WHERE name NOT IN (SELECT name FROM run.settings WHERE value IS NOT NULL)
HAVING count(*) > 0;

SET VARIABLE map_stock_level = (SELECT value = 'true' FROM run.settings WHERE name = 'sync.map_stockLevel');
SET VARIABLE use_inventory_source_items = (SELECT value = 'true' FROM run.settings WHERE name = 'sync.use_inventory_source_items');
SET VARIABLE use_stock_statuses = (SELECT value = 'true' FROM run.settings WHERE name = 'sync.use_stock_statuses');
SET VARIABLE use_salable_quantity = (SELECT value = 'true' FROM run.settings WHERE name = 'sync.use_salable_quantity');
SET VARIABLE warehouse_ids = (SELECT list_filter(list_transform(string_split(value, ','), lambda x: trim(x)), lambda x: x <> '')
                              FROM run.settings WHERE name = 'sync.warehouse_ids');
SET VARIABLE pull_all_orders = (SELECT value = 'true' FROM run.settings WHERE name = 'sync.pullAllOrders');
SET VARIABLE skip_order_states = (SELECT list_filter(list_transform(string_split(value, ','), lambda x: trim(x)), lambda x: x <> '')
                                  FROM run.settings WHERE name = 'sync.skip_order_states');
SET VARIABLE order_lines = (SELECT value FROM run.settings WHERE name = 'sync.order_lines');
SET VARIABLE create_disabled_products = (SELECT value = 'true' FROM run.settings WHERE name = 'sync.create_disabled_products');
SET VARIABLE sync_product_deletions = (SELECT value = 'true' FROM run.settings WHERE name = 'sync.sync_product_deletions');
SET VARIABLE max_deletions_percent = (SELECT value::DECIMAL(9, 4) FROM run.settings WHERE name = 'sync.max_deletions_percent');

SET VARIABLE recreate_missing = (SELECT value = 'true' FROM run.settings WHERE name = 'load.recreate_missing');

-- The guards: how many deviations from the usual pass (0: no band), and the ceilings (0: none).
SET VARIABLE guard_width = (SELECT CASE value WHEN 'off' THEN 0 WHEN 'on' THEN 6 ELSE value::DOUBLE END FROM run.settings WHERE name = 'guards.band');
SET VARIABLE max_product_creates = (SELECT value::BIGINT FROM run.settings WHERE name = 'guards.max_product_creates');
SET VARIABLE max_product_updates = (SELECT value::BIGINT FROM run.settings WHERE name = 'guards.max_product_updates');
SET VARIABLE max_sell_orders = (SELECT value::BIGINT FROM run.settings WHERE name = 'guards.max_sell_orders');

-- The stock mode. Warehouse mode switches use_stock_statuses off; map_stockLevel: false switches all of it off.
SET VARIABLE stock_mode = CASE
    WHEN NOT getvariable('map_stock_level') THEN 'off'
    WHEN getvariable('use_inventory_source_items') THEN 'warehouse'
    WHEN getvariable('use_stock_statuses') AND getvariable('use_salable_quantity') THEN 'salable'
    WHEN getvariable('use_stock_statuses') THEN 'physical'
    ELSE 'listing' END;

-- What this run is for (--only), and what it was allowed to disable (--allow-deletions).
SET VARIABLE sync_products = (SELECT value = 'true' FROM run.settings WHERE name = 'run.products');
SET VARIABLE sync_stocks = (SELECT value = 'true' FROM run.settings WHERE name = 'run.stocks');
SET VARIABLE sync_deletions = (SELECT value = 'true' FROM run.settings WHERE name = 'run.deletions');
SET VARIABLE sync_sell_orders = (SELECT value = 'true' FROM run.settings WHERE name = 'run.sell_orders');
SET VARIABLE allow_deletions = (SELECT value::BIGINT FROM run.settings WHERE name = 'run.allow_deletions');
SET VARIABLE products_full = (SELECT products_full FROM run.info);
SET VARIABLE shop_now = (SELECT shop_now FROM run.info);

-- The text of a product's custom attribute; NULL where the product has none. A list, such as category_ids, is its JSON.
CREATE OR REPLACE TEMP MACRO custom_attribute(list, code) AS list_filter(list, lambda a: a.attribute_code = code)[1].value;

-- The members of a JSON object that have one of these names and a value.
CREATE OR REPLACE TEMP MACRO members(object, names) AS
    CASE WHEN object IS NOT NULL
         THEN json_merge_patch('{}', to_json(map(list_intersect(json_keys(object), names), list_transform(list_intersect(json_keys(object), names), lambda name: json_extract(object, name))))) END;

-- A number with eight decimals, NULL where the text is none. A cast to DECIMAL(18, 8) takes a hundredth of the time of one to a
-- wider type (4 µs a value), and holds all but amounts of ten thousand millions: only those are cast again, and texts of more digits
-- than it has, of which it cuts some off where there is an exponent, too.
CREATE OR REPLACE TEMP MACRO quantity_of(text) AS coalesce(CASE WHEN length(text) <= 18 THEN try_cast(text AS DECIMAL(18, 8)) END, try_cast(text AS DECIMAL(24, 8)));
CREATE OR REPLACE TEMP MACRO money_of(text) AS coalesce(CASE WHEN length(text) <= 18 THEN try_cast(text AS DECIMAL(18, 8)) END, try_cast(text AS DECIMAL(27, 8)));

-- An amount rounded to cents, half away from zero; NULL from 17 digits before the point on. In the narrow type first, as above.
CREATE OR REPLACE TEMP MACRO cents_of(amount) AS coalesce(round(try_cast(amount AS DECIMAL(18, 8)), 2)::DECIMAL(19, 2), try_cast(round(amount, 2) AS DECIMAL(19, 2)));
