package main_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/fleet"
	"magento-optiply/fleet/fleettest"
	"magento-optiply/magento/magentotest"
	"magento-optiply/optiply/sandbox"
	"magento-optiply/store"
)

// These tests run several workers of a fleet on this machine, each in a folder of its own as if it were a machine of its own,
// over a real PostgreSQL. Shops and Optiply are served by the test, so that they survive what is done to the workers, and see
// every request. `make fleet` does the same with many more shops.

// fleetLease is short, so that a worker that is gone is followed soon.
const fleetLease = 6 * time.Second

// fleetPatience is how long a fleet may take to come to rest.
var fleetPatience = flag.Duration("fleet.patience", 3*time.Minute, "how long a fleet may take to come to rest")

// yard is a fleet with all that it works on.
type yard struct {
	t       *testing.T
	dir     string
	db      *fleet.Database
	shops   map[string]*yardShop
	workers map[string]*exec.Cmd
	env     []string // of the workers, beside the test's own
}

// yardShop is one shop and its account at Optiply.
type yardShop struct {
	name string
	box  *sandbox.Sandbox

	mu      sync.Mutex
	magento nethttp.Handler
	latency time.Duration
	writers []string // the tokens of the processes that wrote, in the order in which they began
	last    int      // whose of them the last write was
	twice   []string // what a process wrote after another one had begun to
	writes  int
	at      map[int]func() // what happens at a write; the write waits for it
}

// newYard configures shops, each served as on night 1, and a fleet over a database.
func newYard(t *testing.T, address, storage string, names ...string) *yard {
	t.Helper()
	y := &yard{t: t, dir: t.TempDir(), shops: map[string]*yardShop{}, workers: map[string]*exec.Cmd{}}
	if storage == "" {
		storage = "file://" + filepath.Join(y.dir, "copies")
	}
	y.write("fleet.yaml", fmt.Sprintf("fleet:\n  database: ${file:database}\n  config_dir: %s\n  storage: %s\n  lease: %s\n  retry_wait: 1s\n  retries: 10\n  grace: 20s\n",
		filepath.Join(y.dir, "shops"), storage, fleetLease))
	y.write("database", address+"\n")
	for _, name := range names {
		y.add(name)
	}
	db, err := fleet.Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	y.db = db
	t.Cleanup(func() {
		for host := range y.workers {
			y.kill(host)
		}
		_ = db.Close()
	})
	return y
}

func (y *yard) write(name, text string) { shopDir{y.t, y.dir}.write(name, text) }

func (y *yard) read(name string) string {
	y.t.Helper()
	data, err := os.ReadFile(filepath.Join(y.dir, name))
	if err != nil {
		y.t.Fatal(err)
	}
	return string(data)
}

func (y *yard) add(name string) {
	y.t.Helper()
	s := &yardShop{name: name, at: map[int]func(){}, last: -1}
	var err error
	if s.box, err = sandbox.Open(sandbox.Options{Dir: filepath.Join(y.dir, "optiply", name)}); err != nil {
		y.t.Fatal(err)
	}
	magento := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		s.mu.Lock()
		handler, latency := s.magento, s.latency
		s.mu.Unlock()
		time.Sleep(latency)
		handler.ServeHTTP(w, r)
	}))
	optiply := httptest.NewServer(nethttp.HandlerFunc(s.serveOptiply))
	y.t.Cleanup(func() {
		magento.CloseClientConnections()
		magento.Close()
		optiply.CloseClientConnections()
		optiply.Close()
		_ = s.box.Close()
	})
	y.shops[name] = s
	y.write("secrets/"+name, "secret-of-"+name+"\n")
	y.write("shops/"+name+".yaml", fmt.Sprintf("shop: %s\ndata_dir: ./data\nmagento:\n  store_url: %s\n  access_token: demo-token\n  retry_wait: 10ms\n"+
		"optiply:\n  base_url: %s/v1\n  dashboard_url: %[3]s/api\n  client_id: c\n  client_secret: ${file:../secrets/%[1]s}\n  username: u\n  password: p\n"+
		"  account_id: 98\n  coupling_id: 4711\n  requests_per_second: 0\nsync:\n  sync_product_deletions: true\n", name, magento.URL, optiply.URL))
	s.night(y.t, 1)
}

// night puts the shop where it is on that night.
func (s *yardShop) night(t *testing.T, n int) {
	t.Helper()
	shop, err := magentotest.Load(os.DirFS(night(n)))
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.magento = magentotest.New(shop, magentotest.Options{})
}

