package commands

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestSQL_LooksIntoSeveralRunsAtOnce(t *testing.T) {
	newShop(t)
	// Only the latest run has a plan: the others lack the table.
	wantOutput(t, call(t, 0, "", "sql", "--runs", "7", "--format", "csv", "SELECT i.run_id, count(c.seq) AS changes FROM run.info i LEFT JOIN plan.changes c USING (run_id) GROUP BY ALL ORDER BY ALL"),
		"run_id,changes\n"+oldRun+",0\n"+knownRun+",0\n"+latestRun+",3\n")
	wantOutput(t, call(t, 0, "", "sql", "--runs", "2", "--format", "csv", "SELECT run_id, key FROM raw.products ORDER BY ALL"), "run_id,key\n"+knownRun+",12\n"+latestRun+",12\n")
	wantOutput(t, call(t, 0, "", "sql", "--runs", "1", "--format", "csv", "SELECT count(*) AS n FROM state.ledger"), "n\n5\n")
	wantOutput(t, call(t, 0, "", "sql", "--runs", "2", "FROM run.info", "--format", "parquet", "--output", "x.parquet"), "")
	if data, err := os.ReadFile("x.parquet"); err != nil || !bytes.HasPrefix(data, []byte("PAR1")) {
		t.Errorf("no parquet file: %v", err)
	}
	wantUsage(t, call(t, 0, "", "sql", "--runs", "2", "--run", latestRun, "SELECT 1"), "leave out one of the two")
	wantUsage(t, call(t, 0, "", "sql", "--runs", "0", "SELECT 1"), "--runs 0: it is a number of runs")
	for _, query := range []string{"DROP VIEW run.info", "INSERT INTO run_" + latestRun + ".run.settings VALUES ('a', 'b')", "ATTACH 'x'", "FROM read_text('/etc/hostname')", "COPY run.info TO 'x.csv'"} {
		if got := call(t, 0, "", "sql", "--runs", "2", query); got.code != exitUsage {
			t.Errorf("%s: %+v", query, got)
		}
	}
}

func TestSQL_PassesOverARunThatIsBeingWritten(t *testing.T) {
	newShop(t)
	hold(t)
	got := call(t, 0, "", "sql", "--runs", "7", "--format", "csv", "SELECT run_id FROM run.info ORDER BY ALL")
	if got.code != 0 || got.stdout != "run_id\n"+oldRun+"\n"+knownRun+"\n" || !strings.Contains(got.stderr, "a run is passed over: another process has its file open") {
		t.Errorf("%+v", got)
	}
}

// Nothing is answered of a text that holds something else than questions.
func TestSQL_ChecksEveryStatementBeforeItAnswersTheFirst(t *testing.T) {
	newShop(t)
	for _, second := range []string{"DROP TABLE run.info", "FROM nope", "INSTALL httpfs", "COPY run.info TO 'x.csv'"} {
		if got := call(t, 0, "", "sql", "SELECT 1 AS a; "+second); got.code != exitUsage || got.stdout != "" || strings.Count(got.stderr, "\n") != 1 {
			t.Errorf("%s: %+v", second, got)
		}
	}
	if exists("x.csv") {
		t.Error("a refused statement wrote a file")
	}
	wantOutput(t, call(t, 0, "", "sql", "--format", "markdown", "SELECT 1 AS a; SET VARIABLE x = 'two'; SELECT getvariable('x') AS b"), "| a |\n| ---: |\n| 1 |\n\n| b |\n| --- |\n| two |\n")
}

func TestSQL_AQueryMayBeginWithAComment(t *testing.T) {
	newShop(t)
	wantOutput(t, call(t, 0, "", "sql", "-- what is it\nSELECT 1 AS a", "--format", "csv"), "a\n1\n")
	wantOutput(t, call(t, 0, "", "sql", "--format", "csv", "--\nSELECT 1 AS a"), "a\n1\n")
}

func TestSQL_NamedQueriesAreListedAndAsked(t *testing.T) {
	newShop(t)
	got := call(t, 0, "", "sql", "--named")
	if got.code != 0 || !strings.Contains(got.stdout, "\norders-held           orders that wait, what they wait for, and since when\n") || !strings.Contains(got.stdout, "(the last 7 runs, or\n") {
		t.Errorf("the list: %+v", got)
	}
	for line := range strings.Lines(got.stdout) {
		if len([]rune(line)) > 81 {
			t.Errorf("wider than 80 columns: %q", line)
		}
	}
	wantOutput(t, call(t, 0, "", "sql", "--named", "price-changes", "--format", "csv"), "sku,remote_id,before,after,percent\nSKU,12,34.00,35.00,2.9\n")
	wantOutput(t, call(t, 0, "", "sql", "--format", "csv", "--named", "answers", "--run", latestRun), "entity,op,state,status,requests\nproducts,disable,acknowledged,,1\nproducts,update,rejected,,1\nsell_orders,create,acknowledged,,1\n")
	wantUsage(t, call(t, 0, "", "sql", "--named", "nope"), "there is no named query nope; `sql --named` lists them")
	wantUsage(t, call(t, 0, "", "sql", "--named", "price-changes", "SELECT 1"), "leave out the query")
	wantUsage(t, call(t, 0, "", "sql", "--named", "price-changes", "--runs", "3"), "price-changes looks at one run")
	wantUsage(t, call(t, 0, "", "sql", "--named", "nights", "--run", latestRun), "nights looks at several runs")
}

// What the demo's nights do not have: a product that ran out, an SKU twice, a request that was refused.
func TestSQL_NamedQueriesFindWhatTheDemoDoesNotHave(t *testing.T) {
	shop := newShop(t)
	if err := makeRun(shop, "20261123T120000Z", true,
		`CREATE TABLE model.products AS SELECT '12' AS remote_id, 'SKU' AS sku_code, 'Bag' AS name, 0::BIGINT AS stock_level, false AS unlimited_stock, 'enabled' AS status
		 UNION ALL SELECT '13', 'sku', 'Bag again', 4, false, 'enabled'`,
		`INSERT INTO before.products BY NAME SELECT '12' AS remote_id, 'x' AS optiply_id, 'SKU' AS sku_code, 9 AS stock_level`,
		`INSERT INTO state.ledger (seq, happened_at, run_id, plan_hash, entity, op, remote_id, state, attempt, body, status, reason) VALUES
			(80, TIMESTAMP '2026-11-23 12:00:10', run_id(), 'ee', 'products', 'update', '13', 'sent', 1, '{"stockLevel":4}', NULL, NULL),
			(81, TIMESTAMP '2026-11-23 12:00:11', run_id(), 'ee', 'products', 'update', '13', 'rejected', 1, NULL, 422, 'no')`); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"out-of-stock":     "sku,name,remote_id,was,is_now\nSKU,Bag,12,9,0\n",
		"duplicate-skus":   "sku,products,remote_ids,names\nSKU,2,\"[\"\"12\"\",\"\"13\"\"]\",\"[\"\"Bag\"\",\"\"Bag again\"\"]\"\n",
		"refused-requests": "run_id,entity,op,remote_id,state,status,answer,body\n20261123T120000Z,products,update,13,rejected,422,no,\"{\"\"stockLevel\"\":4}\"\n" + latestRun + ",products,update,12,rejected,,,\n" + knownRun + ",products,create,7,sent,,,\n",
	} {
		wantOutput(t, call(t, 0, "", "sql", "--named", name, "--format", "csv"), want)
	}
}
