package main_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	nethttp "net/http" // architecture_test.go has a name http
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/magento/magentotest"
)

// This test kills the real program (SIGKILL) while it reads the shop, at a random request or some time after it, goes on with
// --resume, and wants the run file to hold what an undisturbed run over the same shop holds. `make kill` tries many more
// moments, from another seed each time.

// interrupted is the second night of a shop, and the process that is killed while it reads it.
type interrupted struct {
	shopDir
	shop nethttp.Handler

	mu      sync.Mutex
	process *os.Process
	asked   int    // requests of this process
	at      int    // the request at which it is killed; 0: none
	moment  string // before, half, answered, later
	later   time.Duration
}

// variants are ways to read a shop: by SKU, by source, in bulk; with and without a record that it cannot answer for.
var variants = []struct {
	sync   string
	faults []magentotest.Fault
}{
	{"sync_product_deletions: true\nstock_bulk: off", []magentotest.Fault{
		{Prefix: "/V1/orders", Poison: &magentotest.Poison{Stream: "orders", Key: "57"}},
		{Prefix: "/V1/stockStatuses/24-MB01", Status: 500},
	}},
	{"sync_product_deletions: true", nil},
	{"sync_product_deletions: true\nuse_inventory_source_items: true", []magentotest.Fault{
		{Prefix: "/V1/products", Poison: &magentotest.Poison{Stream: "products", Key: "24-MB01"}},
	}},
}

// interrupt serves the second night, in a copy of the folder that the first one left.
func interrupt(t *testing.T, first string, variant int) *interrupted {
	t.Helper()
	shop, err := magentotest.Load(os.DirFS(night(2)))
	if err != nil {
		t.Fatal(err)
	}
	i := &interrupted{shopDir: shopDir{t, t.TempDir()}, shop: magentotest.New(shop, magentotest.Options{Faults: variants[variant].faults, Latency: time.Millisecond})}
	server := httptest.NewServer(i)
	t.Cleanup(server.Close)
	if err := os.CopyFS(filepath.Join(i.dir, "data"), os.DirFS(first)); err != nil {
		t.Fatal(err)
	}
	i.write("magento-optiply.yaml", fmt.Sprintf("shop: demo\ndata_dir: %s\nmagento:\n  store_url: %s\n  access_token: demo-token\n  retry_wait: 1ms\n  retries: 1\n"+
		"  page_size: 4\n  source_items_page_size: 7\noptiply:\n  base_url: sandbox\n  requests_per_second: 0\nsync:\n%s",
		filepath.Join(i.dir, "data"), server.URL, indent(variants[variant].sync)))
	return i
}

// ServeHTTP answers as the shop does, and kills the program at the request that was chosen: before it is answered, in the
// middle of the answer, when the answer has left, or a moment later, when it is being kept.
func (i *interrupted) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	i.mu.Lock()
	i.asked++
	moment := ""
	if i.asked == i.at {
		moment = i.moment
	}
	i.mu.Unlock()
	switch moment {
	case "":
		i.shop.ServeHTTP(w, r)
	case "before":
		i.kill()
	case "half":
		answer := httptest.NewRecorder()
		i.shop.ServeHTTP(answer, r)
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
		_ = nethttp.NewResponseController(w).Flush()
		i.kill()
	default:
		i.shop.ServeHTTP(w, r)
		_ = nethttp.NewResponseController(w).Flush()
		if moment == "answered" {
			i.kill()
		} else {
			time.AfterFunc(i.later, i.kill)
		}
	}
}

func (i *interrupted) kill() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.process != nil {
		_ = i.process.Kill() // SIGKILL; one that has ended already is no error here
	}
}

