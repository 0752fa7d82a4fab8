-- purpose: which streams took longest over the last nights, night by night
-- inputs:  run.streams
-- output:  run_id, stream, seconds, requests, seconds_each, retries
-- grain:   one row a run and stream, the slowest first, thirty at most
-- over:    7 runs
SELECT run_id, stream, round(sum(s.seconds), 1) AS seconds, sum(s.requests)::BIGINT AS requests, round(sum(s.seconds) / nullif(sum(s.requests), 0), 3) AS seconds_each,
       sum(s.retries)::BIGINT AS retries
FROM run.streams s GROUP BY run_id, stream ORDER BY sum(s.seconds) DESC, run_id, stream LIMIT 30;
