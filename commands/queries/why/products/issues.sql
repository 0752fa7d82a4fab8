-- purpose: what this run says of the product: rejected, quarantined, held, ignored
-- inputs:  run.issues; variables remote_id, sku
-- output:  phase, kind, attribute, value, reason
-- grain:   one row an issue
SELECT phase, kind, entity, attribute, value, reason FROM run.issues
WHERE entity NOT LIKE 'sell_order%' AND (remote_id = getvariable('remote_id') OR remote_id IS NULL AND sku = getvariable('sku'))
ORDER BY ALL;
