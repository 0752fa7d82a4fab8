package main_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"magento-optiply/magento/magentotest"
	"magento-optiply/store"
)

// newest is the id of the newest run.
func (s shopDir) newest() string {
	s.t.Helper()
	var runs []struct {
		RunID string `json:"run_id"`
	}
	r := s.must(0, "runs", "--format", "json")
	if err := json.Unmarshal([]byte(r.stdout), &runs); err != nil || len(runs) == 0 {
		s.t.Fatalf("runs: %v\n%s", err, r.stdout)
	}
	return runs[0].RunID
}

// sent is how many requests the ledger says have left.
func (s shopDir) sent() string {
	s.t.Helper()
	return s.query("SELECT count(*) FROM state.ledger WHERE state = 'sent'")[0][0]
}

func TestGuards_ACeilingHoldsTheLoadUntilItIsReleased(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{})
	s.write("magento-optiply.yaml", configOf(t, s.shopDir)+"guards:\n  max_product_creates: 5\n  max_sell_orders: 2\n")
	r := s.must(5, "run")
	id := s.newest()
	for _, want := range []string{"2 guards hold the load back: nothing was sent.", "guards.max_product_creates is 5", "guards.max_sell_orders is 2",
		"magento-optiply load --run " + id + " --release max_product_creates --release max_sell_orders", "magento-optiply plan --run " + id} {
		if !strings.Contains(strings.Join(strings.Fields(r.stderr), " "), want) {
			t.Errorf("the summary lacks %q:\n%s", want, r.stderr)
		}
	}
	if n := s.sent(); n != "0" {
		t.Errorf("%s requests left although the load was held", n)
	}
	if rows := s.query("FROM state.bookmarks"); len(rows) != 0 {
		t.Errorf("bookmarks moved although nothing was sent: %v", rows)
	}
	if r := s.must(0, "plan"); !strings.Contains(r.stdout, "A guard holds this plan: max_product_creates: this run would send") || !strings.Contains(r.stdout, "--release max_sell_orders") {
		t.Errorf("plan does not tell of the guards:\n%s", r.stdout)
	}
	if r := s.must(2, "load", "--release", "max_everything"); !strings.Contains(r.stderr, "there is no guard max_everything: they are band_product_creates") {
		t.Errorf("an unknown guard: %s", r.stderr)
	}
	if r := s.must(5, "load", "--release", "max_sell_orders"); !strings.Contains(r.stderr, "A guard holds the load back") || !strings.Contains(r.stderr, "--release max_product_creates\n") {
		t.Errorf("one of two guards released:\n%s", r.stderr)
	}
	// A held run is at its end: what cron starts next works everything out anew, also with --resume.
	if s.must(5, "run", "--resume"); s.newest() == id {
		t.Error("a held run was gone on with")
	}
	id = s.newest()
	s.must(5, "load", "--dry-run", "--run", id)
	s.must(3, "load", "--dry-run", "--release", "max_sell_orders,max_product_creates")
	if n := s.sent(); n != "0" {
		t.Errorf("a dry run sent %s requests", n)
	}
	r = s.must(3, "load", "--run", id, "--release", "max_sell_orders", "--release", "max_product_creates", "--log-format", "json")
	if line := lastLine(r.stderr); !strings.Contains(line, `"name":"max_product_creates"`) || !strings.Contains(line, `"released":true`) {
		t.Errorf("the summary does not tell what was released: %s", line)
	}
	if rows := s.query("SELECT name FROM run.releases ORDER BY ALL"); len(rows) != 2 || rows[0][0] != "max_product_creates" {
		t.Errorf("run.releases: %v", rows)
	}
	s.matches(1, "default")
	if r := s.must(0, "runs", "show", id); strings.Contains(r.stdout, "holds") {
		t.Errorf("runs show of a run that was released:\n%s", r.stdout)
	}
	s.must(3, "load", "--run", id) // all of it was sent, so there is nothing to hold
	s.must(0, "run")               // and another night is not bound to the release, but has nothing to send
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// writeState opens the state between two runs.
func (s shopDir) writeState() *store.Run {
	s.t.Helper()
	shop, err := store.Open(s.dir+"/data", "demo")
	if err != nil {
		s.t.Fatal(err)
	}
	state, err := shop.OpenState(s.t.Context(), store.Write)
	if err != nil {
		s.t.Fatal(err)
	}
	return state
}

// nights writes a history of so many nights before today, each with what is given, as if they had been run.
func (s shopDir) nights(many int, creates, updates, orders int64) {
	s.t.Helper()
	state := s.writeState()
	defer state.Close()
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for n := 1; n <= many; n++ {
		began := today.AddDate(0, 0, -n).Add(2 * time.Hour)
		summary := fmt.Sprintf(`{"streams":[{"name":"products","part":"full","rows":%d}],"changes":[{"entity":"products","op":"create","planned":%d},
			{"entity":"products","op":"update","planned":%d},{"entity":"sell_orders","op":"create","planned":%d}]}`, 4000+n, creates, updates+int64(n%5), orders+int64(n%3))
		_, err := state.DB.ExecContext(s.t.Context(), `INSERT INTO state.runs (run_id, started_at, ended_at, command, phase, exit_code, summary) VALUES (?, ?, ?, 'run', 'done', 0, ?)`,
			began.Format(store.RunIDLayout), began, began.Add(time.Hour), summary)
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestGuards_TheBandOfTheWeekdayHoldsANightThatReadsTooLittle(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{})
	s.nights(20, 2, 900, 200)
	r := s.must(5, "run")
	said := strings.Join(strings.Fields(r.stderr), " ")
	for _, want := range []string{"band_product_updates: 0 product updates in this run, and on a", "band_sell_orders:", "(median 20", "--release band_product_updates --release band_sell_orders"} {
		if !strings.Contains(said, want) {
			t.Errorf("the summary lacks %q:\n%s", want, r.stderr)
		}
	}
	if n := s.sent(); n != "0" {
		t.Errorf("%s requests left although the load was held", n)
	}
	if rows := s.query("SELECT count(DISTINCT run_id), count(DISTINCT op) FROM before.history WHERE loaded"); rows[0][0] != "20" || rows[0][1] != "4" {
		t.Errorf("before.history: %v", rows)
	}
	s.must(3, "load", "--release", "band_product_updates", "--release", "band_sell_orders")
	s.matches(1, "default")
	// A second run on that day finds little to do, which is no reason to hold it.
	s.must(0, "run")
}
