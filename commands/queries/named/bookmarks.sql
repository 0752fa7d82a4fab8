-- purpose: how far each stream has been read and is at Optiply, and how long ago that was by the shop's clock
-- inputs:  state.bookmarks, run.info
-- output:  stream, store_code, read_up_to, behind, run_id (which moved it)
-- grain:   one row a stream and store, the one furthest behind first
SELECT b.stream, b.store_code, b.value AS read_up_to, (SELECT shop_now FROM run.info) - b.value AS behind, b.run_id
FROM state.bookmarks b ORDER BY b.value, b.stream, b.store_code;
