-- purpose: what took longest to read: time, requests and repeats by stream
-- inputs:  run.streams
-- output:  stream, store_code, part, seconds, requests, seconds_each, rows, retries, quarantined, complete
-- grain:   one row a stream, store and part, the slowest first
SELECT stream, store_code, part, round(seconds, 1) AS seconds, requests, round(seconds / nullif(requests, 0), 3) AS seconds_each,
       rows, retries, quarantined, complete
FROM run.streams ORDER BY run.streams.seconds DESC, stream, store_code, part;
