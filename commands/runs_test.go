package commands

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPlan_ShowsWhatWouldBeSent(t *testing.T) {
	newShop(t)
	wantOutput(t, call(t, 0, "", "plan"), `
Plan c0ffee of run 20261123T020000Z: 3 changes to send

entity       operation  planned
------------ ---------- --------
products     disable          1
products     update           1
sell_orders  create           1

Held: 1 products; see why with: magento-optiply sql "FROM run.issues WHERE kind = 'held'"

Deletions: 4 products in Optiply that the shop does not list
  disable 1: gone from Magento
  held 2: ceiling
  kept 1: the second look found it in Magento

disable products 5 (OLD-1) status enabled -> disabled: gone from Magento
update products 12 (SKU) price 34.00 -> 35.00
update products 12 (SKU) name A -> B
create sell_orders 40 placed 2026-11-22T10:00:00Z, totalValue 12.50, 1 line
held products 3 (OLD-3) status stays enabled: ceiling
held products 4 status stays enabled: ceiling
kept products 10 (OLD-2) status stays enabled: the second look found it in Magento
`)
	got := call(t, 0, "", "plan", "--entity", "sell_orders", "--format", "csv")
	want := "seq,entity,op,remote_id,optiply_id,sku,changed,before,after,lines,reason,run_id,plan_hash\n" +
		`3,sell_orders,create,40,,,"[""placed"",""totalValue"",""orderLines""]",,"{""placed"":""2026-11-22T10:00:00Z"",""totalValue"":12.5}","[{""product"":""12""}]",new order,20261123T020000Z,c0ffee` + "\n"
	if got.code != 0 || got.stdout != want || !strings.HasPrefix(got.stderr, "Plan c0ffee of run 20261123T020000Z: 1 change to send\n") || strings.Contains(got.stderr, "Deletions") {
		t.Errorf("csv: %+v", got)
	}
	got = call(t, 0, "", "plan", "--format", "json", "--output", "plan.json", "--run", latestRun)
	data, err := os.ReadFile("plan.json")
	if got.code != 0 || got.stdout != "" || err != nil || strings.Count(string(data), `"seq":`) != 3 || !strings.Contains(got.stderr, "held 2: ceiling") {
		t.Errorf("json: %+v, %v, %s", got, err, data)
	}
}

func TestPlan_RefusesWhatHasNone(t *testing.T) {
	newShop(t)
	wantUsage(t, call(t, 0, "", "plan", "--run", oldRun), "make it with `transform --run "+oldRun+"`")
	wantUsage(t, call(t, 0, "", "plan", "--run", partialRun), "go on with `extract --resume`")
	wantUsage(t, call(t, 0, "", "plan", "--run", "nope"), "no such run")
	wantUsage(t, call(t, 0, "", "plan", "--entity", "lines"), "it is products or sell_orders")
	wantUsage(t, call(t, 0, "", "plan", "--format", "ndjson"), "it is table, csv, json or parquet")
}

func TestRuns_ListsTheHistory(t *testing.T) {
	newShop(t)
	got := call(t, 0, "", "runs")
	got.stdout = regexp.MustCompile(` +[\d.]+ [kM]B`).ReplaceAllString(got.stdout, " SIZE")
	wantOutput(t, got, `
run               started (UTC)     command  verdict              read   sent  left out  seconds  exit    size
----------------- ----------------- -------- -------------------- ----- ------ --------- -------- ----- -------
20261124T020000Z  2026-11-24 02:00           not read whole SIZE
20261123T020000Z  2026-11-23 02:00  run      done, rows left out            2         0              3 SIZE
20261122T020000Z  2026-11-22 02:00  run      interrupted: load                                     130 SIZE
20261121T020000Z  2026-11-21 02:00  run      done                       1,213         0     61.5     0 SIZE
`)
	got = call(t, 0, "", "runs", "--format", "json")
	want := `{"run_id":"20261121T020000Z","started_at":"2026-11-21T02:00:00Z","ended_at":"2026-11-21T02:03:00Z","command":"run","phase":"done","verdict":"done","changes_sent":1213,"exit_code":0,"on_disk":true,"partial":false,"bytes":`
	if got.code != 0 || !strings.Contains(got.stdout, want) || !strings.Contains(got.stdout, `"exit_code":null,"on_disk":true,"partial":true`) {
		t.Errorf("json: %+v", got)
	}
	got = call(t, 60, "", "runs")
	for line := range strings.Lines(got.stdout) {
		if n := len([]rune(line)) - 1; n > 60 {
			t.Errorf("%d columns wide on a terminal of 60: %q", n, line)
		}
	}
	wantUsage(t, call(t, 0, "", "runs", "list"), "it is show, diff, prune or export")
}

