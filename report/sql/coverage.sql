-- purpose: which listings claim to be whole, and whether they are
-- inputs:  run.coverage
-- output:  the rows it answers
-- grain:   one row a stream and store
SELECT stream, store_code, complete, rows, expected, coalesce(reason, '') AS reason FROM run.coverage ORDER BY stream, store_code
