-- purpose: how the stock of the enabled products is spread, as Optiply was known to hold it and as this run would have it
-- inputs:  before.products, diff.products
-- output:  the rows it answers
-- grain:   one row a range of stock
WITH product AS (
    SELECT CASE WHEN b.status = 'enabled' THEN b.stock_level END AS was,
        CASE WHEN coalesce(d.status, b.status) = 'enabled' THEN coalesce(d.stock_level, b.stock_level) END AS becomes
    FROM before.products b FULL JOIN diff.products d USING (remote_id)
    WHERE NOT coalesce(d.unlimited_stock, b.unlimited_stock, false)
),
bucket AS (
    FROM (VALUES (1, '< 0', NULL, -1), (2, '0', 0, 0), (3, '1–9', 1, 9), (4, '10–49', 10, 49), (5, '50–99', 50, 99),
                 (6, '100–499', 100, 499), (7, '500+', 500, NULL)) b(number, label, low, high)
)
SELECT label, (SELECT count(*) FROM product WHERE was BETWEEN coalesce(low, was) AND coalesce(high, was)) AS was,
    (SELECT count(*) FROM product WHERE becomes BETWEEN coalesce(low, becomes) AND coalesce(high, becomes)) AS becomes
FROM bucket ORDER BY number
