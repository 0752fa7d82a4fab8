-- purpose: the last nights in figures: what was read, changed and left out
-- inputs:  run.info, run.streams, plan.changes, run.issues
-- output:  run_id, products_full, rows_read, requests, retries, creates, updates, disables, orders, left_out
-- grain:   one row a run, the newest first
-- over:    7 runs
SELECT i.run_id, i.products_full,
       coalesce((SELECT sum(rows)::BIGINT FROM run.streams s WHERE s.run_id = i.run_id), 0) AS rows_read,
       coalesce((SELECT sum(requests)::BIGINT FROM run.streams s WHERE s.run_id = i.run_id), 0) AS requests,
       coalesce((SELECT sum(retries)::BIGINT FROM run.streams s WHERE s.run_id = i.run_id), 0) AS retries,
       (SELECT count(*) FROM plan.changes c WHERE c.run_id = i.run_id AND c.entity = 'products' AND c.op = 'create') AS creates,
       (SELECT count(*) FROM plan.changes c WHERE c.run_id = i.run_id AND c.entity = 'products' AND c.op = 'update') AS updates,
       (SELECT count(*) FROM plan.changes c WHERE c.run_id = i.run_id AND c.entity = 'products' AND c.op = 'disable') AS disables,
       (SELECT count(*) FROM plan.changes c WHERE c.run_id = i.run_id AND c.entity = 'sell_orders') AS orders,
       (SELECT count(*) FROM run.issues q WHERE q.run_id = i.run_id AND q.kind <> 'ignored') AS left_out
FROM run.info i ORDER BY i.run_id DESC;
