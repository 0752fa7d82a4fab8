-- purpose: which thing of the shop is which at Optiply, where everything that is known about both agrees. Nothing is guessed:
--          as soon as two can be meant, neither is taken
-- inputs:  adopt.evidence
-- output:  adopt.pairs
-- grain:   one row a pair of remote_id and optiply_id; verdict is matched, ambiguous, or extra: the remote id is matched with
--          another thing at Optiply, in a stronger way or by choice of the state or of a snapshot

CREATE OR REPLACE TABLE adopt.pairs AS
WITH pair AS (
    -- told: by an id (the state, a snapshot, remoteIdMap), and not by what things look like
    SELECT entity, remote_id, optiply_id, min(rank) AS rank, arg_min(way, rank) AS way, min(rank) <= 3 AS told,
           bool_or(rank = 3) AS mapped, bool_or(rank = 1) AS known, bool_or(rank = 2) AS in_snapshot
    FROM adopt.evidence GROUP BY ALL
),
here AS (
    SELECT entity, remote_id, bool_or(told) AS told, min(rank) AS best,
           count(*) FILTER (known) AS known, count(*) FILTER (in_snapshot) AS in_snapshot, count(*) FILTER (mapped) AS mapped,
           count(DISTINCT optiply_id) FILTER (rank <= 2) AS chosen, count(*) FILTER (rank <= 2 AND mapped) AS chosen_mapped
    FROM pair GROUP BY ALL
),
-- How many are as good as the best.
best AS (
    SELECT entity, remote_id, count(*) AS n, string_agg(p.optiply_id, ' and ' ORDER BY p.optiply_id::BIGINT) AS ids FROM pair p JOIN here h USING (entity, remote_id) WHERE p.rank = h.best GROUP BY ALL
),
there AS (
    SELECT entity, optiply_id, count(*) AS n, min(rank) AS best, string_agg(remote_id, ' and ' ORDER BY remote_id::BIGINT) AS ids FROM pair GROUP BY ALL
),
judged AS (
    SELECT p.*, h.told AS here_told,
        CASE -- One thing at Optiply that is two here. Where an SKU may not match, it alone says nothing.
             WHEN t.n > 1 AND t.best < 6 THEN 'it could be ' || t.ids
             WHEN h.chosen > 1 THEN 'the state and the snapshot, or two lines of it, name different ones'
             WHEN h.chosen = 1 AND h.mapped > 0 AND h.chosen_mapped = 0 THEN 'remoteIdMap names another than the ' || CASE WHEN h.known > 0 THEN 'state' ELSE 'snapshot' END
             WHEN p.rank = h.best AND b.n > 1 THEN 'it could be ' || b.ids || ' of Optiply' END AS doubt,
        p.rank = h.best AS is_best
    FROM pair p
    JOIN here h USING (entity, remote_id)
    JOIN best b USING (entity, remote_id)
    JOIN there t USING (entity, optiply_id)
    WHERE p.rank < 6 OR t.n > 1
),
-- What is told of a remote id is not put in doubt by another thing that only looks like it.
settled AS (
    SELECT *, doubt IS NULL AND is_best AND rank < 6 AS is_match FROM judged
),
matched AS (SELECT entity, remote_id, optiply_id FROM settled WHERE is_match)
SELECT s.entity, s.remote_id, s.optiply_id, s.way, s.rank,
       CASE WHEN is_match THEN 'matched'
            WHEN m.optiply_id IS NOT NULL THEN 'extra'
            ELSE 'ambiguous' END AS verdict,
       CASE WHEN is_match THEN NULL
            WHEN m.optiply_id IS NOT NULL THEN 'it has the same ' || CASE s.way WHEN 'remoteIdMap' THEN 'remote id' ELSE s.way END || ' as ' || m.optiply_id || ', which is taken over for ' || s.remote_id
            ELSE coalesce(s.doubt, 'another at Optiply is meant as well') END AS reason
FROM settled s
LEFT JOIN matched m ON m.entity = s.entity AND m.remote_id = s.remote_id
WHERE s.rank < 6 OR s.doubt IS NOT NULL
ORDER BY s.entity, s.remote_id::BIGINT, s.rank, s.optiply_id::BIGINT;
