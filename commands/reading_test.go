package commands

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/store"
)

// The runs of the shop below.
const (
	oldRun     = "20261121T020000Z" // finished, done
	knownRun   = "20261122T020000Z" // finished, with a request whose outcome is not known
	latestRun  = "20261123T020000Z" // finished, with a plan
	partialRun = "20261124T020000Z" // killed while it was extracted
)

// newShop gives a test a folder with a shop of four runs, as the demo leaves it, and works in it. It is made once and copied.
func newShop(t *testing.T) *store.Shop {
	t.Helper()
	made, err := madeOnce()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, made); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	shop, err := store.Open("data", "demo")
	if err != nil {
		t.Fatal(err)
	}
	return shop
}

// madeOnce makes the shop's files in memory, for all tests.
var madeOnce = sync.OnceValues(func() (fs.FS, error) {
	dir, err := os.MkdirTemp("", "shop-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	shop, err := store.Open(filepath.Join(dir, "data"), "demo")
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		makeRun(shop, oldRun, true, `INSERT INTO state.runs VALUES (run_id(), TIMESTAMP '2026-11-21 02:00:00', TIMESTAMP '2026-11-21 02:03:00', 'run', 'done', true, 0, 'aa',
		'{"plan_hash":"aa","changes":[{"entity":"products","op":"create","planned":1213,"done":1213}],"seconds":{"extract":61.5}}')`),
		makeRun(shop, knownRun, true, `INSERT INTO state.runs VALUES (run_id(), TIMESTAMP '2026-11-22 02:00:00', TIMESTAMP '2026-11-22 02:01:00', 'run', 'load', true, 130, 'bb', NULL)`,
			`INSERT INTO state.ledger (seq, happened_at, run_id, plan_hash, entity, op, remote_id, state, attempt)
		 VALUES (1, TIMESTAMP '2026-11-22 02:00:10', run_id(), 'bb', 'products', 'create', '7', 'sent', 1)`),
		makeRun(shop, latestRun, true, planned1()...),
		makeRun(shop, partialRun, false),
	)
	if err != nil {
		return nil, err
	}
	files := fstest.MapFS{}
	err = fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		files[path] = &fstest.MapFile{Data: data, Mode: 0o640}
		return err
	})
	return files, err
})

// planned1 is a plan of three changes, of which two were done, and two rows that were left out.
func planned1() []string {
	return []string{
		`CREATE TABLE plan.changes AS SELECT * REPLACE (before::JSON AS before, attributes::JSON AS attributes, lines::JSON AS lines) FROM (VALUES
			(1::BIGINT, 'products', 'disable', '5', '905', 'OLD-1', ['status'], 'gone from Magento', '{"status":"disabled"}', NULL, '{"status":"enabled"}', 3::BIGINT),
			(2, 'products', 'update', '12', '912', 'SKU', ['price', 'name'], 'price, name changed in Magento', '{"price":35.0,"name":"B"}', NULL, '{"price":34.0,"name":"A","stockLevel":3}', 4),
			(3, 'sell_orders', 'create', '40', NULL, NULL, ['placed', 'totalValue', 'orderLines'], 'new order', '{"placed":"2026-11-22T10:00:00Z","totalValue":12.5}', '[{"product":"12"}]', NULL, NULL))
		 t(seq, entity, op, remote_id, optiply_id, sku, changed, reason, attributes, lines, before, before_change)`,
		`CREATE TABLE plan.summary AS SELECT 'c0ffee' AS hash, 3::BIGINT AS changes`,
		`CREATE TABLE diff.deletions AS SELECT * FROM (VALUES ('3', '903', 'OLD-3', 'held', 'ceiling'), ('4', '904', NULL, 'held', 'ceiling'), ('5', '905', 'OLD-1', 'disable', 'gone from Magento'),
			('10', '910', 'OLD-2', 'kept', 'the second look found it in Magento')) t(remote_id, optiply_id, sku_code, verdict, reason)`,
		`UPDATE run.info SET transformed_at = TIMESTAMP '2026-11-23 02:01:00', plan_hash = 'c0ffee'`,
		`INSERT INTO run.streams BY NAME SELECT 'products' AS stream, '' AS store_code, 'full' AS part, 1213 AS rows, 5 AS pages, 5 AS requests, true AS complete`,
		`INSERT INTO run.issues BY NAME SELECT 'transform' AS phase, 'held' AS kind, 'products' AS entity, '9' AS remote_id, 'NEW' AS sku, 'its stock is not known' AS reason
		 UNION ALL SELECT 'load', 'rejected', 'products', '12', 'SKU', 'Optiply says: name too odd'`,
		`INSERT INTO state.runs VALUES (run_id(), TIMESTAMP '2026-11-23 02:00:00', TIMESTAMP '2026-11-23 02:03:00', 'run', 'done', true, 3, 'c0ffee', '{"plan_hash":"c0ffee","changes":[{"entity":"products","op":"disable","planned":1,"done":1},{"done":1}]}')`,
		`INSERT INTO state.ledger (seq, happened_at, run_id, plan_hash, entity, op, remote_id, state, attempt) VALUES
			(2, TIMESTAMP '2026-11-23 02:02:00', run_id(), 'c0ffee', 'products', 'disable', '5', 'sent', 1), (3, TIMESTAMP '2026-11-23 02:02:00', run_id(), 'c0ffee', 'products', 'disable', '5', 'acknowledged', 1),
			(4, TIMESTAMP '2026-11-23 02:02:00', run_id(), 'c0ffee', 'products', 'update', '12', 'rejected', 1), (5, TIMESTAMP '2026-11-23 02:02:00', run_id(), 'c0ffee', 'sell_orders', 'create', '40', 'acknowledged', 1)`,
	}
}

