-- purpose: how far each stream had got, and which rows waited, when the run began
-- inputs:  before.bookmarks, before.parked, run.info
-- output:  bookmark and waiting, for the query that follows
-- grain:   one row a stream and store; one row a product or order that waited
WITH bookmark AS (
    -- One that lay ahead of the shop's clock counted from when the run that made it began, as extraction does it.
    SELECT stream, store_code, CASE WHEN value > (SELECT shop_now FROM run.info) AND began < value THEN began ELSE value END AS value
    FROM before.bookmarks
),
waiting AS (SELECT entity, remote_id, sku, kind FROM before.parked)
