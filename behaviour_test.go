package main_test

import (
	"bytes"
	"encoding/json"
	"net"
	nethttp "net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"magento-optiply/magento/magentotest"
)

// servedShop is a shop served over HTTP by this test, which may change it between runs.
type servedShop struct {
	shopDir
	shop   *magentotest.Shop
	server *magentotest.Server
}

// newServedShop serves night 1, and configures a shop that reads it there.
func newServedShop(t *testing.T, sync string, options magentotest.Options) servedShop {
	t.Helper()
	shop, err := magentotest.Load(os.DirFS("fixtures/demo/night-1"))
	if err != nil {
		t.Fatal(err)
	}
	server := magentotest.New(shop, options)
	url, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return servedShop{newShop(t, sync, "store_url: "+url+"\naccess_token: demo-token"), shop, server}
}

func TestPhases_ByHandGiveWhatRunGives(t *testing.T) {
	t.Parallel()
	s := newShop(t, "sync_product_deletions: true", "")
	for _, n := range []int{1, 2} {
		id := strings.TrimSpace(s.must(0, "extract", "--fixtures", night(n)).stdout)
		s.must(3, "transform", "--run", id)
		s.must(3, "load", "--run", id)
		s.matches(n, "sync_product_deletions")
	}
	if r := s.must(3, "load"); !strings.Contains(r.stderr, "sent") {
		t.Errorf("a load that sends nothing does not say so:\n%s", r.stderr)
	}
	s.matches(2, "sync_product_deletions")
}

func TestDryRun_SendsNothingAndMovesNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	r := s.must(3, "run", "--dry-run", "--fixtures", night(1))
	if !strings.Contains(r.stderr, "60 changes to send; nothing was sent") {
		t.Errorf("the summary does not tell what would be sent:\n%s", r.stderr)
	}
	if exists(filepath.Join(s.dir, "data", "demo", "sandbox")) {
		t.Error("a dry run has started the sandbox")
	}
	if rows := s.query("SELECT (SELECT count(*) FROM state.bookmarks), (SELECT count(*) FROM state.ledger), (SELECT count(*) FROM state.products)"); !slices.Equal(rows[0], []string{"0", "0", "0"}) {
		t.Errorf("bookmarks, ledger, products after a dry run: %v", rows[0])
	}
	s.must(3, "load", "--dry-run")
	s.must(3, "load")
	s.matches(1, "default")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func TestDeletions_ReturnWithTheirOldID(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "sync_product_deletions: true", magentotest.Options{})
	s.must(3, "run")
	was := s.query("SELECT optiply_id FROM state.products WHERE remote_id = '62'")
	record := find(t, s.shop, "products", `"id":62,`)
	s.shop.Delete("products", "TMP-1")
	s.must(0, "run", "--full")
	if rows := s.query("SELECT op, reason FROM diff.products WHERE remote_id = '62'"); len(rows) != 1 || rows[0][0] != "disable" {
		t.Fatalf("changes of the product that is gone: %v", rows)
	}
	if err := s.shop.Put("products", record); err != nil {
		t.Fatal(err)
	}
	s.must(0, "run", "--full")
	if rows := s.query("SELECT op, optiply_id, status FROM diff.products WHERE remote_id = '62'"); len(rows) != 1 || !slices.Equal(rows[0], []string{"update", was[0][0], "enabled"}) {
		t.Errorf("changes of the product that came back: %v, want an update of %s", rows, was[0][0])
	}
}

func find(t *testing.T, shop *magentotest.Shop, stream, part string) json.RawMessage {
	t.Helper()
	for _, r := range shop.Records(stream) {
		if bytes.Contains(r, []byte(part)) {
			return r
		}
	}
	t.Fatalf("no record of %s has %s", stream, part)
	return nil
}

