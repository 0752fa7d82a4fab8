package store

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
)

// readersSee wants the copy for readers to hold exactly what the state holds.
func readersSee(t *testing.T, what string, s *Shop, r *Run) {
	t.Helper()
	if err := r.PublishState(t.Context()); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	isNotThere(t, s.readPath()+".tmp")
	isNotThere(t, s.readPath()+".tmp.wal")
	if s.copyIsCurrent() {
		t.Errorf("%s: the copy is taken for the state when the run has ended", what)
	}
	state, err := os.Stat(s.statePath())
	seen, serr := os.Stat(s.readPath())
	if err = errors.Join(err, serr); err != nil || !seen.ModTime().Before(state.ModTime()) {
		t.Errorf("%s: the copy can have the time of the state that the run will end with: %v", what, err)
	}
	do(t, r, "ATTACH "+quote(s.readPath())+" AS seen (READ_ONLY)")
	defer do(t, r, "DETACH seen")
	tables := "SELECT sql FROM duckdb_tables() WHERE database_name = 'X' ORDER BY table_name"
	equal(t, what+": tables", ask(t, r, strings.ReplaceAll(tables, "X", "seen")), ask(t, r, strings.ReplaceAll(tables, "X", "state")))
	for _, table := range strings.Fields(ask(t, r, "SELECT table_name FROM duckdb_tables() WHERE database_name = 'state'")) {
		q := "SELECT count(*) || ' ' || coalesce(sum(hash(t))::VARCHAR, '') FROM X." + table + " t"
		equal(t, what+": "+table, ask(t, r, strings.ReplaceAll(q, "X", "seen")), ask(t, r, strings.ReplaceAll(q, "X", "state")))
	}
}

func TestPublishState_ReadersSeeWhatTheStateHolds(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := openState(t, s, Write)
	readersSee(t, "a new state", s, r)
	for _, step := range []struct{ what, change string }{
		{"products", "INSERT INTO state.products BY NAME SELECT i::VARCHAR AS remote_id, 'o' || i AS optiply_id, 'r' AS run_id, TIMESTAMP '2026-11-22' AS acknowledged_at, i AS change FROM range(1, 50) t(i)"},
		// DuckDB puts so many rows into the file at once, and only where they are into its log.
		{"many orders", "INSERT INTO state.sell_orders BY NAME SELECT i::VARCHAR AS remote_id, 'o' || i AS optiply_id, 'r' AS run_id, TIMESTAMP '2026-11-22' AS acknowledged_at, i AS change FROM range(130_000) t(i)"},
		{"a checkpoint", "CHECKPOINT state"},
		{"an update", "UPDATE state.products SET price = 1, run_id = 'q', change = 60 WHERE remote_id = '7'"},
		{"rows that go", "DELETE FROM state.sell_orders WHERE change % 3 = 0"},
		{"history", "INSERT INTO state.runs (run_id, started_at, command, phase) VALUES ('r', '2026-11-22', 'run', 'done')"},
		{"no change", "SELECT 1"},
	} {
		do(t, r, step.change)
		readersSee(t, step.what, s, r)
	}
	// The copying of the file must not have dropped its lock.
	contains(t, errors.New(start(t, s, "write state").said), s.statePath()+" is open in process "+strconv.Itoa(os.Getpid()))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if !s.copyIsCurrent() {
		t.Error("after Close the copy is not the state")
	}
}

func TestPublishState_OfAStateThatWasMigratedOrWrittenAnew(t *testing.T) {
	t.Parallel()
	s, _ := worn(t)
	s.otherSchema = tomorrow(t, "ALTER TABLE bookmarks ADD COLUMN colour VARCHAR")
	r := openState(t, s, Write)
	readersSee(t, "migrated", s, r)
	if err := r.compactState(t.Context()); err != nil {
		t.Fatal(err)
	}
	readersSee(t, "written anew", s, r)
}

func TestPublishState_AfterAKill(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	start(t, s, "begin a run, and write more").kill()
	r := openState(t, s, Write)
	readersSee(t, "with the log of the run that was killed", s, r)
	equal(t, "it", ask(t, r, "SELECT phase FROM state.runs"), "load")
}
