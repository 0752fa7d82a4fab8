package main_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	nethttp "net/http" // architecture_test.go has a name http
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/magento/magentotest"
	"magento-optiply/optiply/sandbox"
)

// These tests kill the real program (SIGKILL) at random moments of a night, start it again until the night is done, and
// compare what Optiply then holds with the tables worked out by hand: nothing missing, nothing twice, nothing stale. Shop
// and Optiply are served by the test, so that they survive. `make kill-matrix` does many more rounds, from another seed each
// time, and prints what came of them.

var (
	killRounds = flag.Int("kill.rounds", 10, "rounds of the kill matrix; a fifth of them with whole nights")
	killSeed   = flag.Uint64("kill.seed", 1, "seed of the kill tests")
)

// undisturbed is about how long a night takes; a kill by time falls anywhere in it.
const undisturbed = 2500 * time.Millisecond

// disaster is a shop, Optiply, and the process that is killed between them.
type disaster struct {
	shopDir
	random  *rand.Rand
	box     *sandbox.Sandbox
	optiply *httptest.Server

	mu      sync.Mutex
	shop    nethttp.Handler // the night that is being served
	process *os.Process
	writes  int // requests that change Optiply, until the kill
	moment  string
	over    chan struct{} // closed when the process has ended
	kills   int
	hear    func(r *nethttp.Request) // of each request, before it is served; nil: nobody
}

func newDisaster(t *testing.T, seed uint64) *disaster {
	t.Helper()
	return newDisasterIn(t, t.TempDir(), seed)
}

// newDisasterIn goes on with the folder of a shop that has been run before.
func newDisasterIn(t *testing.T, dir string, seed uint64) *disaster {
	t.Helper()
	d := &disaster{shopDir: shopDir{t, dir}, random: rand.New(rand.NewPCG(seed, 7))}
	var err error
	d.box, err = sandbox.Open(sandbox.Options{Dir: filepath.Join(d.dir, "data", "demo", "sandbox"), Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	d.optiply = httptest.NewServer(nethttp.HandlerFunc(d.serveOptiply))
	shop := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		d.heard(r)
		d.mu.Lock()
		handler := d.shop
		d.mu.Unlock()
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		d.close()
		shop.Close()
	})
	d.write("magento-optiply.yaml", fmt.Sprintf("shop: demo\ndata_dir: %s\nmagento:\n  store_url: %s\n  access_token: demo-token\n  retry_wait: 10ms\n"+
		"optiply:\n  base_url: %s/v1\n  dashboard_url: %[3]s/api\n  client_id: c\n  client_secret: cs\n  username: u\n  password: p\n"+
		"  account_id: 98\n  coupling_id: 4711\n  requests_per_second: 0\n", filepath.Join(d.dir, "data"), shop.URL, d.optiply.URL))
	d.night(1)
	return d
}

// close ends Optiply; its state stays in its folder.
func (d *disaster) close() {
	_ = d.box.Close()
	d.optiply.CloseClientConnections()
	d.optiply.Close()
}

// night puts the shop where it is on that night.
func (d *disaster) night(n int) {
	d.t.Helper()
	shop, err := magentotest.Load(os.DirFS(night(n)))
	if err != nil {
		d.t.Fatal(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shop = magentotest.New(shop, magentotest.Options{})
}

// serveOptiply passes requests on to the sandbox, and kills the program at the write that was chosen: before it is
// applied, after it is applied and before it is answered, or when the answer has left.
func (d *disaster) serveOptiply(w nethttp.ResponseWriter, r *nethttp.Request) {
	d.heard(r)
	moment, over := "", chan struct{}(nil)
	if r.Method != nethttp.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/") {
		d.mu.Lock()
		if d.writes--; d.writes == 0 {
			moment, over = d.moment, d.over
		}
		d.mu.Unlock()
	}
	switch moment {
	case "before":
		d.kill()
		<-over
		return
	case "applied":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		// The request's own context would end with the process; the sandbox must not hear of it.
		inner := r.Clone(d.t.Context())
		inner.Body = io.NopCloser(bytes.NewReader(body))
		d.box.ServeHTTP(httptest.NewRecorder(), inner)
		d.kill()
		<-over
		return
	}
	d.box.ServeHTTP(w, r)
	if moment == "answered" {
		_ = nethttp.NewResponseController(w).Flush()
		d.kill()
	}
}

// heard passes a request on to who listens.
func (d *disaster) heard(r *nethttp.Request) {
	d.mu.Lock()
	hear := d.hear
	d.mu.Unlock()
	if hear != nil {
		hear(r)
	}
}

func (d *disaster) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.process != nil {
		_ = d.process.Kill() // SIGKILL; one that has ended already is no error here
	}
}

// start runs the program and returns what waits for its end.
func (d *disaster) start(args ...string) (wait func() result) {
	d.t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir = d.dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	over := make(chan struct{})
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.process, d.over = cmd.Process, over
	return func() result {
		_ = cmd.Wait() // the exit code tells
		close(over)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.process, d.writes = nil, 0
		if cmd.ProcessState.ExitCode() == -1 {
			d.kills++
		}
		return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	}
}