func TestRunsShow_TellsWhatBecameOfARun(t *testing.T) {
	newShop(t)
	wantOutput(t, call(t, 0, "", "runs", "show", latestRun), `
Run 20261123T020000Z

stream    part   rows  pages  requests  complete
--------- ----- ------ ------ --------- ---------
products  full  1,213      5         5  yes

entity       operation  planned  done  rejected  held
------------ ---------- -------- ----- --------- -----
products     disable          1     1         0     0
products     update           1     0         1     0
sell_orders  create           1     1         0     0

Left out:
  rejected products 12 (SKU): Optiply says: name too odd
  held products 9 (NEW): its stock is not known
`)
	got := call(t, 0, "", "runs", "show", latestRun, "--format", "json")
	if got.code != 0 || !strings.HasPrefix(got.stdout, `{"type":"summary","run_id":"20261123T020000Z","exit_code":3,`) {
		t.Errorf("json: %+v", got)
	}
	if got := call(t, 0, "", "runs", "show", partialRun); got.code != 0 {
		t.Errorf("a partial run: %+v", got)
	}
	wantUsage(t, call(t, 0, "", "runs", "show"), "one run id")
	wantUsage(t, call(t, 0, "", "runs", "show", "nope"), "no such run")
}

func TestRunsPrune_KeepsWhatIsNeeded(t *testing.T) {
	shop := newShop(t)
	if err := makeRun(shop, "20261120T020000Z", false); err != nil {
		t.Fatal(err)
	}
	wantUsage(t, call(t, 0, "", "runs", "prune"), "--keep N")
	wantUsage(t, call(t, 0, "", "runs", "prune", "--keep", "-1"), "--keep N")
	wantOutput(t, call(t, 0, "", "runs", "prune", "--keep", "9"), "0 runs removed, 0 B freed; 5 runs kept\n")
	lock, err := shop.Lock("run", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got := call(t, 0, "", "runs", "prune", "--keep", "0"); got.code != exitLocked {
		t.Errorf("beside a run: %+v", got)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	got := call(t, 0, "", "runs", "prune", "--keep", "0")
	got.stdout = regexp.MustCompile(`[\d.]+ [kM]B`).ReplaceAllString(got.stdout, "SIZE")
	wantOutput(t, got, `
removed 20261120T020000Z  SIZE
removed 20261121T020000Z  SIZE
kept    20261122T020000Z  the outcome of a request of it is not known yet
kept    20261123T020000Z  it is the newest finished run
kept    20261124T020000Z  it can be gone on with (--resume)
2 runs removed, SIZE freed; 3 runs kept
`)
	if exists(shop.PagesDir(oldRun)) || !exists(shop.PagesDir(knownRun)) {
		t.Error("the pages do not go with their run")
	}
	if got := call(t, 0, "", "runs"); !strings.Contains(got.stdout, oldRun) {
		t.Errorf("the history is gone with the file: %+v", got)
	}
}

// newDay is the day of the newest run.
func newDay(hour int) time.Time { return time.Date(2026, 11, 23, hour, 0, 0, 0, time.UTC) }

// pruneAt runs runs prune as it would run at a time.
func pruneAt(t *testing.T, now time.Time, args ...string) called {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := Env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Now: func() time.Time { return now }, LookupEnv: func(string) (string, bool) { return "", false }}
	code := Run(t.Context(), env, append([]string{"magento-optiply", "--log-level", "warn", "runs", "prune"}, args...))
	return called{code, regexp.MustCompile(`[\d.]+ [kM]B`).ReplaceAllString(stdout.String(), "SIZE"), stderr.String()}
}

func TestRunsPrune_KeepsTheLastDays(t *testing.T) {
	shop := newShop(t)
	for _, id := range []string{"20261101T020000Z", "20261110T020000Z", "20261120T020000Z"} {
		if err := makeRun(shop, id, true); err != nil {
			t.Fatal(err)
		}
	}
	wantOutput(t, pruneAt(t, newDay(3), "--keep-days", "5", "--dry-run"), `
remove  20261101T020000Z  SIZE
remove  20261110T020000Z  SIZE
2 runs would be removed, SIZE freed; 5 runs kept
`)
	if !exists("data/demo/runs/20261101T020000Z.duckdb") {
		t.Error("--dry-run removed a run")
	}
	// Both: a run goes when neither keeps it.
	wantOutput(t, pruneAt(t, newDay(3), "--keep-days", "5", "--keep", "6"), "removed 20261101T020000Z  SIZE\n1 run removed, SIZE freed; 6 runs kept\n")
	wantUsage(t, pruneAt(t, newDay(3), "--keep-days", "-1"), "--keep N")
}

func TestRunsPrune_KeepsWhatAPersonStillNeeds(t *testing.T) {
	shop := newShop(t)
	plan := []string{"CREATE TABLE plan.changes AS SELECT 1 AS seq", "UPDATE run.info SET transformed_at = TIMESTAMP '2026-11-23 03:00:00'"}
	held := "INSERT INTO state.runs VALUES (run_id(), TIMESTAMP '2026-11-23 03:00:00', TIMESTAMP '2026-11-23 03:01:00', 'run', 'load', true, 5, 'x', NULL)"
	whole := []string{"UPDATE run.info SET products_full = true", "INSERT INTO run.coverage VALUES ('products', '', true, 1, 1, NULL)"}
	for _, run := range []struct {
		id         string
		statements []string
	}{
		{"20261119T020000Z", whole},              // an older whole one is not needed
		{"20261120T020000Z", whole},              // the newest whole one
		{"20261120T030000Z", plan},               // older than what was sent: load refuses its plan
		{"20261123T030000Z", append(plan, held)}, // a guard held it
		{"20261123T040000Z", plan},               // a dry run, and a newer plan has what it has
		{"20261123T050000Z", plan},               // the newest plan that is not sent
		{"20261123T060000Z", nil},                // the newest
	} {
		if err := makeRun(shop, run.id, true, run.statements...); err != nil {
			t.Fatal(err)
		}
	}
	wantOutput(t, pruneAt(t, newDay(7), "--keep", "0"), `
removed 20261119T020000Z  SIZE
kept    20261120T020000Z  it is the newest that read the whole products listing: `+"`adopt`"+` compares with it
removed 20261120T030000Z  SIZE
removed 20261121T020000Z  SIZE
kept    20261122T020000Z  the outcome of a request of it is not known yet
kept    20261123T020000Z  it is the newest that was sent: `+"`load --allow-deletions`"+` sends what it held
kept    20261123T030000Z  its plan is not sent yet (1 change): `+"`load --run 20261123T030000Z`"+`
removed 20261123T040000Z  SIZE
kept    20261123T050000Z  its plan is not sent yet (1 change): `+"`load --run 20261123T050000Z`"+`
kept    20261123T060000Z  it is the newest finished run
kept    20261124T020000Z  it can be gone on with (--resume)
4 runs removed, SIZE freed; 7 runs kept
`)
}

func TestRunsExport_WritesAllOrNothing(t *testing.T) {
	shop := newShop(t)
	wantUsage(t, call(t, 0, "", "runs", "export", latestRun), "--to DIR")
	wantUsage(t, call(t, 0, "", "runs", "export", latestRun, "--to", "out", "--format", "xml"), "--format xml: it is parquet or csv")
	wantUsage(t, call(t, 0, "", "runs", "export", "20200101T000000Z", "--to", "out"), "no such run")
	wantUsage(t, call(t, 0, "", "runs", "export", latestRun, "--to", "data"), "--to data: the folder is not empty")
	wantUsage(t, call(t, 0, "", "runs", "export", latestRun, "--to", "no/such/out"), "--to no/such/out")
	// A page that cannot be read ends it half way.
	page := filepath.Join(shop.PagesDir(latestRun), "products", "000001.json")
	was, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(page, was[:20], 0o600); err != nil {
		t.Fatal(err)
	}
	if got := call(t, 0, "", "runs", "export", latestRun, "--to", "out", "--raw", "--format", "csv"); got.code == 0 || got.stdout != "" || !strings.Contains(got.stderr, "raw.products") {
		t.Errorf("a broken page: %+v", got)
	}
	if left, err := filepath.Glob(".out*"); err != nil || len(left) > 0 || exists("out") {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := os.WriteFile(page, was, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir("out", 0o750); err != nil {
		t.Fatal(err)
	}
	if got := call(t, 0, "", "runs", "export", latestRun, "--raw", "--to", "out", "--format", "csv"); got.code != 0 || !regexp.MustCompile(`(?m)^plan\.changes +3  out/plan\.changes\.csv$`).MatchString(got.stdout) {
		t.Errorf("into an empty folder: %+v", got)
	}
	for name, query := range map[string]string{"plan.changes": "FROM plan.changes", "run.issues": "FROM run.issues", "raw.products": "FROM raw.products"} {
		data, err := os.ReadFile("out/" + name + ".csv")
		if err != nil {
			t.Fatal(err)
		}
		wantOutput(t, call(t, 0, "", "sql", "--run", latestRun, "--format", "csv", query), string(data))
	}
	// One that was killed long ago is taken away, one that may still be written and whatever is another's are not.
	long := time.Now().Add(-2 * time.Hour)
	for name, written := range map[string]time.Time{".out2.1.tmp": long, ".out2.2.tmp": time.Now(), ".other.1.tmp": long} {
		if err := errors.Join(os.Mkdir(name, 0o700), os.WriteFile(name+"/stage.products.csv", nil, 0o600), os.Chtimes(name+"/stage.products.csv", written, written), os.Chtimes(name, long, long)); err != nil {
			t.Fatal(err)
		}
	}
	if got := call(t, 0, "", "runs", "export", latestRun, "--to", "out2"); got.code != 0 || strings.Contains(got.stdout, "raw.") {
		t.Errorf("parquet: %+v", got)
	}
	if left, err := filepath.Glob(".*.tmp"); err != nil || !slices.Equal(left, []string{".other.1.tmp", ".out2.2.tmp"}) {
		t.Errorf("of half exports there are %v, %v", left, err)
	}
	if data, err := os.ReadFile("out2/plan.changes.parquet"); err != nil || !bytes.HasPrefix(data, []byte("PAR1")) {
		t.Errorf("no parquet: %v", err)
	}
}

func TestRunsDiff_RefusesWhatCannotBeCompared(t *testing.T) {
	newShop(t)
	wantUsage(t, call(t, 0, "", "runs", "diff", latestRun), "takes two run ids")
	wantUsage(t, call(t, 0, "", "runs", "diff", latestRun, latestRun), "takes two run ids")
	wantUsage(t, call(t, 0, "", "runs", "diff", latestRun, "nope"), "no such run")
	wantUsage(t, call(t, 0, "", "runs", "diff", latestRun, partialRun), "run "+partialRun+" is not read whole")
	wantUsage(t, call(t, 0, "", "runs", "diff", oldRun, latestRun), "make it with `transform --run "+oldRun+"`")
	wantUsage(t, call(t, 0, "", "runs", "diff", oldRun, latestRun, "--format", "parquet"), "it is table, csv or json")
}
