-- purpose: the shop's inventory sources, and whether each is enabled
-- inputs:  page.sources (the answers of /V1/inventory/sources as sent)
-- output:  stage.sources
-- grain:   one row a source code

CREATE OR REPLACE TABLE stage.sources AS
WITH item AS (
    SELECT file, fetched_at, unnest(from_json(content, '{"items": [{"source_code": "VARCHAR", "name": "VARCHAR", "enabled": "VARCHAR"}]}').items, recursive := true)
    FROM page.sources
)
SELECT source_code, name, try_cast(enabled AS BOOLEAN) AS enabled, fetched_at
FROM item
QUALIFY row_number() OVER (PARTITION BY source_code ORDER BY fetched_at DESC, file DESC) = 1
ORDER BY source_code;