// killedAt runs the program and kills it at a random moment of the night: at one of its writes, or after some time.
func (d *disaster) killedAt(writes int, args ...string) {
	d.t.Helper()
	moment := []string{"before", "applied", "answered", "time"}[d.random.IntN(4)]
	n, after := 1+d.random.IntN(writes), time.Duration(d.random.Int64N(int64(undisturbed)))
	d.mu.Lock()
	d.moment, d.writes = moment, n
	if moment == "time" {
		d.writes = 0
	}
	d.mu.Unlock()
	wait := d.start(args...)
	if moment == "time" {
		timer := time.AfterFunc(after, d.kill)
		defer timer.Stop()
		d.t.Logf("%s: killed after %v", strings.Join(args, " "), after)
	} else {
		// One that hangs does not come to its write.
		timer := time.AfterFunc(10*undisturbed, d.kill)
		defer timer.Stop()
		d.t.Logf("%s: killed at write %d, %s", strings.Join(args, " "), n, moment)
	}
	if r := wait(); r.code != -1 && r.code != 0 && r.code != 3 {
		d.t.Errorf("%v: exit code %d\n%s", args, r.code, r.stderr)
	}
}

// untilDone starts the program until it comes to its end: as a new run or resumed, as it falls.
func (d *disaster) untilDone(more ...string) {
	d.t.Helper()
	args := append([]string{"run"}, more...)
	if len(more) == 0 && d.random.IntN(2) == 0 {
		args = append(args, "--resume")
	}
	if r := d.start(args...)(); r.code != 0 && r.code != 3 {
		d.t.Fatalf("%v after a kill: exit code %d\n%s", args, r.code, r.stderr)
	}
	if len(args) > 1 && len(more) == 0 {
		// What was resumed is the night in which it began, so that the shop may have gone on since; a new run reads that.
		if r := d.start("run")(); r.code != 0 && r.code != 3 {
			d.t.Fatalf("run after run --resume: exit code %d\n%s", r.code, r.stderr)
		}
	}
}

// faults makes Optiply fail now and then too.
func (d *disaster) faults() {
	for _, f := range []sandbox.Fault{
		{Method: nethttp.MethodPost, Effect: sandbox.ResetAfter},
		{Method: nethttp.MethodPost, Path: "sellOrders", Effect: sandbox.TruncateAfter},
		{Effect: sandbox.Answer, Status: nethttp.StatusServiceUnavailable},
		{Effect: sandbox.Answer, Status: nethttp.StatusTooManyRequests, RetryAfter: time.Second},
		{Method: nethttp.MethodPatch, Effect: sandbox.ResetAfter},
	} {
		if d.random.IntN(2) == 0 {
			f.Skip = d.random.IntN(20)
			d.box.AddFault(f)
			d.t.Logf("fault: %s %s %s %d after %d requests", f.Method, f.Path, f.Effect, f.Status, f.Skip)
		}
	}
}

// settled wants one more run to find nothing to send: the state and Optiply agree.
func (d *disaster) settled() {
	d.t.Helper()
	before := d.box.Writes()
	if r := d.start("run", "--full")(); r.code != 0 && r.code != 3 {
		d.t.Errorf("one more run: exit code %d\n%s", r.code, r.stderr)
	}
	if diff := cmp.Diff(before, d.box.Writes()); diff != "" {
		d.t.Errorf("one more run over the same night wrote something:\n%s", diff)
	}
}

// rounds runs a test so many times, each with a seed of its own.
func rounds(t *testing.T, n int, round func(d *disaster)) {
	for i := range n {
		seed := *killSeed*1000 + uint64(i)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			round(newDisaster(t, seed))
		})
	}
}

// TestKill_NothingIsLostNothingIsTwice kills both nights, some of them twice, and every second round with an Optiply that
// fails now and then.
func TestKill_NothingIsLostNothingIsTwice(t *testing.T) {
	long(t)
	rounds(t, (*killRounds+4)/5, func(d *disaster) {
		for n, writes := range []int{60, 19} {
			d.night(n + 1)
			if d.random.IntN(2) == 0 {
				d.faults()
			}
			d.killedAt(writes, "run")
			if d.random.IntN(3) == 0 {
				d.killedAt(writes, "run", "--resume")
			}
			d.box.ClearFaults()
			d.untilDone()
		}
		d.settled()
		d.close()
		d.matches(2, "default")
	})
}

// TestKill_NothingIsStaleWhenTheShopGoesBack kills the second night and takes the shop back to the first. An update that
// was applied and never heard of would stay, if the next run compared with what it last heard.
func TestKill_NothingIsStaleWhenTheShopGoesBack(t *testing.T) {
	long(t)
	rounds(t, (*killRounds+19)/20, func(d *disaster) {
		d.untilDone("--full")
		d.night(2)
		d.killedAt(19, "run", "--full")
		d.night(1)
		d.untilDone("--full")
		d.settled()
		d.close()
		products, orders, _ := d.held()
		wantEach(d, "product", withoutDisabledStock(expected(d.t, 1, "default", "products")), withoutDisabledStock(products))
		wantEach(d, "order", expected(d.t, 1, "default", "orders"), orders)
	})
}

// withoutDisabledStock leaves out the stock of disabled products, which is not asked for and not changed (section 7): one
// that the second night enabled keeps the stock it had then.
func withoutDisabledStock(rows []string) []string {
	const stock, status = 6, 7
	var list []string
	for _, row := range rows {
		cells := strings.Split(row, "\t")
		if cells[status] == "disabled" {
			cells[stock] = "-"
		}
		list = append(list, strings.Join(cells, "\t"))
	}
	return list
}

// wantEach wants each row among those held, and no remote id twice. What only the second night had may be there too.
func wantEach(d *disaster, what string, want, held []string) {
	d.t.Helper()
	rows := map[string]string{}
	for _, row := range held {
		id, _, _ := strings.Cut(row, "\t")
		if rows[id] != "" {
			d.t.Errorf("%s %s is there twice", what, id)
		}
		rows[id] = row
	}
	for _, row := range want {
		id, _, _ := strings.Cut(row, "\t")
		if diff := cmp.Diff(row, rows[id]); diff != "" {
			d.t.Errorf("%s %s (-expected by hand, +held):\n%s", what, id, diff)
		}
	}
}
