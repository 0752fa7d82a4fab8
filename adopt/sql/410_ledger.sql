-- purpose: the ledger says what was adopted, and so settles a request whose outcome was not known
-- inputs:  adopt.adopted; $1 the adoption, $2 now
-- output:  state.ledger
-- grain:   one row an adopted product or order

INSERT INTO state.ledger BY NAME
SELECT seq, $2::TIMESTAMP AS happened_at, $1 AS run_id, '' AS plan_hash, entity, 'adopt' AS op, remote_id, optiply_id, 'adopted' AS state, 0 AS attempt,
       'found at Optiply by ' || way AS reason
FROM adopt.adopted
ORDER BY seq;
