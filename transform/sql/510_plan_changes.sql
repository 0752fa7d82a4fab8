-- purpose: the plan: every request that load sends, in the order of section 8
-- inputs:  plan.candidates
-- output:  plan.changes
-- grain:   one row a request

CREATE OR REPLACE TABLE plan.changes AS
SELECT
    row_number() OVER (ORDER BY array_position(['disable', 'create', 'update'], op) + CASE entity WHEN 'sell_orders' THEN 10 ELSE 0 END,
                                try_cast(remote_id AS BIGINT), remote_id) AS seq,
    * EXCLUDE (withheld, withheld_because)
FROM plan.candidates
WHERE withheld IS NULL
ORDER BY seq;
