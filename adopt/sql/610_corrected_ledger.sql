-- purpose: the ledger says what was found at Optiply
-- inputs:  adopt.corrected; $1 the reconciliation, $2 now
-- output:  state.ledger
-- grain:   one row a product that differed

INSERT INTO state.ledger BY NAME
SELECT seq, $2::TIMESTAMP AS happened_at, $1 AS run_id, '' AS plan_hash, 'products' AS entity, 'reconcile' AS op, remote_id, optiply_id, 'adopted' AS state, 0 AS attempt,
       'reconciled: ' || attributes || ' of Optiply differed' AS reason
FROM adopt.corrected WHERE kind = 'drift'
ORDER BY seq;
