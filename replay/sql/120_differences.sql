-- purpose: how the plan of a replay differs from the plan of the night itself, attribute by attribute
-- inputs:  plan.changes, night.plan.changes, replay.outcomes
-- output:  replay.differences
-- grain:   one row an attribute that is not the same, and one a request that only one of the two plans has (attribute is NULL);
--          the time of the run is no difference

CREATE SCHEMA IF NOT EXISTS replay;
CREATE OR REPLACE TABLE replay.differences AS
WITH replayed AS (
    SELECT entity, remote_id, sku, op, attributes, lines FROM plan.changes
),
night AS (
    SELECT entity, remote_id, sku, op, attributes, lines FROM night.plan.changes
),
request AS (
    SELECT entity, remote_id, coalesce(r.sku, n.sku) AS sku, n.op AS night_op, r.op AS replay_op,
           CASE WHEN n.op IS NOT NULL THEN json_merge_patch(n.attributes, '{"remoteDataSyncedToDate": null}') END AS night_sent,
           CASE WHEN r.op IS NOT NULL THEN json_merge_patch(r.attributes, '{"remoteDataSyncedToDate": null}') END AS replay_sent,
           n.lines AS night_lines, r.lines AS replay_lines
    FROM replayed r FULL JOIN night n USING (entity, remote_id)
),
attribute AS (
    SELECT *, unnest(list_distinct(coalesce(json_keys(night_sent), []) || coalesce(json_keys(replay_sent), []) || ['orderLines'])) AS attribute
    FROM request WHERE night_op = replay_op
),
value AS (
    SELECT * REPLACE (CASE attribute WHEN 'orderLines' THEN night_lines ELSE json_extract(night_sent, attribute) END AS night_sent,
                      CASE attribute WHEN 'orderLines' THEN replay_lines ELSE json_extract(replay_sent, attribute) END AS replay_sent)
    FROM attribute
),
difference AS (
    SELECT entity, remote_id, sku, night_op, replay_op, attribute, night_sent, replay_sent
    FROM value WHERE night_sent IS DISTINCT FROM replay_sent
    UNION ALL
    SELECT entity, remote_id, sku, night_op, replay_op, NULL, night_sent, replay_sent
    FROM request WHERE night_op IS DISTINCT FROM replay_op
)
SELECT d.*, CASE WHEN night_op IS NOT NULL THEN coalesce(o.state, 'not sent') END AS night_outcome
FROM difference d LEFT JOIN replay.outcomes o USING (entity, remote_id)
ORDER BY entity, try_cast(remote_id AS BIGINT), remote_id, attribute;