// exec runs the program, to its end or its kill.
func (i *interrupted) exec(args ...string) result {
	i.t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = i.dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	i.mu.Lock()
	err := cmd.Start()
	i.process, i.asked = cmd.Process, 0
	i.mu.Unlock()
	if err != nil {
		i.t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code tells
	i.mu.Lock()
	defer i.mu.Unlock()
	i.process, i.at = nil, 0
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// killedAt runs the program and kills it at or after one of so many requests. It tells whether the kill came in time.
func (i *interrupted) killedAt(random *rand.Rand, requests int, args ...string) bool {
	i.t.Helper()
	i.mu.Lock()
	i.at, i.moment = 1+random.IntN(requests), []string{"before", "half", "answered", "later"}[random.IntN(4)]
	i.later = time.Duration(random.Int64N(int64(40 * time.Millisecond)))
	what := fmt.Sprintf("%s: killed at request %d of %d, %s", strings.Join(args, " "), i.at, requests, i.moment)
	if i.moment == "later" {
		what += fmt.Sprintf(" by %v", i.later)
	}
	i.mu.Unlock()
	i.t.Log(what)
	r := i.exec(args...)
	if r.code != -1 && !ended(r) {
		i.t.Fatalf("%s: exit code %d\n%s", what, r.code, r.stderr)
	}
	return r.code == -1
}

// ended tells whether a run came to its end; a record that is quarantined holds deletions back.
func ended(r result) bool { return slices.Contains([]int{0, 3, 5}, r.code) }

// content is what the second night's first run holds. There is a second one where the kill came when all was done.
func (i *interrupted) content() []string {
	i.t.Helper()
	return i.contentOf(1)
}

// contentOf is what the n-th run holds, without what tells when and how often the shop was asked.
func (s shopDir) contentOf(n int) []string {
	s.t.Helper()
	runs, _ := filepath.Glob(filepath.Join(s.dir, "data", "demo", "runs", "*.duckdb"))
	slices.Sort(runs)
	if len(runs) <= n {
		s.t.Fatalf("no run %d in %v", n, runs)
	}
	id := strings.TrimSuffix(filepath.Base(runs[n]), ".duckdb")
	ask := func(query string) (lines []string) {
		r := s.must(0, "sql", "--run", id, "--format", "csv", query)
		return strings.Split(strings.TrimSpace(r.stdout), "\n")[1:]
	}
	parts := []string{
		`SELECT concat_ws(' ', 'streams', stream, store_code, part, window_start, window_end, rows, quarantined, complete, reason) AS line FROM run.streams`,
		`SELECT concat_ws(' ', 'coverage', stream, store_code, complete, rows, expected, reason) FROM run.coverage`,
		`SELECT concat_ws(' ', 'again', remote_id, found) FROM run.second_look`,
		`SELECT concat_ws(' ', 'issue', kind, entity, remote_id, sku, attribute, value, reason) FROM run.issues WHERE phase = 'extract'`,
		`SELECT concat_ws(' ', 'miss', sku, product_id, gone, reason) FROM run.stock_misses`,
		`SELECT concat_ws(' ', 'info', products_full, shop_now) FROM run.info`,
	}
	for _, table := range ask("SELECT DISTINCT table_name FROM information_schema.tables WHERE table_schema = 'raw' AND table_catalog = current_database()") {
		parts = append(parts, fmt.Sprintf("SELECT concat_ws(' ', 'raw.%s', store_code, key, item) FROM raw.%[1]s", table))
	}
	return ask(strings.Join(parts, " UNION ALL ") + " ORDER BY line")
}

func TestKill_AnExtractionGoesOnToTheSameRunFile(t *testing.T) {
	long(t)
	t.Parallel()
	before := newShop(t, "", "")
	before.must(3, "run", "--fixtures", night(1))
	first := filepath.Join(before.dir, "data")
	var want [][]string
	var requests []int
	for variant := range variants {
		i := interrupt(t, first, variant)
		if r := i.exec("extract", "--full"); !ended(r) {
			t.Fatalf("undisturbed: exit code %d\n%s", r.code, r.stderr)
		}
		requests = append(requests, i.asked)
		want = append(want, i.content())
		if len(want[variant]) < 100 {
			t.Fatalf("an undisturbed run holds %d lines", len(want[variant]))
		}
	}
	for n := range *killRounds/2 + 1 {
		seed := *killSeed*1000 + uint64(n)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			random, variant := rand.New(rand.NewPCG(seed, 8)), n%len(variants)
			i := interrupt(t, first, variant)
			command := "extract"
			if n%5 == 1 {
				command = "run"
			}
			killed := i.killedAt(random, requests[variant], command, "--full")
			for killed && random.IntN(2) == 0 {
				killed = i.killedAt(random, requests[variant], command, "--resume")
			}
			if killed {
				if r := i.exec(command, "--full", "--resume"); !ended(r) {
					t.Fatalf("%s --resume: exit code %d\n%s", command, r.code, r.stderr)
				}
			}
			if diff := cmp.Diff(want[variant], i.content()); diff != "" {
				t.Errorf("the run file (-undisturbed, +killed and resumed):\n%s", diff)
			}
		})
	}
}

// A machine's time zone changes neither what is read nor what is sent: all is UTC, whatever the days of start_date and
// end_date are there.
func TestRun_IsTheSameInEveryTimeZone(t *testing.T) {
	long(t)
	t.Parallel()
	dated := "start_date: 2026-10-20\nend_date: 2026-11-19"
	var want []string
	for _, zone := range []string{"UTC", "Asia/Kolkata", "America/New_York"} {
		in := func(s shopDir, code int, args ...string) {
			t.Helper()
			cmd := exec.Command(binary, args...)
			cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "TZ="+zone)
			out, _ := cmd.CombinedOutput() // the exit code tells
			if got := cmd.ProcessState.ExitCode(); got != code {
				t.Fatalf("%s in %s: exit code %d\n%s", strings.Join(args, " "), zone, got, out)
			}
		}
		s := newShop(t, "", dated)
		in(s, 0, "extract", "--fixtures", night(2))
		got := s.contentOf(0)
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the run file (-in UTC, +in %s):\n%s", zone, diff)
		}
		if window := "streams orders  window 2026-10-20 00:00:00 2026-11-19 00:00:00"; !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, window) }) {
			t.Errorf("in %s the window of the orders is not that of the configuration", zone)
		}
		if zone == "Asia/Kolkata" {
			s = newShop(t, "", "")
			in(s, 3, "run", "--fixtures", night(1))
			s.matches(1, "default")
		}
	}
}
