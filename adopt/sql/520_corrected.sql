-- purpose: the products whose row in the state is corrected, so that the next diff sends what must be: those that differ, and, where
--          load.recreate_missing is set, those that are gone
-- inputs:  adopt.drift, state.ledger; variable recreate_missing
-- output:  adopt.corrected
-- grain:   one row a product; seq is the ledger's row for it, NULL for one that is gone: it is in the ledger when it is created again

CREATE OR REPLACE TABLE adopt.corrected AS
SELECT CASE kind WHEN 'drift' THEN (SELECT coalesce(max(seq), 0) FROM state.ledger) + row_number() OVER (ORDER BY kind, remote_id::BIGINT) END AS seq,
       kind, remote_id, optiply_id, any_value(sku) AS sku, string_agg(attribute, ', ' ORDER BY attribute) AS attributes
FROM adopt.drift
WHERE kind = 'drift' OR getvariable('recreate_missing')
GROUP BY kind, remote_id, optiply_id
ORDER BY kind, remote_id::BIGINT;
