-- purpose: name what is not sent although Optiply lacks it: every night as long as it is so (invariant 10). What a person
--          ignores is named too, as kind ignored, which counts for nothing
-- inputs:  plan.candidates, before.rejects
-- output:  run.issues, more rows of phase transform
-- grain:   one row a request that is withheld

INSERT INTO run.issues BY NAME
SELECT 'transform' AS phase, withheld AS kind, entity, remote_id, sku,
       CASE withheld WHEN 'ignored' THEN 'ignored until it changes: '
            ELSE 'not sent again until it changes, or `rejects retry` asks for it: ' END || withheld_because AS reason
FROM plan.candidates WHERE withheld IS NOT NULL
ORDER BY entity, try_cast(remote_id AS BIGINT), remote_id;

-- Rows for which nothing could be sent at all are ignored by their reasons.
UPDATE run.issues SET kind = 'ignored'
WHERE phase = 'transform' AND kind IN ('rejected', 'held') AND entity IN ('products', 'sell_orders')
  AND reason NOT LIKE 'not disabled: %' AND reason NOT LIKE 'not sent again %'
  AND (entity, remote_id) IN (
      SELECT (i.entity, i.remote_id)
      FROM (SELECT entity, remote_id, md5(string_agg(DISTINCT reason, '; ' ORDER BY reason)) AS hash
            FROM run.issues
            WHERE phase = 'transform' AND kind IN ('rejected', 'held') AND reason NOT LIKE 'not disabled: %' AND reason NOT LIKE 'not sent again %'
            GROUP BY ALL) i
      JOIN before.rejects k ON k.entity = i.entity AND k.remote_id = i.remote_id AND k.change_hash = i.hash
      WHERE k.decision = 'ignore' AND k.cause IN ('value', 'waiting'));