// serveOptiply notes whose write it is: each process signs in, and so has a token of its own.
func (s *yardShop) serveOptiply(w nethttp.ResponseWriter, r *nethttp.Request) {
	if r.Method != nethttp.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/") {
		s.mu.Lock()
		token := r.Header.Get("Authorization")
		who := slices.Index(s.writers, token)
		if who < 0 {
			who = len(s.writers)
			s.writers = append(s.writers, token)
		}
		if who < s.last {
			s.twice = append(s.twice, fmt.Sprintf("%s %s by process %d after one of process %d", r.Method, r.URL.Path, who, s.last))
		}
		s.last = max(s.last, who)
		s.writes++
		happens := s.at[s.writes]
		delete(s.at, s.writes)
		s.mu.Unlock()
		if happens != nil {
			happens()
		}
	}
	s.box.ServeHTTP(w, r)
}

// when has something happen at a write, the nth from now on.
func (s *yardShop) when(n int, happens func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at[s.writes+n] = happens
}

// serve starts a worker in the folder of a host.
func (y *yard) serve(host string) {
	y.t.Helper()
	dir := filepath.Join(y.dir, host)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		y.t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(y.dir, host+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		y.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(binary, "fleet", "serve", "--config", filepath.Join(y.dir, "fleet.yaml"), "--host", host, "--log-format", "json", "--log-level", "debug")
	cmd.Dir, cmd.Stderr, cmd.Env = dir, log, append(os.Environ(), y.env...)
	if err := cmd.Start(); err != nil {
		y.t.Fatal(err)
	}
	y.workers[host] = cmd
	patiently(y.t, func() bool {
		status, err := y.db.Status(y.t.Context(), fleetLease)
		return err == nil && slices.ContainsFunc(status.Workers, func(w fleet.WorkerStatus) bool { return w.Host == host && w.Alive })
	})
}

// kill ends a worker as a power cut would. What it was running is a process of its own, and ends by itself.
func (y *yard) kill(host string) {
	if cmd := y.workers[host]; cmd != nil {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		delete(y.workers, host)
	}
}

// fleet runs a command of the fleet.
func (y *yard) fleet(code int, args ...string) result {
	y.t.Helper()
	return shopDir{y.t, y.dir}.must(code, append([]string{"fleet"}, args...)...)
}

// status is what `fleet status` says of a shop.
func (y *yard) status(shop string) fleet.ShopStatus {
	y.t.Helper()
	var s fleet.Status
	if err := json.Unmarshal([]byte(y.fleet(0, "status", "--format", "json").stdout), &s); err != nil {
		y.t.Fatal(err)
	}
	for _, f := range s.Shops {
		if f.Shop == shop {
			return f
		}
	}
	y.t.Fatalf("fleet status does not know %s", shop)
	return fleet.ShopStatus{}
}

// idle waits until nothing runs and nothing waits, and every shop ended well after a moment.
func (y *yard) idle(since time.Time) {
	y.t.Helper()
	y.idleSome(since, slices.Collect(maps.Keys(y.shops)))
}

func (y *yard) logs() string {
	var all bytes.Buffer
	for host := range y.workers {
		data, _ := os.ReadFile(filepath.Join(y.dir, host+".log"))
		fmt.Fprintf(&all, "== %s\n%s", host, data[max(0, len(data)-20_000):])
	}
	return all.String()
}

// matches wants each shop's account exactly as it must be after a night, and no process to have written after another began.
func (y *yard) matches(n int) {
	y.t.Helper()
	for _, s := range y.shops {
		products, orders := rowsOf(s.box)
		if diff := cmp.Diff(expected(y.t, n, "sync_product_deletions", "products"), products); diff != "" {
			y.t.Errorf("%s: products after night %d (-expected by hand, +held):\n%s", s.name, n, diff)
		}
		if diff := cmp.Diff(expected(y.t, n, "sync_product_deletions", "orders"), orders); diff != "" {
			y.t.Errorf("%s: orders after night %d (-expected by hand, +held):\n%s", s.name, n, diff)
		}
		s.mu.Lock()
		for _, sentence := range s.twice {
			y.t.Errorf("%s ran twice at once: %s", s.name, sentence)
		}
		s.mu.Unlock()
	}
}

// runner is the process that runs a shop on a host.
func (y *yard) runner(host, shop string) int {
	var h store.Holder
	data, err := os.ReadFile(filepath.Join(y.dir, host, "data", shop, "lock"))
	if err == nil {
		err = json.Unmarshal(data, &h)
	}
	if err != nil {
		y.t.Errorf("who runs %s on %s: %v", shop, host, err)
	}
	return h.PID
}

func TestFleet_NothingIsLostOrTwiceWhateverIsKilled(t *testing.T) {
	t.Parallel()
	long(t)
	cluster := fleettest.Start(t)
	y := newYard(t, cluster.Database(t, "fleet"), "", "alpha", "beta", "gamma", "delta")
	y.serve("one")
	y.serve("two")
	y.fleet(0, "schedule", "--config", "fleet.yaml")
	home := map[string]string{"alpha": "one", "beta": "two", "delta": "one", "gamma": "two"}
	for shop, host := range home {
		if f := y.status(shop); f.Host != host {
			t.Fatalf("%s was given to %s, want %s", shop, f.Host, host)
		}
	}

	// Night 1: a worker is killed in the middle of a load, and the other is cut off in the middle of one, with what it runs.
	start := time.Now()
	killed, frozen := make(chan struct{}), make(chan int, 1)
	y.shops["alpha"].when(20, func() { _ = y.workers["one"].Process.Kill(); close(killed) })
	y.shops["gamma"].when(15, func() {
		pid := y.runner("two", "gamma")
		_ = y.workers["two"].Process.Signal(syscall.SIGSTOP)
		_ = syscall.Kill(pid, syscall.SIGSTOP)
		frozen <- pid
	})
	y.fleet(0, "enqueue", "alpha", "beta", "gamma", "delta")
	if r := y.fleet(0, "enqueue", "alpha"); !strings.Contains(r.stdout, "not queued again") {
		t.Errorf("alpha is piled up: %s", r.stdout)
	}
	<-killed
	_ = y.workers["one"].Wait()
	y.serve("one")
	pid := <-frozen
	if r := y.fleet(0, "move", "gamma", "--to", "one"); !strings.Contains(r.stdout, "when its run has ended") {
		t.Errorf("gamma is taken from a worker whose lease has not ended: %s", r.stdout)
	}
	y.fleet(0, "move", "beta", "--to", "one")
	y.idle(start)
	// The one that was cut off comes back late: it must not write.
	was := len(y.shops["gamma"].writers)
	_ = syscall.Kill(pid, syscall.SIGCONT)
	_ = y.workers["two"].Process.Signal(syscall.SIGCONT)
	patiently(t, func() bool { return syscall.Kill(pid, 0) != nil })
	if now := len(y.shops["gamma"].writers); now != was {
		t.Errorf("%d processes have written to gamma, and %d had before the late one came back", now, was)
	}
	y.matches(1)

	// Night 2: the database is killed in the middle of a load, and a shop is moved while it runs.
	for _, s := range y.shops {
		s.night(t, 2)
	}
	start = time.Now()
	down, moved := make(chan struct{}), make(chan struct{})
	y.shops["delta"].when(5, func() { cluster.Kill(); close(down) })
	y.shops["alpha"].when(3, func() {
		defer close(moved)
		if _, err := y.db.Move(t.Context(), "alpha", "two", fleetLease); err != nil {
			t.Logf("move alpha: %v", err) // the database may be away; it is moved below
		}
	})
	y.fleet(0, "enqueue", "alpha", "beta", "gamma", "delta")
	<-down
	<-moved
	time.Sleep(time.Second)
	if err := cluster.Serve(); err != nil {
		t.Fatal(err)
	}
	patiently(t, func() bool { _, err := y.db.Move(t.Context(), "alpha", "two", fleetLease); return err == nil })
	y.idle(start)
	y.matches(2)
	if f := y.status("alpha"); f.Host != "two" || !f.Copied {
		t.Errorf("alpha after its move: %+v", f)
	}

	// Once more, on the machine that it was moved to: the state came along, so that there is nothing to send.
	start, was = time.Now(), y.shops["alpha"].writes
	y.fleet(0, "enqueue", "alpha")
	patiently(t, func() bool { f := y.status("alpha"); return !f.Running && f.Queue == "" && f.EndedAt.After(start) })
	if f := y.status("alpha"); f.EndedOn != "two" || y.shops["alpha"].writes != was {
		t.Errorf("alpha ran on %s, and has sent %d changes of what was sent already", f.EndedOn, y.shops["alpha"].writes-was)
	}
	y.matches(2)
}
