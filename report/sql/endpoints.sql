-- purpose: the endpoints that took the most time in all
-- inputs:  run.requests
-- output:  the rows it answers
-- grain:   one row a server and endpoint; slow_ms is the 95th percentile of its slowest minute
SELECT server, endpoint, sum(requests)::BIGINT AS requests, sum(retries)::BIGINT AS retries, sum(failed)::BIGINT AS failed,
    sum(total_ms) / 1000 AS seconds, sum(total_ms) / sum(requests) AS mean_ms, max(p95_ms) AS slow_ms, max(max_ms) AS max_ms, sum(bytes)::BIGINT AS bytes
FROM run.requests
GROUP BY server, endpoint
ORDER BY seconds DESC, server, endpoint
LIMIT 12
