package main_test

import (
	"bytes"
	"flag"
	nethttp "net/http" // architecture_test.go has a name http
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// These tests send the real program Ctrl-C (SIGINT) and what systemd sends (SIGTERM) in each phase, once and twice, and want
// what was promised: exit code 130, a sentence that says what is kept, whole files, and with --resume the result of an
// undisturbed night.

var interruptRounds = flag.Int("interrupt.rounds", 2, "rounds of interrupted nights, at random moments by -kill.seed")

// spoken is what a process has written so far.
type spoken struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.String()
}

const stopping = "stopping: what is in flight is finished first"

// signalled runs the program, and sends it a signal at the n-th request that is of interest: once, or a second time when it has
// said that it heard the first. That request is answered when the program has heard the signal; where it is sent twice, not
// before the program has ended. at is the request.
func (d *disaster) signalled(sig syscall.Signal, times, n int, of func(r *nethttp.Request) bool, args ...string) (r result, at *nethttp.Request) {
	d.t.Helper()
	cmd := exec.Command(binary, args...)
	stderr := &spoken{}
	cmd.Dir, cmd.Stderr = d.dir, stderr
	over := make(chan struct{})
	var mu sync.Mutex
	d.listen(func(req *nethttp.Request) {
		mu.Lock()
		defer mu.Unlock()
		if at != nil || !of(req) {
			return
		}
		if n--; n > 0 {
			return
		}
		at = req
		d.interrupt(cmd, sig, times, stderr, over)
	})
	mu.Lock() // who hears a request finds the process
	err := cmd.Start()
	mu.Unlock()
	if err != nil {
		d.t.Fatal(err)
	}
	limit := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() }) // one that hangs
	_ = cmd.Wait()                                                            // the exit code tells
	limit.Stop()
	close(over)
	d.listen(nil)
	mu.Lock()
	defer mu.Unlock()
	return result{code: cmd.ProcessState.ExitCode(), stderr: stderr.String()}, at
}

// interrupt sends a signal once or twice, and waits until it is heard.
func (d *disaster) interrupt(cmd *exec.Cmd, sig syscall.Signal, times int, stderr *spoken, over chan struct{}) {
	_ = cmd.Process.Signal(sig) // one that has ended already is no error here
	heard := func() bool { return strings.Contains(stderr.String(), stopping) }
	for waited := 0; !heard() && waited < 2400; waited++ {
		select {
		case <-over:
			return
		case <-time.After(25 * time.Millisecond):
		}
	}
	if times > 1 {
		_ = cmd.Process.Signal(sig)
		<-over
	}
}

func (d *disaster) listen(hear func(r *nethttp.Request)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hear = hear
}

func isWrite(r *nethttp.Request) bool {
	return r.Method != nethttp.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/")
}

func isShop(path string) func(r *nethttp.Request) bool {
	return func(r *nethttp.Request) bool { return strings.HasPrefix(r.URL.Path, "/rest/V1/"+path) }
}

// stoppedWell wants the exit code of an interruption, and a sentence that says how to go on.
func (d *disaster) stoppedWell(r result, says string) {
	d.t.Helper()
	if r.code != 130 || !strings.Contains(r.stderr, says) || strings.Contains(r.stderr, "goroutine ") {
		d.t.Errorf("exit code %d, want 130 and %q\n%s", r.code, says, r.stderr)
	}
}

// resumed goes on with the night, and wants what an undisturbed one leaves.
func (d *disaster) resumed() {
	d.t.Helper()
	d.must(3, "run", "--resume")
	d.settled()
	d.close()
	d.matches(1, "default")
}

func TestInterrupt_OnceKeepsThePageThatWasOnItsWay(t *testing.T) {
	t.Parallel()
	d := newDisaster(t, 1)
	r, at := d.signalled(syscall.SIGINT, 1, 1, isShop("orders"), "run")
	d.stoppedWell(r, "interrupted; what was read and sent is kept, and `run --resume` goes on with it")
	asked := 0
	d.listen(func(r *nethttp.Request) {
		if r.URL.RequestURI() == at.URL.RequestURI() {
			asked++
		}
	})
	d.must(3, "run", "--resume")
	if d.listen(nil); asked > 0 {
		t.Errorf("the page that was on its way was asked for again, although it was answered: %s", at.URL)
	}
	d.close()
	d.matches(1, "default")
}

func TestInterrupt_OnceKeepsTheAnswersToWhatWasSent(t *testing.T) {
	t.Parallel()
	long(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		d := newDisaster(t, 2)
		r, _ := d.signalled(sig, 1, 20, isWrite, "run", "--log-format", "json")
		d.stoppedWell(r, "interrupted; what was read and sent is kept, and `run --resume` goes on with it")
		if !strings.Contains(r.stderr, `"exit_code":130`) || !strings.Contains(r.stderr, `"type":"summary"`) {
			t.Errorf("no summary with the exit code:\n%s", r.stderr)
		}
		open := d.query(`SELECT remote_id, state FROM state.ledger QUALIFY row_number() OVER (PARTITION BY entity, remote_id ORDER BY seq DESC) = 1
			AND state NOT IN ('acknowledged', 'planned', 'held', 'rejected')`)
		if len(open) > 0 {
			t.Errorf("%v: the ledger does not know what became of %v", sig, open)
		}
		d.resumed()
	}
}

