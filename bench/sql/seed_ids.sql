-- purpose: every product of the shop is at Optiply, so that no order's product has to be looked up in the shop
-- inputs:  {ids}, the number of products
-- output:  state.products
-- grain:   one row a product of a generated shop

INSERT INTO state.products BY NAME
SELECT range::VARCHAR AS remote_id, (1000000 + range)::VARCHAR AS optiply_id, 'seed' AS run_id, TIMESTAMP '2026-11-22' AS acknowledged_at, 0 AS change
FROM range(1, {ids} + 1);
