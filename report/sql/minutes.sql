-- purpose: how a server answered over the night, and how politely it was asked: at most 120 points, each so many minutes
-- inputs:  run.requests
-- output:  the rows it answers
-- grain:   one row a server and point with requests; minutes is its length. The median is that of the minutes' and endpoints', by
--          their requests
WITH span AS (
    SELECT server, min(minute) AS first, greatest(1, ceil((date_diff('minute', min(minute), max(minute)) + 1) / 120)::BIGINT) AS minutes
    FROM run.requests GROUP BY server
),
point AS (
    SELECT r.*, s.minutes, s.first + to_minutes(s.minutes * (date_diff('minute', s.first, r.minute) // s.minutes)) AS begins
    FROM run.requests r JOIN span s USING (server)
),
running AS (
    SELECT *, sum(requests) OVER (PARTITION BY server, begins ORDER BY p50_ms, endpoint, minute ROWS UNBOUNDED PRECEDING) AS upto, sum(requests) OVER (PARTITION BY server, begins) AS all_of_it
    FROM point
)
SELECT server, begins, any_value(minutes) AS minutes, sum(requests)::BIGINT AS requests, sum(retries)::BIGINT AS retries, sum(failed)::BIGINT AS failed,
    min(p50_ms) FILTER (upto >= all_of_it / 2) AS p50_ms, max(p95_ms) AS p95_ms,
    min(concurrency) FILTER (concurrency > 0) AS least_at_a_time, max(concurrency) AS most_at_a_time
FROM running GROUP BY server, begins
ORDER BY server, begins
