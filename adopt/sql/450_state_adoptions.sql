-- purpose: an adoption that changed something is kept, and the first in any case: it says that the account was looked at. So is
--          one after an older state was put back
-- inputs:  adopt.adopted, state.adoptions; variable state_lags; $1 the adoption, $2 now
-- output:  the row of state.adoptions
-- grain:   one row an adoption

INSERT INTO state.adoptions BY NAME
SELECT $1 AS adoption, $2::TIMESTAMP AS adopted_at, count(*) FILTER (entity = 'products') AS products, count(*) FILTER (entity = 'sell_orders') AS sell_orders
FROM adopt.adopted
HAVING count(*) > 0 OR NOT EXISTS (FROM state.adoptions) OR coalesce(getvariable('state_lags'), false);
