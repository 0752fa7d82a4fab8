package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"os"
	"testing"

	duckdb "github.com/marcboeker/go-duckdb/v2"
)

func TestProbe(t *testing.T) {
	dir := "/tmp/motest"
	_ = dir
	ctx := context.Background()
	s, err := Open("/tmp/motest/data", "demo")
	if err != nil { t.Fatal(err) }
	ref, err := s.Latest()
	if err != nil { t.Fatal(err) }
	r, err := s.OpenRun(ctx, ref, Options{Run: Read, State: Read})
	if err != nil { t.Fatal(err) }
	defer r.Close()
	r.DB.SetMaxOpenConns(1)
	for _, q := range []string{
		"SET allowed_directories = [" + quote(s.PagesDir(ref.ID)+"/") + "]",
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	} {
		if _, err := r.DB.ExecContext(ctx, q); err != nil { t.Fatal(q, err) }
	}
	conn, err := r.DB.Conn(ctx)
	if err != nil { t.Fatal(err) }
	os.WriteFile("/tmp/probe/x.csv", []byte("a,b\n1,2\n"), 0o644)
	pages := s.PagesDir(ref.ID)
	for _, q := range []string{
		"SELECT count(*) FROM raw.products",
		"SELECT count(*) FROM state.products",
		"CREATE TEMP TABLE r1 AS SELECT * FROM (FROM raw.orders\n)",
		"CREATE TEMP TABLE r2 AS SELECT * FROM (DESCRIBE plan.changes)",
		"CREATE TEMP TABLE r3 AS SELECT * FROM (SHOW TABLES)",
		"CREATE TEMP TABLE r4 AS SELECT * FROM (SUMMARIZE plan.changes)",
		"CREATE TEMP TABLE r5 AS SELECT * FROM (SHOW ALL TABLES)",
		"CREATE TEMP TABLE r6 AS SELECT * FROM (PRAGMA database_list)",
		"CREATE TEMP TABLE r7 AS SELECT * FROM (PIVOT plan.changes ON op USING count(*) GROUP BY entity)",
		"CREATE TEMP TABLE r8 AS SELECT * FROM (WITH x AS (SELECT 1 a) FROM x)",
		"CREATE TEMP TABLE r9 AS SELECT * FROM (VALUES (1),(2))",
		"CREATE TEMP TABLE r10 AS SELECT * FROM (TABLE plan.changes)",
		"CREATE TEMP TABLE r11 AS SELECT * FROM (SELECT 1 AS id, 2 AS id, 3 AS ID)",
		"CREATE TEMP TABLE r12 AS SELECT * FROM (EXPLAIN SELECT 1)",
		"CREATE TEMP TABLE r13 AS SELECT * FROM (SHOW run.issues)",
		"CREATE TEMP TABLE r14 AS SELECT * FROM (SELECT NULL AS x, [1,2], {a:1}, MAP {'a':1})",
		"EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1",
		"DESCRIBE plan.changes", "SHOW TABLES", "SUMMARIZE run.issues", "PRAGMA database_list", "PRAGMA table_info('plan.changes')","PRAGMA version", "SHOW ALL TABLES",
		"PIVOT plan.changes ON op USING count(*) GROUP BY entity",
		"CALL pragma_version()",
		"INSERT INTO run.settings VALUES ('a','b')",
		"UPDATE run.settings SET value='x'",
		"DELETE FROM state.products",
		"DROP TABLE plan.changes",
		"CREATE TABLE plan.x(a int)",
		"CREATE TABLE state.x(a int)",
		"CREATE TABLE memory.main.x(a int)",
		"CREATE TEMP TABLE tx(a int)",
		"ATTACH '/tmp/probe/y.duckdb' AS y", "ATTACH ':memory:' AS mm",
		"DETACH state",
		"COPY plan.changes TO '/tmp/probe/z.csv'",
		"COPY plan.changes TO '" + pages + "/z.csv'",
		"EXPORT DATABASE '/tmp/probe/exp'",
		"INSTALL httpfs", "LOAD httpfs", "LOAD '/tmp/probe/x.duckdb_extension'",
		"SET enable_external_access = true", "SET threads = 1", "SET memory_limit='2GB'", "SET temp_directory='/tmp/probe'", "RESET threads",
		"SET VARIABLE a = 1", "SELECT getvariable('a')", "USE state", "USE runfile",
		"PRAGMA threads=1", "PRAGMA enable_profiling", "PRAGMA profiling_output='/tmp/probe/prof'",
		"FROM '/tmp/probe/x.csv'", "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM glob('/etc/*')", "FROM read_csv('/tmp/probe/x.csv')", "SELECT count(*) FROM read_text('"+pages+"/products/*.json')",
		"SELECT * FROM read_text('"+pages+"/../../lock')",
		"FROM '" + s.statePath() + "'",
		"SELECT * FROM enable_logging(storage='file', storage_config={'path': '/tmp/probe/log'})",
		"CALL enable_logging(storage='file', storage_config={'path': '/tmp/probe/log'})",
		"CALL enable_logging(storage='file', storage_path='/tmp/probe/log')",
		"SELECT write_log('x')",
		"CHECKPOINT state", "FORCE CHECKPOINT", "FROM checkpoint('state')", "VACUUM", "ANALYZE",
		"PREPARE p AS DELETE FROM state.products", "EXECUTE p", "BEGIN", "COMMIT",
		"CREATE SECRET (TYPE s3)", "CREATE PERSISTENT SECRET x (TYPE s3)", "COMMENT ON TABLE plan.changes IS 'x'", "CREATE MACRO m(a) AS a+1", "CREATE TEMP MACRO m(a) AS a+1",
		"EXPLAIN ANALYZE COPY plan.changes TO '" + pages + "/z2.csv'",
		"SELECT 1; SELECT 2",
		"SELECT getenv('HOME')",
		"SELECT current_setting('temp_directory')",
		"CREATE TEMP TABLE big AS SELECT range AS i, repeat('x', 200) || range AS t FROM range(12000000)",
		"SELECT count(*) FROM big WHERE i % 2 = 0",
	} {
		typ := "?"
		conn.Raw(func(dc any) error {
			st, err := dc.(*duckdb.Conn).Prepare(q)
			if err != nil { typ = "prep:" + firstLine(err.Error()); return nil }
			ty, _ := st.(*duckdb.Stmt).StatementType()
			typ = fmt.Sprint(ty)
			st.Close()
			return nil
		})
		rows, err := conn.QueryContext(ctx, q)
		out := ""
		if err != nil { out = "ERR " + firstLine(err.Error()) } else {
			cols, _ := rows.Columns()
			n := 0
			for rows.Next() { n++ }
			out = fmt.Sprint("OK cols=", cols, " n=", n, rows.Err())
			rows.Close()
		}
		if len(out) > 230 { out = out[:230] }
		if len(typ) > 90 { typ = typ[:90] }
		if len(q) > 90 { q = q[:90] }
		fmt.Printf("%-60s | %s | %s\n", q, typ, out)
	}
	_ = driver.ErrBadConn
}
