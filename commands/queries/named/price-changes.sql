-- purpose: prices that change in this run, with the percentage, the steepest first
-- inputs:  plan.changes
-- output:  sku, remote_id, before, after, percent (NULL where there was no price, or 0)
-- grain:   one row a product
SELECT sku, remote_id, (before ->> 'price')::DECIMAL(18, 2) AS before, (attributes ->> 'price')::DECIMAL(18, 2) AS after,
       round(100 * ((attributes ->> 'price')::DOUBLE / nullif((before ->> 'price')::DOUBLE, 0) - 1), 1) AS percent
FROM plan.changes
WHERE entity = 'products' AND op = 'update' AND list_contains(changed, 'price')
ORDER BY abs(percent) DESC NULLS FIRST, sku;
