package main_test

import (
	"encoding/json"
	nethttp "net/http" // architecture_test.go has a name http
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"magento-optiply/optiply/sandbox"
)

// These tests stop the real program by its deadline, and let the next run do the rest. How far it comes before depends on the
// machine, and they want no certain moment.

// ending is what the summary says of a run that was stopped.
type ending struct {
	ExitCode    int    `json:"exit_code"`
	Phase       string `json:"phase"`
	Deadline    string `json:"deadline"`
	Unfinished  int    `json:"unfinished"`
	UrgentFirst bool   `json:"urgent_first"`
	Changes     []struct {
		Entity, Op                                string
		Planned, Done, Rejected, Held, Unfinished int
	}
}

// atDeadline runs the program, which has to stop at its deadline.
func (d *disaster) atDeadline(args ...string) (e ending) {
	d.t.Helper()
	r := d.must(6, append([]string{"--log-format", "json"}, args...)...)
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); err != nil {
		d.t.Fatalf("%v in the last line: %s", err, lines[len(lines)-1])
	}
	if _, err := time.Parse(time.RFC3339, e.Deadline); err != nil || e.ExitCode != 6 {
		d.t.Errorf("the summary says exit code %d and deadline %q", e.ExitCode, e.Deadline)
	}
	if !strings.Contains(r.stderr, "stopped at the deadline") {
		d.t.Errorf("nothing says that it was the deadline:\n%s", r.stderr)
	}
	return e
}

func TestDeadline_ALoadStopsAndTheNextRunSendsTheRest(t *testing.T) {
	long(t)
	t.Parallel()
	d := newDisaster(t, 1)
	d.must(3, "run", "--dry-run")
	d.box.AddFault(sandbox.Fault{Method: nethttp.MethodPost, Effect: sandbox.Slow, Delay: 400 * time.Millisecond, Times: -1})
	e := d.atDeadline("load", "--deadline", "3s")
	left := 0
	for _, c := range e.Changes {
		if c.Planned != c.Done+c.Rejected+c.Held+c.Unfinished {
			t.Errorf("the summary counts %+v", c)
		}
		left += c.Unfinished
	}
	// The step that was not begun is counted too.
	if e.Phase != "load" || left == 0 || e.Unfinished != left || !slices.ContainsFunc(e.Changes, func(c struct {
		Entity, Op                                string
		Planned, Done, Rejected, Held, Unfinished int
	}) bool {
		return c.Entity == "sell_orders" && c.Planned > 0
	}) {
		t.Errorf("the summary does not tell what is left: %+v", e)
	}
	if open := d.query("SELECT count(*) FROM (FROM state.ledger QUALIFY row_number() OVER (PARTITION BY entity, remote_id ORDER BY seq DESC) = 1) WHERE state IN ('sent', 'unknown')"); open[0][0] != "0" {
		t.Errorf("%s requests are not settled", open[0][0])
	}
	if marks := d.query("SELECT count(*) FROM state.bookmarks"); marks[0][0] != "0" {
		t.Errorf("%s bookmarks have moved past what was not sent", marks[0][0])
	}
	d.box.ClearFaults()
	d.must(3, "run")
	d.close()
	d.matches(1, "default")
	d.noDuplicates(1)
}

func TestDeadline_StockAndOrdersGoBeforeTexts(t *testing.T) {
	long(t)
	t.Parallel()
	d := newDisaster(t, 2)
	d.must(3, "run")
	d.night(2)
	d.write("magento-optiply.yaml", strings.Replace(configOf(t, d.shopDir), "requests_per_second: 0", "requests_per_second: 2", 1))
	d.must(3, "run", "--dry-run")
	if e := d.atDeadline("load", "--deadline", "4s"); !e.UrgentFirst || e.Unfinished == 0 {
		t.Errorf("the summary says urgent first %t, %d unfinished", e.UrgentFirst, e.Unfinished)
	}
	var sent []string
	for _, row := range d.query(`SELECT p.priority FROM state.ledger l JOIN plan.changes p ON p.entity = l.entity AND p.remote_id = l.remote_id
		WHERE l.state = 'acknowledged' AND l.run_id = (SELECT run_id FROM run.info) ORDER BY l.seq`) {
		sent = append(sent, row[0])
	}
	if !slices.IsSorted(sent) {
		t.Errorf("sent by priority in this order: %v", sent)
	}
	d.write("magento-optiply.yaml", strings.Replace(configOf(t, d.shopDir), "requests_per_second: 2", "requests_per_second: 0", 1))
	d.must(3, "load")
	d.close()
	d.matches(2, "default")
	d.noDuplicates(2)
}

func TestDeadline_AnExtractionStopsAndIsGoneOnWith(t *testing.T) {
	long(t)
	t.Parallel()
	d := newDisaster(t, 3)
	d.mu.Lock()
	shop := d.shop
	d.shop = nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		if strings.Contains(r.URL.Path, "/orders") {
			<-r.Context().Done() // the shop says nothing
			return
		}
		shop.ServeHTTP(w, r)
	})
	d.mu.Unlock()
	if e := d.atDeadline("run", "--deadline", "6s"); e.Phase != "extract" || e.Unfinished != 0 {
		t.Errorf("the summary says %+v", e)
	}
	if partial, _ := filepath.Glob(filepath.Join(d.dir, "data", "demo", "runs", "*.partial.duckdb")); len(partial) != 1 {
		t.Errorf("what was read is not kept: %v", partial)
	}
	d.night(1)
	d.must(3, "run", "--resume")
	d.close()
	d.matches(1, "default")
	if runs := d.query("SELECT count(*) FROM state.runs"); runs[0][0] != "1" {
		t.Errorf("%s runs, want the one that was gone on with", runs[0][0])
	}
}

func TestDeadline_OneThatIsOverBeginsNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	s.must(6, "run", "--fixtures", night(1), "--deadline", "2020-01-01T06:00:00Z")
	if r := s.must(2, "run", "--fixtures", night(1), "--deadline", "soon"); !strings.Contains(r.stderr, "--deadline soon") || !strings.Contains(r.stderr, "06:00") {
		t.Errorf("the error does not say what is possible:\n%s", r.stderr)
	}
	s.must(3, "run", "--fixtures", night(1))
	s.matches(1, "default")
}