func TestDeletions_AboveTheCeilingAreHeldAndOnlyTheyAre(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "sync_product_deletions: true", magentotest.Options{})
	s.must(3, "run")
	for _, record := range s.shop.Records("products")[:12] {
		var p struct{ SKU string }
		if err := json.Unmarshal(record, &p); err != nil {
			t.Fatal(err)
		}
		s.shop.Delete("products", p.SKU)
	}
	changed := bytes.Replace(find(t, s.shop, "products", `"id":36,`), []byte(`"Custom options"`), []byte(`"Options of your own"`), 1)
	if err := s.shop.Put("products", changed); err != nil {
		t.Fatal(err)
	}
	r := s.must(5, "run", "--full")
	if !strings.Contains(r.stderr, "--allow-deletions 12") {
		t.Errorf("the summary does not say what to do:\n%s", r.stderr)
	}
	if rows := s.query("SELECT op, remote_id FROM diff.products ORDER BY ALL"); len(rows) != 1 || rows[0][1] != "36" {
		t.Errorf("changes beside the held deletions: %v, want the new name of 36 alone", rows)
	}
	s.must(5, "load", "--allow-deletions", "11")
	s.must(0, "load", "--allow-deletions", "12")
	if rows := s.query("SELECT count(*) FROM state.products WHERE status = 'disabled'"); rows[0][0] != "14" {
		t.Errorf("%s products are disabled, want the 12 that are gone and the 2 that were", rows[0][0])
	}
}

func TestDeletions_NeedACompleteListing(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "sync_product_deletions: true", magentotest.Options{})
	s.must(3, "run")
	for _, record := range s.shop.Records("products") {
		var p struct{ SKU string }
		if err := json.Unmarshal(record, &p); err != nil {
			t.Fatal(err)
		}
		s.shop.Delete("products", p.SKU)
	}
	r := s.must(5, "run", "--full", "--allow-deletions", "1000")
	if !strings.Contains(r.stderr, "no product at all") {
		t.Errorf("the summary does not say why:\n%s", r.stderr)
	}
	if rows := s.query("SELECT count(*) FROM diff.products"); rows[0][0] != "0" {
		t.Errorf("%s changes although the shop answered no product", rows[0][0])
	}
}

func TestCheck_StopsALoadWhenAMappingIsBroken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, file, old, new, says string }{
		{"a remote id twice", "220_model_products.sql", "FROM news n\n", "FROM (SELECT * FROM news UNION ALL SELECT * FROM news WHERE remote_id = '1') n\n", "occurs 2 times"},
		{"a line without its order", "250_model_sell_order_lines.sql", "SELECT l.order_remote_id,", "SELECT l.order_remote_id || '9' AS order_remote_id,", "its order is not in model.sell_orders"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, "", "")
			s.must(3, "run", "--dry-run", "--fixtures", night(1))
			text, err := os.ReadFile(filepath.Join("transform/sql", test.file))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(s.dir, "sql"), 0o750); err != nil {
				t.Fatal(err)
			}
			broken := strings.Replace(string(text), test.old, test.new, 1)
			if broken == string(text) {
				t.Fatalf("%s has no %q any more", test.file, test.old)
			}
			s.write("sql/"+test.file, broken)
			if r := s.must(5, "transform", "--sql", "sql"); !strings.Contains(r.stderr, test.says) {
				t.Errorf("transform does not name the broken row:\n%s", r.stderr)
			}
			if r := s.must(5, "load"); !strings.Contains(r.stderr, test.says) {
				t.Errorf("load does not name the broken row:\n%s", r.stderr)
			}
			if products, _, _ := s.held(); len(products) > 0 {
				t.Errorf("%d products were sent all the same", len(products))
			}
			s.must(3, "transform")
			s.must(3, "load")
			s.matches(1, "default")
		})
	}
}

func TestSQL_AnswersWhileARunIsGoingOn(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{})
	s.must(3, "run")
	s.server.AddFault(magentotest.Fault{Name: "slow", Prefix: "/V1/stockStatuses/", Times: 1000, Delay: 150 * time.Millisecond})
	cmd := exec.Command(binary, "run", "--full")
	cmd.Dir = s.dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { _ = cmd.Wait(); close(done) }()
	waitFor(t, func() bool { return len(s.shopRuns()) == 2 })
	if rows := s.query("SELECT (SELECT count(*) FROM model.products), (SELECT count(*) FROM state.products)"); !slices.Equal(rows[0], []string{"46", "46"}) {
		t.Errorf("products of the last night and of the state: %v", rows[0])
	}
	if r := s.exec("run"); r.code != 4 || !strings.Contains(r.stderr, "process") {
		t.Errorf("a second run beside the first: exit code %d\n%s", r.code, r.stderr)
	}
	select {
	case <-done:
		t.Error("the run had ended before sql was asked, so nothing was tested")
	default:
	}
	<-done
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the run that was looked at: exit code %d", code)
	}
}

