-- purpose: the plan's hash, by which load --plan names exactly this plan: another byte of it is another hash
-- inputs:  plan.changes
-- output:  plan.summary
-- grain:   one row

CREATE OR REPLACE TABLE plan.summary AS
SELECT left(md5(coalesce(string_agg(to_json(c)::VARCHAR, chr(10) ORDER BY seq), '')), 16) AS hash,
       count(*) AS changes
FROM plan.changes c;