func TestInterrupt_TwiceStopsAtOnceAndNothingIsSentTwice(t *testing.T) {
	t.Parallel()
	d := newDisaster(t, 3)
	r, _ := d.signalled(syscall.SIGINT, 2, 20, isWrite, "run")
	d.stoppedWell(r, "magento-optiply: stopped at once; the files are whole")
	d.resumed()
}

func TestInterrupt_TheSQLIsEndedAndMadeAgain(t *testing.T) {
	t.Parallel()
	long(t)
	d := newDisaster(t, 4)
	// A check that counts for hours.
	d.write("sql/010_slow_check.sql", "SELECT a.range FROM range(1000000000) a, range(1000000000) b WHERE a.range * 7 + b.range < 0\n")
	stderr := &spoken{}
	start := func(args ...string) result {
		cmd := exec.Command(binary, args...)
		cmd.Dir, cmd.Stderr = d.dir, stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		said := len(stderr.String())
		patiently(t, func() bool { return strings.Contains(stderr.String()[said:], "phase=transform") })
		time.Sleep(300 * time.Millisecond) // the query, and not what is before it, most of the time
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
		return result{code: cmd.ProcessState.ExitCode(), stderr: stderr.String()[said:]}
	}
	d.configure("transform:\n  sql: " + filepath.Join(d.dir, "sql") + "\n")
	d.stoppedWell(start("run"), "`run --resume` goes on with it")
	d.write("sql/010_slow_check.sql", "SELECT 1 WHERE false\n")
	d.must(3, "run", "--resume")
	d.write("sql/010_slow_check.sql", "SELECT a.range FROM range(1000000000) a, range(1000000000) b WHERE a.range * 7 + b.range < 0\n")
	d.stoppedWell(start("transform"), "the run keeps the tables that it had; the same command makes them again")
	if got := d.query("SELECT count(*) FROM model.products")[0][0]; got == "0" {
		t.Error("the tables that the run had are gone")
	}
	d.close()
	d.matches(1, "default")
}

func TestInterrupt_ALookAtOptiplyChangesNothing(t *testing.T) {
	t.Parallel()
	long(t)
	d := newDisaster(t, 5)
	d.must(3, "run")
	before := d.query("SELECT count(*), max(optiply_id) FROM state.products")
	read := func(r *nethttp.Request) bool { return r.Method == nethttp.MethodGet && r.URL.Path == "/v1/products" }
	for _, args := range [][]string{{"adopt"}, {"reconcile", "--fix"}} {
		r, _ := d.signalled(syscall.SIGINT, 1, 1, read, args...)
		d.stoppedWell(r, "interrupted; nothing was changed; the same command begins anew")
		if after := d.query("SELECT count(*), max(optiply_id) FROM state.products"); after[0][0] != before[0][0] || after[0][1] != before[0][1] {
			t.Errorf("%v: %v before, %v after", args, before, after)
		}
	}
	// A run that is stopped before it has read anything leaves nothing to go on with.
	r, _ := d.signalled(syscall.SIGINT, 1, 1, isShop("store"), "run")
	d.stoppedWell(r, "nothing had been read")
	d.settled()
	d.close()
	d.matches(1, "default")
}

// TestInterrupt_AtAnyMoment interrupts nights at random requests, once or twice, and resumes them.
func TestInterrupt_AtAnyMoment(t *testing.T) {
	long(t)
	rounds(t, *interruptRounds, func(d *disaster) {
		for tries := 0; tries < 2; tries++ {
			of, n := isWrite, 1+d.random.IntN(60)
			if d.random.IntN(2) == 0 {
				of, n = isShop(""), 1+d.random.IntN(40)
			}
			sig := []syscall.Signal{syscall.SIGINT, syscall.SIGTERM}[d.random.IntN(2)]
			times := 1 + d.random.IntN(2)
			args := []string{"run", "--resume"}[:1+tries]
			r, at := d.signalled(sig, times, n, of, args...)
			d.t.Logf("%v: %v, %d times, at request %d: exit code %d", args, sig, times, n, r.code)
			if at == nil { // it was done before
				break
			}
			if r.code != 130 && r.code != 0 && r.code != 3 || strings.Contains(r.stderr, "goroutine ") {
				d.t.Errorf("exit code %d\n%s", r.code, r.stderr)
			}
		}
		d.untilDone()
		d.settled()
		d.close()
		d.matches(1, "default")
	})
}

func TestInterrupt_SeveralShopsStopAtOnceToo(t *testing.T) {
	t.Parallel()
	long(t)
	s := newShops(t)
	s.add("alpha", slow(t))
	s.add("beta", slow(t))
	cmd, stderr := exec.Command(binary, "run", "--shop", "all", "--config-dir", "shops", "--parallel", "2"), &spoken{}
	cmd.Dir, cmd.Stderr = s.dir, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for _, name := range []string{"alpha", "beta"} {
		s.holder(name)
	}
	_ = cmd.Process.Signal(syscall.SIGINT)
	patiently(t, func() bool { return strings.Contains(stderr.String(), stopping) })
	_ = cmd.Process.Signal(syscall.SIGINT)
	_ = cmd.Wait()  // the exit code tells
	s.free("alpha") // what they wait for would come in an hour
	s.free("beta")
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(stderr.String(), "stopped at once") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}
