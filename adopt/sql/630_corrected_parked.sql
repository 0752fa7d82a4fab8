-- purpose: what was corrected is read again by the next run, whether it has changed in Magento or not. What waits already does so
-- inputs:  adopt.corrected; $1 the reconciliation, $2 now
-- output:  state.parked
-- grain:   one row a product

INSERT INTO state.parked BY NAME
SELECT 'products' AS entity, remote_id, sku, 'held' AS kind,
       CASE kind WHEN 'gone' THEN 'Optiply does not have it any more: it is created again' ELSE 'Optiply differed in ' || attributes || ': it is sent again' END AS reason,
       $1 AS run_id, $2::TIMESTAMP AS first_at, $2::TIMESTAMP AS last_at, 1 AS times, 'drift' AS cause
FROM adopt.corrected
ON CONFLICT (entity, remote_id) DO NOTHING;
