-- purpose: what .tables shows: the tables of the run, or of the runs together, and of the state
-- inputs:  duckdb_tables(), duckdb_views()
-- output:  table, kind
-- grain:   one row a table or view
SELECT CASE database_name WHEN 'state' THEN 'state.' || table_name ELSE schema_name || '.' || table_name END AS "table", kind
FROM (SELECT database_name, schema_name, table_name, 'table' AS kind FROM duckdb_tables() WHERE NOT temporary
      UNION ALL SELECT database_name, schema_name, view_name, 'view' FROM duckdb_views() WHERE NOT internal)
WHERE database_name IN ('runfile', 'memory', 'state')
ORDER BY database_name, schema_name, table_name;