func (s servedShop) shopRuns() []string {
	names, _ := filepath.Glob(filepath.Join(s.dir, "data", "demo", "runs", "*.duckdb"))
	return names
}

func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for range 200 {
		if done() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("waited in vain")
}

func TestOnly_DoesItsPartAndNoOther(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "sync_product_deletions: true", magentotest.Options{})
	s.must(0, "run", "--only", "products")
	if _, orders, _ := s.held(); len(orders) != 0 {
		t.Errorf("--only products has sent %d orders", len(orders))
	}
	s.must(3, "run", "--only", "sell_orders")
	s.matches(1, "default")
	stock := bytes.Replace(find(t, s.shop, "stock_statuses", `"sku":"24-MB01","answer"`), []byte(`"qty":56,`), []byte(`"qty":41,`), 1)
	if err := s.shop.Put("stock_statuses", stock); err != nil {
		t.Fatal(err)
	}
	s.shop.Delete("products", "TMP-1")
	s.must(0, "run", "--only", "products")
	s.must(0, "run", "--only", "stocks")
	if rows := s.query("SELECT op, remote_id, array_to_string(changed, ',') FROM diff.products"); len(rows) != 1 || !slices.Equal(rows[0], []string{"update", "1", "stockLevel"}) {
		t.Errorf("changes of --only stocks: %v", rows)
	}
	s.must(0, "run", "--only", "deletions")
	if rows := s.query("SELECT op, remote_id FROM diff.products"); len(rows) != 1 || !slices.Equal(rows[0], []string{"disable", "62"}) {
		t.Errorf("changes of --only deletions: %v", rows)
	}
}

func TestDeletions_AreLookedAtAlthoughProductsAloneWereReadWhole(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "sync_product_deletions: true", magentotest.Options{})
	s.must(0, "run", "--only", "products")
	s.shop.Delete("products", "TMP-1")
	s.must(3, "run")
	if rows := s.query("SELECT op, remote_id FROM diff.products"); len(rows) != 1 || !slices.Equal(rows[0], []string{"disable", "62"}) {
		t.Errorf("changes of a run whose products were read whole by an earlier one, without deletions: %v", rows)
	}
}

func TestLoad_AnOvertakenRunIsNeverSent(t *testing.T) {
	t.Parallel()
	s := newShop(t, "sync_product_deletions: true", "")
	id := strings.TrimSpace(s.must(0, "extract", "--fixtures", night(1)).stdout)
	s.must(3, "transform")
	s.must(3, "run", "--fixtures", night(1))
	s.must(3, "run", "--fixtures", night(2))
	loaded := s.query("SELECT run_id FROM state.runs ORDER BY run_id")[1][0]
	for _, args := range [][]string{
		{"load", "--run", id}, {"load", "--run", id, "--allow-deletions", "5"}, {"load", "--run", id, "--dry-run"},
		{"load", "--run", loaded}, {"load", "--run", loaded, "--allow-deletions", "5"},
	} {
		if r := s.must(5, args...); !strings.Contains(r.stderr, "is older than run") {
			t.Errorf("%v does not say why it is refused:\n%s", args, r.stderr)
		}
	}
	s.must(3, "transform", "--run", id)
	s.must(5, "load", "--run", id)
	s.matches(2, "sync_product_deletions")
}

