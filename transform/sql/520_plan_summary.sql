-- purpose: the plan's hash, by which load --plan names exactly this plan
-- inputs:  plan.changes
-- output:  plan.summary
-- grain:   one row

CREATE OR REPLACE TABLE plan.summary AS
SELECT left(md5(coalesce(string_agg(concat_ws('|', seq, entity, op, remote_id, coalesce(optiply_id, '-'), attributes::VARCHAR, coalesce(lines::VARCHAR, '-')), chr(10) ORDER BY seq), '')), 16) AS hash,
       count(*) AS changes
FROM plan.changes;