func makeRun(shop *store.Shop, id string, finished bool, statements ...string) error {
	ctx := context.Background()
	started, err := time.Parse(store.RunIDLayout, id)
	if err != nil {
		return err
	}
	run, err := shop.CreateRun(ctx, id, "test", started)
	if err != nil {
		return err
	}
	err = run.SavePage(ctx, store.Page{Stream: "products", Part: "full", File: "000001.json", Rows: 1, FetchedAt: started, Body: []byte(`{"items":[{"id":12,"sku":"SKU"}]}`)})
	for _, q := range statements {
		if err == nil {
			_, err = run.DB.ExecContext(ctx, strings.ReplaceAll(q, "run_id()", "'"+id+"'"))
		}
	}
	if err == nil && finished {
		err = run.Finish(ctx)
	}
	return errors.Join(err, run.Close())
}

// called is what a command printed.
type called struct {
	code           int
	stdout, stderr string
}

// call runs a command line. Width 0 is no terminal.
func call(t *testing.T, width int, stdin string, args ...string) called {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := Env{Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr, StdoutTerminal: width > 0, Width: width, Now: time.Now,
		LookupEnv: func(name string) (string, bool) { return "cat", name == "PAGER" }}
	code := Run(t.Context(), env, append([]string{"magento-optiply", "--log-level", "warn"}, args...))
	return called{code, stdout.String(), stderr.String()}
}

// wantOutput wants a command to succeed with these words on stdout.
func wantOutput(t *testing.T, got called, want string) {
	t.Helper()
	if got.code != 0 || got.stderr != "" {
		t.Errorf("exit code %d, on stderr: %s", got.code, got.stderr)
	}
	if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), got.stdout); diff != "" {
		t.Errorf("stdout (-want +got):\n%s", diff)
	}
}

// wantUsage wants exit code 2 and one sentence with a part in it.
func wantUsage(t *testing.T, got called, part string) {
	t.Helper()
	if got.code != exitUsage || !strings.Contains(got.stderr, part) || strings.Count(got.stderr, "\n") != 1 || got.stdout != "" {
		t.Errorf("exit code %d, stdout %q, stderr %q; want code 2 and one line with %q", got.code, got.stdout, got.stderr, part)
	}
}

const typesQuery = `SELECT 12 AS i, 34.50::DECIMAL(9,2) AS d, TIMESTAMP '2026-11-23 22:00:00' AS t, NULL AS n, '' AS e, 'a,"b"' AS q, ['x'] AS l, {k: 1} AS s,
	'{"a":[1,2]}'::JSON AS j, 170141183460469231731687303715884105727::HUGEINT AS h, true AS b, DATE '2026-11-23' AS day, 'inf'::DOUBLE AS inf`

