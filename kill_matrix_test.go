package main_test

import (
	"fmt"
	"maps"
	nethttp "net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"magento-optiply/optiply/sandbox"
)

// misbehaviour is a fault of the matrix, by its name in the table.
type misbehaviour struct {
	name string
	sandbox.Fault
}

// misbehaviours are what Optiply does to a load by the seed. Each strikes at most a few times, at some request; the one that
// fails for ever does so for one payload.
func (d *disaster) misbehaviours(night int) []misbehaviour {
	row := strings.Split(expected(d.t, night, "default", "products")[d.random.IntN(40)], "\t")[0]
	write := []string{nethttp.MethodPost, nethttp.MethodPost, nethttp.MethodPatch}[d.random.IntN(3)]
	return []misbehaviour{
		{"hangs after applying", sandbox.Fault{Method: write, Effect: sandbox.HangAfter}},
		{"reset after applying", sandbox.Fault{Method: write, Effect: sandbox.ResetAfter, Times: 2}},
		{"answer cut after applying", sandbox.Fault{Method: write, Effect: sandbox.TruncateAfter}},
		{"reset before applying", sandbox.Fault{Effect: sandbox.ResetBefore, Times: 2}},
		{"401, token expired", sandbox.Fault{Effect: sandbox.ExpireTokens}},
		{"429 with Retry-After", sandbox.Fault{Effect: sandbox.Answer, Status: nethttp.StatusTooManyRequests, RetryAfter: time.Second}},
		{"500 once", sandbox.Fault{Effect: sandbox.Answer, Status: nethttp.StatusInternalServerError}},
		{"500 after applying", sandbox.Fault{Method: write, Effect: sandbox.AnswerAfter, Status: nethttp.StatusInternalServerError}},
		{forEver, sandbox.Fault{Method: write, Contains: `"remoteId":"` + row + `"`, Effect: sandbox.Answer, Status: nethttp.StatusInternalServerError, Times: -1}},
		{"502", sandbox.Fault{Effect: sandbox.Answer, Status: nethttp.StatusBadGateway}},
		{"502 after applying", sandbox.Fault{Method: write, Effect: sandbox.AnswerAfter, Status: nethttp.StatusBadGateway}},
		{"503", sandbox.Fault{Effect: sandbox.Answer, Status: nethttp.StatusServiceUnavailable, Times: 2}},
		{"slow answers", sandbox.Fault{Effect: sandbox.Slow, Delay: 300 * time.Millisecond, Times: 5}},
	}
}

const forEver = "500 for ever, one payload"

// misbehave scripts some of them.
func (d *disaster) misbehave(night int) (list []misbehaviour) {
	for _, m := range d.misbehaviours(night) {
		if d.random.IntN(4) == 0 {
			m.Skip = d.random.IntN(25)
			if m.name == forEver {
				m.Skip = 0
			}
			d.box.AddFault(m.Fault)
			d.t.Logf("fault: %s, after %d requests", m.name, m.Skip)
			list = append(list, m)
		}
	}
	return list
}

// struck are the names of those that came to a request of this round.
func (d *disaster) struck(list []misbehaviour) (names []string) {
	for _, m := range list {
		if slices.ContainsFunc(d.box.Requests(), func(r sandbox.Request) bool {
			return r.Fault == m.Effect && (m.Status == 0 || r.Status == m.Status)
		}) {
			names = append(names, m.name)
		}
	}
	return names
}

// outcome is what came of some rounds.
type outcome struct{ rounds, kills, requests, duplicates, losses, stale int }

func (o *outcome) add(other outcome) {
	o.rounds += other.rounds
	o.kills += other.kills
	o.requests += other.requests
	o.duplicates += other.duplicates
	o.losses += other.losses
	o.stale += other.stale
}

