-- purpose: what was sent to Optiply and what it answered, over all runs, the newest first
-- inputs:  state.ledger; variable remote_id
-- output:  each event of the newest requests; body as it was sent. What looks like an e-mail address or a token is masked,
--          because an answer's words are Optiply's own
-- grain:   one row an event, twelve at most
SELECT happened_at, run_id, op, state, attempt, status, optiply_id,
       regexp_replace(body, '[\w.+-]+@[\w-]+\.[\w.]+|(?i:bearer)\s+\S+', '***', 'g')::JSON AS body,
       regexp_replace(reason, '[\w.+-]+@[\w-]+\.[\w.]+|(?i:bearer)\s+\S+', '***', 'g') AS answer
FROM state.ledger
WHERE entity = 'products' AND remote_id = getvariable('remote_id')
ORDER BY seq DESC LIMIT 12;
