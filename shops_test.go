package main_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"magento-optiply/magento/magentotest"
	"magento-optiply/store"
)

// shops is a folder of configurations, with the shops they are of in ./data.
type shops struct{ shopDir }

func newShops(t *testing.T) shops { return shops{shopDir{t, t.TempDir()}} }

// add configures a shop that is served by this test.
func (s shops) add(name, url string) {
	s.write("shops/"+name+".yaml", "shop: "+name+"\ndata_dir: ./data\nmagento:\n  retry_wait: 1ms\n  retries: 1\n  store_url: "+url+
		"\n  access_token: demo-token\noptiply:\n  base_url: sandbox\n  requests_per_second: 0\n")
}

// served serves night 1.
func served(t *testing.T) (*magentotest.Server, string) {
	t.Helper()
	shop, err := magentotest.Load(os.DirFS("fixtures/demo/night-1"))
	if err != nil {
		t.Fatal(err)
	}
	server := magentotest.New(shop, magentotest.Options{})
	url, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server, url
}

// slow is a shop that answers, in an hour.
func slow(t *testing.T) string {
	server, url := served(t)
	server.AddFault(magentotest.Fault{Name: "slow", Prefix: "/V1/stockStatuses/", Times: 10_000, Delay: time.Hour})
	return url
}

// holder waits for the process that holds a shop's lock.
func (s shops) holder(name string) (pid int) {
	s.t.Helper()
	patiently(s.t, func() bool {
		var h store.Holder
		data, err := os.ReadFile(filepath.Join(s.dir, "data", name, "lock"))
		pages, _ := filepath.Glob(filepath.Join(s.dir, "data", name, "runs", "*.pages", "orders", "*"))
		if err == nil && json.Unmarshal(data, &h) == nil && len(pages) > 0 {
			pid = h.PID
		}
		return pid != 0
	})
	return pid
}

// patiently waits for what a busy machine may take long for.
func patiently(t *testing.T, done func() bool) {
	t.Helper()
	for range 2400 {
		if done() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("waited in vain for a minute")
}

// background starts the program without waiting for it.
func (s shopDir) background(args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	s.t.Helper()
	cmd, stderr = exec.Command(binary, args...), &bytes.Buffer{}
	cmd.Dir, cmd.Stderr = s.dir, stderr
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, stderr
}

// free waits until nobody holds a shop's lock.
func (s shops) free(name string) {
	s.t.Helper()
	shop, err := store.Open(filepath.Join(s.dir, "data"), name)
	if err != nil {
		s.t.Fatal(err)
	}
	patiently(s.t, func() bool {
		lock, err := shop.Lock("test", time.Now())
		return err == nil && lock.Release() == nil
	})
}

func TestShops_OnesFailureStopsNoOther(t *testing.T) {
	t.Parallel()
	long(t)
	s := newShops(t)
	_, url := served(t)
	down, gone := served(t)
	_ = down.Close()
	s.add("alpha", url)
	s.add("bottom", gone)
	s.add("crashed", slow(t))
	s.add("demo", url)
	s.write("shops/broken.yaml", "shop: broken\nmagento:\n  store_ulr: x\n")
	s.write("shops/fleet.yaml", "fleet: {}\n") // is no shop's
	cmd, stderr := s.background("run", "--shop", "all", "--config-dir", "shops", "--parallel", "2")
	// The runtime's own way of ending a process in which C++ went wrong; it leaves exit code 2, which is that of a wrong configuration.
	if err := syscall.Kill(s.holder("crashed"), syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for _, want := range []string{
		`(?m)^alpha +done, rows left out, 60 sent, 9 left out, .* \(exit code 3\)$`,
		`(?m)^demo +done, rows left out, 60 sent`,
		`(?m)^broken +wrong configuration, .* \(exit code 2\): .*shops/broken.yaml:3:3: unknown setting magento.store_ulr`,
		`(?m)^bottom +failed, .* \(exit code 1\): .*connect`,
		`(?m)^crashed +failed, .* \(exit code 1\): its process crashed: exit status 2: SIGABRT: abort`,
		`(?m)^5 shops in .*: 2 failed \(bottom, crashed\), 1 wrong configuration \(broken\), 2 done, rows left out; 120 changes sent, 18 rows left out$`,
	} {
		if !regexp.MustCompile(want).MatchString(stderr.String()) {
			t.Errorf("nothing says %s:\n%s", want, stderr)
		}
	}
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d, want that of the worst, 1", code)
	}
	s.matches(1, "default") // of the shop demo
}

func TestShops_AShardIsTheSameWhateverOtherShopsThereAre(t *testing.T) {
	t.Parallel()
	s := newShops(t)
	part := map[string]string{}
	for _, all := range [][]string{{"alpha", "beta"}, {"alpha", "beta", "gamma", "delta", "epsilon", "zeta"}} {
		for _, name := range all {
			s.write("shops/"+name+".yaml", "shop: "+name+"\nbroken: true\n")
		}
		seen := 0
		for _, shard := range []string{"1/3", "2/3", "3/3"} {
			r := s.exec("run", "--shop", "all", "--config-dir", "shops", "--shard", shard)
			for _, m := range regexp.MustCompile(`(?m)^(\S+) +wrong configuration`).FindAllStringSubmatch(r.stderr, -1) {
				seen++
				if was := part[m[1]]; was != "" && was != shard {
					t.Errorf("%s was in %s, and is in %s among more shops", m[1], was, shard)
				}
				part[m[1]] = shard
			}
		}
		if seen != len(all) {
			t.Errorf("%d shops in the three parts of %d", seen, len(all))
		}
	}
}

func TestShops_InterruptedAllStopAndCanBeResumed(t *testing.T) {
	t.Parallel()
	long(t)
	for _, test := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, 130}, {syscall.SIGKILL, -1}} {
		s := newShops(t)
		s.add("alpha", slow(t))
		s.add("beta", slow(t))
		s.add("gamma", slow(t))
		cmd, stderr := s.background("run", "--shop", "all", "--config-dir", "shops", "--parallel", "2", "--log-format", "json")
		s.holder("alpha")
		s.holder("beta")
		if err := cmd.Process.Signal(test.signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		// A process whose parent was killed ends by itself, because its leash has ended.
		s.free("alpha")
		s.free("beta")
		if code := cmd.ProcessState.ExitCode(); code != test.code {
			t.Errorf("%v: exit code %d, want %d\n%s", test.signal, code, test.code, stderr)
		}
		if exists(filepath.Join(s.dir, "data", "gamma")) {
			t.Errorf("%v: a shop was begun after that", test.signal)
		}
		if partial, _ := filepath.Glob(filepath.Join(s.dir, "data", "*", "runs", "*.partial.duckdb")); len(partial) != 2 {
			t.Errorf("%v: %d runs can be gone on with, want 2", test.signal, len(partial))
		}
		if test.code == 130 && !strings.HasSuffix(strings.TrimSpace(stderr.String()), "}") ||
			test.code == 130 && !strings.Contains(stderr.String(), `{"type":"shops","exit_code":130,"shops":3,"codes":{"130":3}`) {
			t.Errorf("the last line is no summary of all:\n%s", stderr)
		}
	}
}