// outcome compares what Optiply holds with the tables worked out by hand.
func (d *disaster) outcome(night int) outcome {
	o := outcome{rounds: 1, kills: d.kills, requests: len(d.box.Requests())}
	d.close()
	products, orders, _ := d.held()
	for what, held := range map[string][]string{"product": products, "order": orders} {
		there := map[string]string{}
		for _, row := range held {
			id, _, _ := strings.Cut(row, "\t")
			if _, twice := there[id]; twice {
				o.duplicates++
				d.t.Errorf("%s %s is there twice", what, id)
			}
			there[id] = row
		}
		for _, row := range expected(d.t, night, "default", what+"s") {
			id, _, _ := strings.Cut(row, "\t")
			got, ok := there[id]
			switch {
			case !ok:
				o.losses++
				d.t.Errorf("%s %s is lost", what, id)
			case got != row:
				o.stale++
				d.t.Errorf("%s %s is stale:\n%s, expected by hand\n%s, held", what, id, row, got)
			}
			delete(there, id)
		}
		for id := range there {
			o.duplicates++
			d.t.Errorf("%s %s is there, and nobody wants it", what, id)
		}
	}
	return o
}

// TestKill_Matrix kills loads at random moments while Optiply misbehaves, starts them again until they are done, and
// compares: nothing missing, nothing twice, nothing stale. The nights are read once, for all rounds.
func TestKill_Matrix(t *testing.T) {
	long(t)
	if *killRounds == 0 {
		t.Skip("no rounds")
	}
	nights := []string{t.TempDir(), t.TempDir()}
	read := newDisasterIn(t, nights[0], 1)
	read.must(3, "run", "--dry-run")
	read.close()
	read = newDisasterIn(t, nights[1], 1)
	read.must(3, "run")
	read.night(2)
	read.must(3, "run", "--dry-run")
	read.close()

	var mu sync.Mutex
	all, by := outcome{}, map[string]*outcome{}
	t.Cleanup(func() { printMatrix(all, by) })
	for i := range *killRounds {
		seed := *killSeed*1000 + uint64(i)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			o, faults := killLoad(t, nights[i%2], 1+i%2, seed)
			mu.Lock()
			defer mu.Unlock()
			all.add(o)
			for _, name := range append(faults, "kill alone")[:max(len(faults), 1)] {
				if by[name] == nil {
					by[name] = &outcome{}
				}
				by[name].add(o)
			}
		})
	}
}

// killLoad is one round: the load of a night that was read before, killed once or twice.
func killLoad(t *testing.T, read string, night int, seed uint64) (outcome, []string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "data"), os.DirFS(filepath.Join(read, "data"))); err != nil {
		t.Fatal(err)
	}
	d := newDisasterIn(t, dir, seed)
	d.night(night)
	faults := d.misbehave(night)
	writes := []int{60, 19}[night-1]
	d.killedAt(writes, "load")
	if d.random.IntN(3) == 0 {
		d.killedAt(writes, "load")
	}
	stubborn := slices.ContainsFunc(faults, func(m misbehaviour) bool { return m.name == forEver }) && d.random.IntN(4) == 0
	if !stubborn {
		d.box.ClearFaults()
	}
	d.loads()
	if stubborn { // its row is given up, and sent again the next night
		d.box.ClearFaults()
		if r := d.start("run", "--full")(); r.code != 0 && r.code != 3 {
			t.Errorf("the next night: exit code %d\n%s", r.code, r.stderr)
		}
	}
	if seed%4 == 0 {
		d.settled()
	}
	return d.outcome(night), d.struck(faults)
}

// loads sends the plan until it is done.
func (d *disaster) loads() {
	d.t.Helper()
	for range 3 {
		r := d.start("load")()
		if r.code == 0 || r.code == 3 {
			return
		}
		d.t.Logf("load after a kill: exit code %d\n%s", r.code, r.stderr)
	}
	d.t.Error("the load does not come to its end")
}

func printMatrix(all outcome, by map[string]*outcome) {
	line := func(name string, o outcome) {
		fmt.Printf("%-28s %6d %6d %9d %10d %7d %6d\n", name, o.rounds, o.kills, o.requests, o.duplicates, o.losses, o.stale)
	}
	fmt.Printf("\n%-28s %6s %6s %9s %10s %7s %6s\n", "rounds with", "rounds", "kills", "requests", "duplicates", "losses", "stale")
	for _, name := range slices.Sorted(maps.Keys(by)) {
		line(name, *by[name])
	}
	line("all", all)
}
