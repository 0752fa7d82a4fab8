package main_test

import (
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestDocs_OneShopDoesWhatThePagesSay sets up a shop as docs/first-night.md does, and does in it what the other pages show.
// Pages with a test of their own, such as docs/sql.md, are not here.
func TestDocs_OneShopDoesWhatThePagesSay(t *testing.T) {
	long(t)
	_, url := served(t)
	s := shopDir{t, t.TempDir()}
	t.Setenv("MAGENTO_ACCESS_TOKEN", "demo-token")
	out := s.follow("docs/first-night.md", "https://shop.example", url, "--account-id 98 --coupling-id 4711", "--sandbox")
	tells(t, out, "A night would work", "to send; nothing was sent", "changes sent.", "Nothing to send")

	s.asInSecurity()
	for _, page := range []string{"tables", "settings", "plan", "guards", "reconcile"} {
		s.follow("docs/" + page + ".md")
	}
	s.follow("docs/deadline.md", "06:00", time.Now().Add(6*time.Hour).Format("15:04"))
	s.waiting("products", "1", "refused")
	s.waiting("sell_orders", "17", "refused")
	s.follow("docs/rejects.md")
	s.follow("docs/failures.md")

	pings := 0
	told := httptest.NewServer(nethttp.HandlerFunc(func(nethttp.ResponseWriter, *nethttp.Request) { pings++ }))
	defer told.Close()
	s.write("heartbeat.url", told.URL+"/heartbeat")
	s.write("webhook.url", told.URL+"/webhook")
	if out := s.follow("docs/alerts.md"); !strings.Contains(out, `magento_optiply_last_success_timestamp_seconds{shop="demo"}`) || pings != 3 {
		t.Errorf("the heartbeat and the webhook were asked %d times, and the metrics are:\n%s", pings, out)
	}
	s.follow("docs/security.md", "bad-night", "bad-night-2")
	s.migrate(url)
}

// migrate has the shop's products and orders at Optiply, and nothing here that knows of them.
func (s shopDir) migrate(url string) {
	s.t.Helper()
	s.write("config.json", `{"store_url": "`+url+`", "access_token": "demo-token", "start_date": "2024-01-01T00:00:00Z", "order_ids": []}`)
	s.write("tenant-config.json", `{"optiply_base_url": "sandbox"}`)
	s.write("snapshots/products.snapshot.csv", s.must(0, "sql", "--format", "csv", `SELECT remote_id AS "remoteId", optiply_id FROM state.products`).stdout)
	s.forget()
	out := s.follow("docs/migrate-from-hotglue.md", "--shop demo", "--shop demo --force")
	tells(s.t, out, "order_ids", "A night would work", "matched", "Nothing to send")
	if n := s.query("SELECT count(*) FROM state.ledger WHERE op = 'create' AND state = 'sent'"); n[0][0] != "0" {
		s.t.Errorf("%s things that were there were created", n[0][0])
	}
}

// waiting puts a row on the list of `rejects`.
func (s shopDir) waiting(entity, id, cause string) {
	s.t.Helper()
	state := s.writeState()
	defer state.Close()
	_, err := state.DB.ExecContext(s.t.Context(), `INSERT INTO state.parked (entity, remote_id, kind, reason, run_id, first_at, last_at, times, cause)
		VALUES (?, ?, 'rejected', 'no such thing', 'x', now(), now(), 1, ?)`, entity, id, cause)
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestDocs_SeveralShops(t *testing.T) {
	long(t)
	t.Parallel()
	s := newShops(t)
	_, url := served(t)
	s.add("alpha", url)
	s.add("beta", url)
	s.follow("docs/shops.md")
}

// asInSecurity compares the modes of files with docs/security.md. The umask of a test is the developer's own.
func (s shopDir) asInSecurity() {
	t := s.t
	t.Helper()
	page, err := os.ReadFile("docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(s.dir, "data", "demo")
	pages, _ := filepath.Glob(filepath.Join(folder, "runs", "*.pages"))
	files, _ := filepath.Glob(filepath.Join(folder, "runs", "*.pages", "products", "*"))
	if len(pages) == 0 || len(files) == 0 {
		t.Fatalf("pages: %q, %q", pages, files)
	}
	for path, row := range map[string]string{
		folder: "750", filepath.Join(folder, "runs"): "750", pages[0]: "750", files[0]: "640",
		filepath.Join(folder, "state.read.duckdb"): "640", filepath.Join(folder, "lock"): "600",
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		mode, _ := strconv.ParseUint(row, 8, 32)
		if got := info.Mode().Perm(); got&^os.FileMode(mode) != 0 {
			t.Errorf("%s has mode %o, and docs/security.md says %s", path, got, row)
		}
	}
	for _, row := range []string{"`runs/` | folders, 750", "`runs/*.pages/` | 750, its files 640", "`state.read.duckdb` | 640", "`lock` | 600"} {
		if !strings.Contains(string(page), row) {
			t.Errorf("docs/security.md does not say %q", row)
		}
	}
}

// TestDocuments_TheArchitectureHasEveryArrow compares the drawing of docs/architecture.md, and the README's layout, with the imports.
func TestDocuments_TheArchitectureHasEveryArrow(t *testing.T) {
	page, err := os.ReadFile("docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var drawn, arrows, alone []string
	for _, m := range regexp.MustCompile(`(?m)^    ([a-z]+) --> ([a-z]+)$`).FindAllStringSubmatch(string(page), -1) {
		drawn = append(drawn, m[1]+" --> "+m[2])
	}
	named := func(p string) string { return strings.TrimPrefix(p, module+"/") }
	hidden := func(p string) bool { return root(p) || in("commands", "bench")(p) || strings.Contains(named(p), "/") }
	g := list(t)
	for _, p := range g.ours() {
		if !root(p) && !strings.Contains(named(p), "/") && !strings.Contains(string(readme), "| `"+named(p)+"`") {
			t.Errorf("the layout of the README has no %s", named(p))
		}
		if hidden(p) {
			continue
		}
		before := len(arrows)
		for _, q := range g[p].Imports {
			if ours(q) && !hidden(q) {
				arrows = append(arrows, named(p)+" --> "+named(q))
			}
		}
		if len(arrows) == before {
			alone = append(alone, "`"+named(p)+"`")
		}
	}
	slices.Sort(drawn)
	slices.Sort(arrows)
	if diff := cmp.Diff(arrows, drawn); diff != "" {
		t.Errorf("arrows (-of the imports +docs/architecture.md):\n%s", diff)
	}
	for _, p := range alone {
		if !regexp.MustCompile(`(?m)^.*` + p + `.* import nothing of ours`).Match(page) {
			t.Errorf("%s imports nothing of ours, and docs/architecture.md does not say so", p)
		}
	}
}

// TestDocuments_TablesAreThoseOfANight compares docs/tables.md with the files of a shop.
func TestDocuments_TablesAreThoseOfANight(t *testing.T) {
	t.Parallel()
	s := newLooked(t)
	page, err := os.ReadFile("docs/tables.md")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]string{}
	streams := []string{}
	for _, row := range s.query(`SELECT CASE table_catalog WHEN 'state' THEN 'state' ELSE table_schema END, table_name, string_agg(column_name, ', ' ORDER BY ordinal_position)
		FROM information_schema.columns WHERE table_catalog IN ('state', 'runfile') GROUP BY ALL ORDER BY ALL`) {
		switch schema, table, columns := row[0], row[1], row[2]; schema {
		case "raw":
			streams = append(streams, table)
			fallthrough
		case "page":
			there[schema+".<stream>"] = columns
		default:
			there[schema+"."+table] = columns
		}
	}
	told := map[string]string{}
	for _, m := range regexp.MustCompile("`((?:raw|page)\\.<stream>)` with ([^.]*)\\.").FindAllStringSubmatch(string(page), -1) {
		told[m[1]] = names(m[2])
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+\\.[a-z_]+)` \\|[^|]*\\|([^|]*)\\|$").FindAllStringSubmatch(string(page), -1) {
		told[m[1]] = names(m[2])
	}
	if diff := cmp.Diff(there, told); diff != "" {
		t.Errorf("tables and columns (-of a run file and a state file +docs/tables.md):\n%s", diff)
	}
	paragraph := regexp.MustCompile(`(?s)\nThe streams: (.*?)\n\n`).FindStringSubmatch(string(page))
	if paragraph == nil {
		t.Fatal("docs/tables.md lists no streams")
	}
	listed := strings.Split(names(paragraph[1]), ", ")
	slices.Sort(listed)
	if diff := cmp.Diff(streams, listed); diff != "" {
		t.Errorf("streams (-of a run file +docs/tables.md):\n%s", diff)
	}
}

// names are the names in backticks that stand in no parentheses, which hold explanations.
func names(text string) string {
	text = regexp.MustCompile(`\([^()]*(\([^()]*\)[^()]*)*\)`).ReplaceAllString(text, "")
	var list []string
	for _, m := range regexp.MustCompile("`([a-z0-9_]+)`").FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return strings.Join(list, ", ")
}