func TestLoad_APermissionIsForOneLoadAndForThePlanThatWasLookedAt(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "sync_product_deletions: true", magentotest.Options{})
	s.must(3, "run")
	for _, record := range s.shop.Records("products")[:12] {
		var p struct{ SKU string }
		if err := json.Unmarshal(record, &p); err != nil {
			t.Fatal(err)
		}
		s.shop.Delete("products", p.SKU)
	}
	s.must(5, "run", "--full", "--dry-run")
	text, err := os.ReadFile("transform/sql/310_diff_deletions.sql")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.dir, "sql"), 0o750); err != nil {
		t.Fatal(err)
	}
	s.write("sql/310_diff_deletions.sql", strings.Replace(string(text), "-- purpose:", "-- purpose: (ours)", 1))
	s.must(5, "transform", "--sql", "sql")
	before := s.query("SELECT hash FROM plan.summary")[0][0]
	if r := s.must(5, "load", "--plan", before, "--allow-deletions", "12"); !strings.Contains(r.stderr, "plan "+before) {
		t.Errorf("another plan than the one that was looked at is sent:\n%s", r.stderr)
	}
	if rows := s.query("SELECT count(*) FROM run.steps WHERE text LIKE '%(ours)%'"); rows[0][0] != "1" {
		t.Error("the plan was made again by other SQL than the run's own")
	}
	s.must(0, "load", "--dry-run", "--allow-deletions", "12")
	if after := s.query("SELECT hash FROM plan.summary")[0][0]; after != before {
		t.Errorf("a dry run has changed the plan from %s to %s", before, after)
	}
	s.must(5, "load")
	if rows := s.query("SELECT count(*) FROM state.products WHERE status = 'disabled'"); rows[0][0] != "2" {
		t.Errorf("%s products are disabled, although this load was not allowed to", rows[0][0])
	}
	s.must(0, "load", "--allow-deletions", "12")
	if rows := s.query("SELECT count(*) FROM state.products WHERE status = 'disabled'"); rows[0][0] != "14" {
		t.Errorf("%s products are disabled, want 14", rows[0][0])
	}
}

func TestErrors_AreOneSentenceAndLeaveNothingHalfDone(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent.Close()
	for _, test := range []struct {
		name, magento, optiply string
		code                   int
		says                   []string
	}{
		{"a wrong token", "access_token: wrong", "", 1, []string{"401", "magento.access_token"}},
		{"a shop that is away", "store_url: http://" + silent.Addr().String() + "\naccess_token: x\nretries: 0", "", 1, []string{"cannot be reached", "magento.store_url"}},
		{"an unknown store code", "access_token: demo-token\nstore_code: nowhere", "", 1, []string{"store_code"}},
		{"an unknown store", "access_token: demo-token\nstore_id: 1,nowhere", "", 2, []string{"nowhere", "default"}},
		{"Optiply is away", "access_token: demo-token", "base_url: http://" + silent.Addr().String() + "/v1\ndashboard_url: http://" + silent.Addr().String() +
			"/api\nclient_id: a\nclient_secret: s3cret\nusername: b\npassword: pa55word\naccount_id: 1\ncoupling_id: 2", 1, []string{silent.Addr().String()}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newServedShop(t, "", magentotest.Options{})
			text := configOf(t, s.shopDir)
			text = strings.Replace(text, "  access_token: demo-token\n", indent(test.magento), 1)
			if strings.Contains(test.magento, "store_url") {
				text = dropFirst(text, "  store_url: ")
			}
			if test.optiply != "" {
				text = strings.Replace(text, "  base_url: sandbox\n", indent(test.optiply), 1)
			}
			s.write("magento-optiply.yaml", text)
			r := s.must(test.code, "run")
			last := strings.TrimSpace(r.stderr[strings.LastIndex(strings.TrimSpace(r.stderr), "\n")+1:])
			for _, part := range test.says {
				if !strings.Contains(last, part) {
					t.Errorf("the last line does not say %q: %s", part, last)
				}
			}
			for _, secret := range []string{"s3cret", "pa55word"} {
				if strings.Contains(r.stderr, secret) {
					t.Errorf("a secret is shown:\n%s", r.stderr)
				}
			}
			if runs := s.shopRuns(); len(runs) > 0 {
				t.Errorf("a run that read nothing has left %v", runs)
			}
		})
	}
}

func TestWarehouses_AnUnknownOneIsAnError(t *testing.T) {
	t.Parallel()
	s := newShop(t, "use_inventory_source_items: true\nwarehouse_ids: rotterdam, roterdam", "")
	if r := s.must(2, "run", "--fixtures", night(1)); !strings.Contains(r.stderr, `no source "roterdam"; it has antwerp, closed, default, rotterdam`) {
		t.Errorf("the error does not name the code and what there is:\n%s", r.stderr)
	}
}

func configOf(t *testing.T, s shopDir) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, "magento-optiply.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// dropFirst removes the first line that begins with prefix.
func dropFirst(text, prefix string) string {
	before, after, ok := strings.Cut(text, prefix)
	if !ok {
		return text
	}
	_, rest, _ := strings.Cut(after, "\n")
	return before + rest
}

