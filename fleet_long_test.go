package main_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"magento-optiply/fleet"
	"magento-optiply/fleet/fleettest"
)

var (
	fleetShops   = flag.Int("fleet.shops", 0, "shops of the long test of a fleet; 0 leaves it out")
	fleetWorkers = flag.Int("fleet.workers", 4, "its workers")
	fleetSeed    = flag.Uint64("fleet.seed", 1, "the seed of what happens to them")
	fleetLatency = flag.Duration("fleet.latency", 100*time.Millisecond, "how long the shops take for an answer while shops an hour are measured")
)

// TestFleet_ManyShopsUnderDisasters is the long form (`make fleet`): shops an hour by the number of workers, undisturbed, and
// then two nights in which workers and the database are killed, cut off and brought back, and shops are moved.
func TestFleet_ManyShopsUnderDisasters(t *testing.T) {
	if *fleetShops == 0 {
		t.Skip("the long form: make fleet")
	}
	cluster := fleettest.Start(t)
	var names []string
	for i := range *fleetShops {
		names = append(names, fmt.Sprintf("shop-%03d", i))
	}
	y := newYard(t, cluster.Database(t, "fleet"), "", names...)
	var hosts []string
	for i := range *fleetWorkers {
		hosts = append(hosts, fmt.Sprintf("host-%d", i+1))
		y.serve(hosts[i])
	}
	y.fleet(0, "schedule")
	rest := y.measure(hosts, names)
	random := rand.New(rand.NewPCG(*fleetSeed, 7))
	for n := 1; n <= 2; n++ {
		for _, s := range y.shops {
			s.night(t, n)
		}
		start := time.Now()
		if n == 1 {
			y.fleet(0, append([]string{"enqueue"}, rest...)...)
		} else {
			y.fleet(0, append([]string{"enqueue"}, names...)...)
			start = start.Add(-time.Millisecond)
		}
		counts := y.disasters(random, cluster, hosts, names)
		y.idleSome(start, map[bool][]string{true: rest, false: names}[n == 1])
		t.Logf("night %d: %d shops in %s, through %s", n, map[bool]int{true: len(rest), false: len(names)}[n == 1], time.Since(start).Round(time.Second), counts)
		y.matches(n)
	}
	writers, writes := 0, 0
	for _, s := range y.shops {
		writers, writes = writers+len(s.writers), writes+s.writes
	}
	t.Logf("%d shops, %d processes that wrote, %d writes; none by two at once", len(names), writers, writes)
}

// measure runs a few shops by one worker, by two and by all, undisturbed, and returns the shops that are left.
func (y *yard) measure(hosts, names []string) (rest []string) {
	const each = 20
	for _, n := range []int{1, 2, len(hosts)} {
		if len(names) < 2*each {
			break
		}
		batch := names[:each]
		names = names[each:]
		for i, name := range batch {
			if _, err := y.db.Move(y.t.Context(), name, hosts[i%n], fleetLease); err != nil {
				y.t.Fatal(err)
			}
			y.shops[name].mu.Lock()
			y.shops[name].latency = *fleetLatency
			y.shops[name].mu.Unlock()
		}
		start := time.Now()
		y.fleet(0, append([]string{"enqueue"}, batch...)...)
		y.idleSome(start, batch)
		took := time.Since(start)
		y.t.Logf("%d workers of 2 shops at a time, %s for an answer of the shop: %d shops in %s, %.0f an hour", n, *fleetLatency, each, took.Round(time.Second), each/took.Hours())
		for _, name := range batch {
			y.shops[name].mu.Lock()
			y.shops[name].latency = 0
			y.shops[name].mu.Unlock()
		}
	}
	return names
}

// disasters happen until half of the shops are done.
func (y *yard) disasters(random *rand.Rand, cluster *fleettest.Cluster, hosts, names []string) string {
	counts := map[string]int{}
	for range max(3, len(names)/16) {
		time.Sleep(time.Duration(2+random.IntN(4)) * time.Second)
		host := hosts[random.IntN(len(hosts))]
		what := []string{"worker killed", "worker killed", "database killed", "worker cut off", "shop moved", "shop moved", "shop moved"}[random.IntN(7)]
		counts[what]++
		switch what {
		case "worker killed":
			y.kill(host)
			time.Sleep(time.Duration(random.IntN(3)) * time.Second)
			y.serve(host)
		case "database killed":
			cluster.Kill()
			time.Sleep(time.Duration(random.IntN(4)) * time.Second)
			if err := cluster.Serve(); err != nil {
				y.t.Fatal(err)
			}
		case "worker cut off":
			y.cutOff(host, fleetLease+time.Duration(random.IntN(6))*time.Second)
		case "shop moved":
			shop := names[random.IntN(len(names))]
			if _, err := y.db.Move(y.t.Context(), shop, host, fleetLease); err != nil {
				y.t.Logf("move: %v", err)
			}
		}
	}
	var list []string
	for what, n := range counts {
		list = append(list, fmt.Sprintf("%d times %s", n, what))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// cutOff stops a machine, worker and runs, and lets it go on after a while; its shops are taken from it meanwhile.
func (y *yard) cutOff(host string, away time.Duration) {
	pids := []int{y.workers[host].Process.Pid}
	locks, _ := filepath.Glob(filepath.Join(y.dir, host, "data", "*", "lock"))
	for _, lock := range locks {
		if info, err := os.Stat(lock); err == nil && info.Size() > 0 {
			if pid := y.runner(host, filepath.Base(filepath.Dir(lock))); pid != 0 {
				pids = append(pids, pid)
			}
		}
	}
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	if status, err := y.db.Status(y.t.Context(), fleetLease); err == nil {
		for _, f := range status.Shops {
			to := ""
			for other := range y.workers {
				if other != host {
					to = other
				}
			}
			if f.Host == host && f.Running && to != "" {
				_, _ = y.db.Move(y.t.Context(), f.Shop, to, fleetLease)
			}
		}
	}
	time.Sleep(away)
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// idleSome is idle for some of the shops.
func (y *yard) idleSome(since time.Time, names []string) {
	y.t.Helper()
	var open []fleet.ShopStatus
	for deadline := time.Now().Add(*fleetPatience); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		status, err := y.db.Status(y.t.Context(), fleetLease)
		if err != nil {
			continue
		}
		open = slices.DeleteFunc(status.Shops, func(f fleet.ShopStatus) bool {
			return !slices.Contains(names, f.Shop) || !f.Running && f.Queue == "" && f.MoveTo == "" && f.ExitCode != nil && (*f.ExitCode == 0 || *f.ExitCode == 3) && f.EndedAt.After(since)
		})
		if len(open) == 0 {
			return
		}
	}
	y.t.Fatalf("the fleet does not come to rest: %+v\n%s", open, y.logs())
}
