-- purpose: how long reading and working out took, as the run file itself tells: over all commands that had a part in it
-- inputs:  run.streams, run.steps
-- output:  the rows it answers
-- grain:   one row a phase, 0 seconds where it was not come to
SELECT 'extract' AS phase, coalesce(sum(seconds), 0) AS seconds FROM run.streams
UNION ALL
SELECT 'transform', coalesce(sum(seconds), 0) FROM run.steps
ORDER BY phase
