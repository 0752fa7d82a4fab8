-- purpose: the shop's inventory sources, and whether each is enabled
-- inputs:  page.sources (the answers of /V1/inventory/sources as sent)
-- output:  stage.sources
-- grain:   one row a source code, as it was read last

CREATE OR REPLACE TABLE stage.sources AS
WITH answer AS (
    SELECT file, fetched_at, from_json(content, '{"items": [{"source_code": "VARCHAR", "name": "VARCHAR", "enabled": "VARCHAR"}]}').items AS items
    FROM page.sources
),
item AS (SELECT file, fetched_at, generate_subscripts(items, 1) AS position, unnest(items, recursive := true) FROM answer)
SELECT source_code, name, try_cast(enabled AS BOOLEAN) AS enabled, fetched_at
FROM item
QUALIFY row_number() OVER (PARTITION BY source_code ORDER BY fetched_at DESC, file DESC, position DESC) = 1
ORDER BY source_code;