func TestSummary_IsTheLastLineOfTheJSONLog(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	r := s.must(3, "--log-format", "json", "run", "--fixtures", night(1))
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			t.Errorf("not JSON: %s", line)
		}
	}
	var last struct {
		Type     string `json:"type"`
		RunID    string `json:"run_id"`
		ExitCode int    `json:"exit_code"`
		Changes  []struct {
			Entity, Op    string
			Planned, Done int
		}
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatal(err)
	}
	if last.Type != "summary" || last.RunID == "" || last.ExitCode != 3 || len(last.Changes) != 2 || last.Changes[0].Done != 46 || last.Changes[1].Done != 14 {
		t.Errorf("the summary: %+v", last)
	}
	if r.stdout != "" {
		t.Errorf("run writes to stdout, which is for data: %q", r.stdout)
	}
}

func TestServe_OffersBothServers(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	for _, args := range [][]string{{"serve", "shop", "--fixtures", night(1)}, {"serve", "sandbox"}} {
		cmd := exec.Command(binary, args...)
		cmd.Dir = s.dir
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line := make([]byte, 200)
		n, err := out.Read(line)
		if err != nil {
			t.Fatal(err)
		}
		url, _, _ := strings.Cut(string(line[:n]), "\n")
		resp, err := nethttp.Get(url)
		if err != nil {
			t.Errorf("%v: %v", args, err)
		} else {
			resp.Body.Close()
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

func TestPoison_OneRecordIsQuarantinedByNameAndTheOthersAreRead(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "sync_product_deletions: true", magentotest.Options{})
	s.must(3, "run")
	s.shop.Delete("products", "TMP-1")
	changed := bytes.Replace(find(t, s.shop, "products", `"id":36,`), []byte(`"Custom options"`), []byte(`"Options of your own"`), 1)
	if err := s.shop.Put("products", changed); err != nil {
		t.Fatal(err)
	}
	heal := s.server.AddFault(magentotest.Fault{Name: "broken", Prefix: "/V1/products", Poison: &magentotest.Poison{Stream: "products", Key: "24-MB01"}})
	r := s.must(5, "run", "--full")
	if !strings.Contains(r.stderr, "quarantined") {
		t.Errorf("the summary does not tell of the record:\n%s", r.stderr)
	}
	if rows := s.query("SELECT entity, remote_id FROM run.issues WHERE kind = 'quarantined'"); len(rows) != 1 || !slices.Equal(rows[0], []string{"products", "1"}) {
		t.Errorf("quarantined: %v, want product 1", rows)
	}
	if rows := s.query("SELECT op, remote_id FROM diff.products"); len(rows) != 1 || rows[0][1] != "36" {
		t.Errorf("changes: %v, want the new name of 36, and nothing disabled", rows)
	}
	heal()
	s.must(0, "run", "--full")
	if rows := s.query("SELECT op, remote_id FROM diff.products"); len(rows) != 1 || !slices.Equal(rows[0], []string{"disable", "62"}) {
		t.Errorf("changes when the record can be read again: %v, want 62 disabled", rows)
	}
}

func TestPoison_AnOrderThatIsReadByIDCostsNoOtherAndWaits(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{})
	s.server.AddFault(magentotest.Fault{Name: "broken", Prefix: "/V1/orders", Poison: &magentotest.Poison{Stream: "orders", Key: "57"}})
	s.must(3, "run")
	if _, orders, _ := s.held(); len(orders) != 13 {
		t.Errorf("%d orders were sent, want all 14 but the one that cannot be read", len(orders))
	}
	if rows := s.query("SELECT count(*) FROM state.bookmarks WHERE stream = 'orders'"); rows[0][0] != "0" {
		t.Error("the bookmark of the orders has passed an order that was not read")
	}
	s.must(3, "run")
	if rows := s.query("SELECT DISTINCT entity, remote_id FROM run.issues WHERE kind = 'quarantined'"); len(rows) != 1 || !slices.Equal(rows[0], []string{"orders", "57"}) {
		t.Errorf("quarantined: %v, want order 57", rows)
	}
	s.server.ClearFaults()
	s.must(3, "run") // the window is read once more, and with it an order that no line is left of
	s.matches(1, "default")
	if rows := s.query("SELECT count(*) FROM state.parked"); rows[0][0] != "0" {
		t.Errorf("%s rows are parked still", rows[0][0])
	}
}
