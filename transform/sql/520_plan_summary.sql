-- purpose: the plan's hash, by which load --plan names exactly this plan: another byte of it is another hash
-- inputs:  plan.changes
-- output:  plan.summary
-- grain:   one row

CREATE OR REPLACE TABLE plan.summary AS
WITH line AS (
    -- The text of a plan that creates a whole shop would not fit into memory: from 10,000 changes on, a change stands there as its
    -- own hash.
    SELECT seq, CASE WHEN (SELECT count(*) FROM plan.changes) < 10000 THEN to_json(c)::VARCHAR ELSE md5(to_json(c)::VARCHAR) END AS text
    FROM plan.changes c
)
SELECT left(md5(coalesce(string_agg(text, chr(10) ORDER BY seq), '')), 16) AS hash,
       count(*) AS changes
FROM line;