func TestSQL_WritesEveryFormat(t *testing.T) {
	newShop(t)
	for _, test := range []struct{ format, query, want string }{
		{"csv", typesQuery, `
i,d,t,n,e,q,l,s,j,h,b,day,inf
12,34.50,2026-11-23 22:00:00,,"","a,""b""","[""x""]","{""k"":1}","{""a"":[1,2]}",170141183460469231731687303715884105727,true,2026-11-23,inf
`},
		{"csv", "SELECT NULL AS n UNION ALL SELECT NULL", "\nn\n\"\"\n\"\"\n"},
		{"ndjson", typesQuery, `
{"i":12,"d":34.50,"t":"2026-11-23 22:00:00","n":null,"e":"","q":"a,\"b\"","l":["x"],"s":{"k":1},"j":{"a":[1,2]},"h":170141183460469231731687303715884105727,"b":true,"day":"2026-11-23","inf":"inf"}
`},
		{"json", "SELECT 1 AS a, '<&>' AS b UNION ALL SELECT 2, NULL ORDER BY a", "\n[\n{\"a\":1,\"b\":\"<&>\"},\n{\"a\":2,\"b\":null}\n]\n"},
		{"json", "SELECT 1 AS a WHERE false", "\n[\n]\n"},
		{"ndjson", "SELECT 1 AS a WHERE false", ""},
		{"markdown", "SELECT 1 AS a, 'x|y' AS b, NULL AS c", "\n| a | b | c |\n| ---: | --- | ---: |\n| 1 | x\\|y | NULL |\n"},
		{"table", "SELECT 1 AS a, 'x' || chr(10) || 'y' || chr(27) AS b, NULL AS c, '' AS d", "\na  b        c  d\n-- ----- ----- --\n1  x\\ny  NULL\n"},
	} {
		t.Run(test.format+" "+test.query[:12], func(t *testing.T) {
			wantOutput(t, call(t, 0, "", "sql", "--format", test.format, test.query), test.want)
		})
	}
}

func TestSQL_ReadsTheRunItsPagesAndTheState(t *testing.T) {
	newShop(t)
	for query, want := range map[string]string{
		"SELECT run_id AS v FROM run.info":                                      latestRun,
		"SELECT item ->> 'sku' AS v FROM raw.products":                          "SKU",
		"SELECT count(*) AS v FROM state.ledger":                                "5",
		"SET VARIABLE x = 7; SELECT getvariable('x') AS v":                      "7",
		"SELECT v FROM (PIVOT (SELECT 'k' AS k) ON k USING count(*)) t(v)":      "1",
		"PIVOT (SELECT 'v' AS k) ON k USING count(*);":                          "1",
		"SELECT count(*) AS v FROM (DESCRIBE plan.changes)":                     "12",
		"SELECT ';' AS v -- a comment; with a semicolon":                        ";",
		"SELECT sum(x)::VARCHAR AS v FROM (SELECT unnest(range(30000)) AS x) t": "449985000",
	} {
		wantOutput(t, call(t, 0, "", "sql", query, "--format", "csv"), "v\n"+want+"\n")
	}
	wantOutput(t, call(t, 0, "SELECT run_id AS v FROM run.info", "sql", "--run", oldRun, "--format=csv"), "v\n"+oldRun+"\n")
	wantOutput(t, call(t, 0, "", "sql", "SELECT run_id AS v FROM run.info", "--format", "csv", "--run", partialRun), "v\n"+partialRun+"\n")
	if got := call(t, 0, "", "sql", "EXPLAIN SELECT 42"); got.code != 0 || !strings.Contains(got.stdout, "42") {
		t.Errorf("EXPLAIN: %+v", got)
	}
}

func TestSQL_SaysWhatIsWrongInOneSentence(t *testing.T) {
	newShop(t)
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"FROM nope"}, "Table with name nope does not exist"},
		{[]string{"SELECT 1\nFROM\nnope"}, "(line 3)"},
		{[]string{"SELEC 1"}, "syntax error"},
		{[]string{"INSERT INTO run.settings VALUES ('a', 'b')"}, "INSERT is refused: sql only reads"},
		{[]string{"COPY plan.changes TO 'x.csv'"}, "sql reads the run and the state, and no other file"},
		{[]string{""}, "there is no query"},
		{[]string{"/* nothing */", "--format", "csv"}, "there is no query"},
		{[]string{"a", "b"}, "one query"},
		{[]string{"SELECT 1; SELECT 2", "--format", "csv"}, "more than one statement gives rows"},
		{[]string{"--run", "20200101T000000Z", "SELECT 1"}, "no such run"},
		{[]string{"--format", "xml", "SELECT 1"}, "--format xml: it is table, csv, json, ndjson, markdown or parquet"},
		{[]string{"SELECT 1", "--format"}, "needs a value"},
		{[]string{"SELECT 1", "--nope", "x"}, "--nope"},
		{[]string{"SELECT 1", "--output", "no/such/folder/x"}, "--output no/such/folder/x"},
		{[]string{"SELECT 1", "--output", "data"}, "that is a folder"},
	} {
		got := call(t, 0, "", append([]string{"sql"}, test.args...)...)
		if test.args[0] == "SELECT 1; SELECT 2" {
			got.stdout = "" // the first answer may be out by then
		}
		wantUsage(t, got, test.want)
	}
	wantUsage(t, call(t, 80, "", "sql", "SELECT 1", "--format", "parquet"), "name a file with --output")
}

