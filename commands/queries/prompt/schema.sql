-- purpose: what .schema shows without a name: every table with its columns
-- inputs:  duckdb_columns()
-- output:  table, columns
-- grain:   one row a table or view
SELECT CASE database_name WHEN 'state' THEN 'state.' || table_name ELSE schema_name || '.' || table_name END AS "table",
       string_agg(column_name || ' ' || data_type, ', ' ORDER BY column_index) AS columns
FROM duckdb_columns()
WHERE NOT internal AND database_name IN ('runfile', 'memory', 'state') AND schema_name <> 'page'
GROUP BY database_name, schema_name, table_name
ORDER BY database_name, schema_name, table_name;
