-- purpose: orders that look like one that nobody has: the number is part of theirs
-- inputs:  stage.orders; variable order_number
-- output:  increment_id, placed, remote_id
-- grain:   one row an order, the newest first, five at most
SELECT increment_id, created_at AS placed, order_id::VARCHAR AS remote_id FROM stage.orders
WHERE contains(increment_id, ltrim(getvariable('order_number'), '0')) AND ltrim(getvariable('order_number'), '0') <> ''
   OR jaro_winkler_similarity(increment_id, getvariable('order_number')) >= 0.9
ORDER BY created_at DESC, order_id DESC LIMIT 5;
