-- purpose: the plan: every request that load sends, in the order of section 8
-- inputs:  plan.candidates
-- output:  plan.changes
-- grain:   one row a request

CREATE OR REPLACE TABLE plan.changes AS
WITH place AS (
    -- Without the texts, which are a gigabyte where a whole shop is created.
    SELECT rowid AS candidate, row_number() OVER (
               ORDER BY array_position(['disable', 'create', 'update'], op) + CASE entity WHEN 'sell_orders' THEN 10 ELSE 0 END,
                        try_cast(remote_id AS BIGINT), remote_id) AS seq
    FROM plan.candidates WHERE withheld IS NULL
)
SELECT p.seq, c.* EXCLUDE (withheld, withheld_because)
FROM plan.candidates c JOIN place p ON p.candidate = c.rowid;