func TestShops_WrongUsageIsSaidBeforeAnyIsRun(t *testing.T) {
	t.Parallel()
	s := newShops(t)
	s.write("shops/alpha.yaml", "shop: alpha\n")
	for _, test := range []struct {
		args string
		says string
	}{
		{"--shop all", "--config-dir"},
		{"--shop alpha,nobody --config-dir shops", "there are alpha"},
		{"--shop all --config-dir nowhere", "nowhere"},
		{"--shop all --config-dir shops --config x.yaml", "leave one of them out"},
		{"--shop all --config-dir shops --shard 3/2", "1/2 to 2/2"},
		{"--shop all --config-dir shops --shard third", "1/3 for the first"},
		{"--shop all --config-dir shops --parallel 0", "1 or more"},
		{"--shop all --config-dir shops --memory-limit lots", "512MB"},
		{"--shop all --config-dir shops --memory-limit 12MB", "64MB at the least"},
		{"--shop all --config-dir shops --only everything", "the parts are"},
		{"--parallel 2", "--shop all"},
		{"--shard 1/2", "--shop all"},
	} {
		if r := s.exec(append([]string{"run"}, strings.Fields(test.args)...)...); r.code != 2 || !strings.Contains(r.stderr, test.says) {
			t.Errorf("run %s: exit code %d\n%s", test.args, r.code, r.stderr)
		}
	}
}

func TestShops_WhoseTurnComesAfterTheDeadlineAreNotBegun(t *testing.T) {
	t.Parallel()
	long(t)
	s := newShops(t)
	s.add("alpha", slow(t))
	s.add("beta", slow(t))
	r := s.must(6, "run", "--shop", "all", "--config-dir", "shops", "--deadline", "4s")
	for _, want := range []string{`(?m)^alpha +stopped at the deadline, .* \(exit code 6\)`, `(?m)^beta +stopped at the deadline \(exit code 6\): not begun$`, `2 shops in .*: 2 stopped at the deadline \(alpha, beta\)`} {
		if !regexp.MustCompile(want).MatchString(r.stderr) {
			t.Errorf("nothing says %s:\n%s", want, r.stderr)
		}
	}
	if exists(filepath.Join(s.dir, "data", "beta")) {
		t.Error("a shop was begun after the deadline")
	}
}

func TestShops_TheDocumentsCommandsRun(t *testing.T) {
	t.Parallel()
	long(t)
	s := newShops(t)
	_, url := served(t)
	s.add("alpha", url)
	s.add("beta", url)
	ran := 0
	for _, b := range blocksOf(t, "docs/shops.md") {
		for _, line := range strings.Split(strings.TrimSpace(b.text), "\n") {
			if b.language == "sh" {
				s.shell(line)
				ran++
			}
		}
	}
	if ran < 3 {
		t.Errorf("docs/shops.md shows %d commands; the test does not find its blocks", ran)
	}
}
