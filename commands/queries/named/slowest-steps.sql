-- purpose: which file of transform/sql took longest
-- inputs:  run.steps
-- output:  file, seconds, rows
-- grain:   one row a file, the slowest first
SELECT file, round(seconds, 3) AS seconds, rows FROM run.steps ORDER BY run.steps.seconds DESC, file;
