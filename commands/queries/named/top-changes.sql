-- purpose: the largest moves of stock and of price in this run's plan
-- inputs:  plan.changes
-- output:  attribute, sku, remote_id, before, after, difference
-- grain:   one row a product and attribute; the twenty largest of each attribute
WITH move AS (
    SELECT unnest(['stockLevel', 'price']) AS attribute, sku, remote_id, changed, before, attributes FROM plan.changes
    WHERE entity = 'products' AND op = 'update'
)
SELECT attribute, sku, remote_id, (before ->> attribute)::DECIMAL(18, 2) AS before, (attributes ->> attribute)::DECIMAL(18, 2) AS after,
       (attributes ->> attribute)::DECIMAL(18, 2) - coalesce((before ->> attribute)::DECIMAL(18, 2), 0) AS difference
FROM move WHERE list_contains(changed, attribute)
QUALIFY row_number() OVER (PARTITION BY attribute ORDER BY abs(difference) DESC, sku) <= 20
ORDER BY attribute DESC, abs(difference) DESC, sku;