func TestSQL_CutsATableOnATerminalAndSaysSo(t *testing.T) {
	newShop(t)
	got := call(t, 40, "", "sql", "SELECT range AS n, repeat('long ', 20) AS t FROM range(1003)")
	lines := strings.Split(got.stdout, "\n")
	if len(lines) != 2+tableRows+1 || !strings.Contains(got.stderr, "3 more rows were not shown") {
		t.Errorf("%d lines, stderr %q", len(lines), got.stderr)
	}
	for _, line := range lines {
		if n := len([]rune(line)); n > 40 {
			t.Fatalf("%d columns wide: %q", n, line)
		}
	}
	got = call(t, 0, "", "sql", "SELECT range AS n FROM range(25003)")
	if n := strings.Count(got.stdout, "\n"); n != 2+25003 || !strings.HasSuffix(got.stdout, "\n25002\n") {
		t.Errorf("%d lines where there is no terminal, want all", n)
	}
}

func TestSQL_WritesAFileWholeOrNotAtAll(t *testing.T) {
	newShop(t)
	wantOutput(t, call(t, 0, "", "sql", "FROM plan.changes", "--format", "parquet", "--output", "x.parquet"), "")
	if data, err := os.ReadFile("x.parquet"); err != nil || !bytes.HasPrefix(data, []byte("PAR1")) {
		t.Errorf("no parquet file: %v", err)
	}
	got := call(t, 0, "", "sql", "FROM plan.changes", "--format", "parquet")
	if got.code != 0 || !strings.HasPrefix(got.stdout, "PAR1") {
		t.Errorf("parquet on stdout: %+v", got)
	}
	if err := os.WriteFile("x.csv", []byte("as it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantUsage(t, call(t, 0, "", "sql", "SELECT 1; FROM nope", "--format", "csv", "--output", "x.csv"), "nope")
	if data, _ := os.ReadFile("x.csv"); string(data) != "as it was" {
		t.Errorf("x.csv is %q", data)
	}
	wantOutput(t, call(t, 0, "", "sql", "SELECT 1 AS a", "--format", "csv", "--output", "x.csv"), "")
	if data, _ := os.ReadFile("x.csv"); string(data) != "a\n1\n" {
		t.Errorf("x.csv is %q", data)
	}
	if left, _ := filepath.Glob(".x*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSQL_WorksWithWhatThereIs(t *testing.T) {
	newShop(t)
	query := []string{"sql", "--format", "csv", "SELECT string_agg(database_name, ' ' ORDER BY database_name) AS v FROM duckdb_databases() WHERE NOT internal"}
	wantOutput(t, call(t, 0, "", query...), "v\nmemory runfile state\n")
	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	rename("data/demo/state.duckdb", "state")
	if err := os.Remove("data/demo/state.read.duckdb"); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if got := call(t, 0, "", query...); got.code != 0 || got.stdout != "v\nmemory runfile\n" || !strings.Contains(got.stderr, "without the state") {
		t.Errorf("only run files: %+v", got)
	}
	rename("state", "data/demo/state.duckdb")
	rename("data/demo/runs", "gone")
	if got := call(t, 0, "", query...); got.code != 0 || got.stdout != "v\nmemory state\n" {
		t.Errorf("only a state: %+v", got)
	}
	rename("data/demo/state.duckdb", "state")
	wantUsage(t, call(t, 0, "", query...), "no run yet")
}

// brokenPipe is a stdout whose reader went away.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) {
	return 0, &os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}
}

func TestSQL_AReaderThatWentAwayIsNoError(t *testing.T) {
	newShop(t)
	env := Env{Stdin: strings.NewReader(""), Stdout: brokenPipe{}, Stderr: io.Discard, Now: time.Now, LookupEnv: func(string) (string, bool) { return "", false }}
	if code := Run(context.Background(), env, []string{"magento-optiply", "sql", "--format", "csv", "FROM range(100000)"}); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
}
