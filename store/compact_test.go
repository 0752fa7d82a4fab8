package store

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// aNight writes to the state what a night does in which little happens: the history, in two steps, bookmarks, and a few rows that
// come and go.
func aNight(t *testing.T, s *Shop, night int) {
	t.Helper()
	now := start0.AddDate(0, 0, night)
	r := openState(t, s, Write)
	r.ID = now.Format(RunIDLayout)
	if err := r.BeginHistory(t.Context(), "run", "load", now); err != nil {
		t.Fatal(err)
	}
	do(t, r, "CHECKPOINT state", // as a load of many changes has it
		fmt.Sprintf("INSERT INTO state.loads VALUES ('%s', '%s')", r.ID, now.Format(time.DateTime)),
		fmt.Sprintf(`INSERT INTO state.bookmarks VALUES ('orders', '', '%s', '%s', '2026-11-23')
			ON CONFLICT (stream, store_code) DO UPDATE SET value = excluded.value, run_id = excluded.run_id`, now.Format(time.DateOnly), r.ID),
		"DELETE FROM state.parked",
		fmt.Sprintf("INSERT INTO state.parked BY NAME SELECT 'products' AS entity, 'p%d' AS remote_id, 'held' AS kind, 'x' AS reason, '%[2]s' AS run_id, '%[3]s' AS first_at, '%[3]s' AS last_at, 1 AS times",
			night, r.ID, now.Format(time.DateTime)),
		fmt.Sprintf(`INSERT INTO state.ledger BY NAME SELECT %d AS seq, '%s' AS happened_at, '%s' AS run_id, 'h' AS plan_hash, 'products' AS entity, 'update' AS op, '1' AS remote_id,
			'sent' AS state, 1 AS attempt`, night, now.Format(time.DateTime), r.ID))
	err := r.EndHistory(t.Context(), History{EndedAt: now.Add(time.Minute), Phase: "done", PlanHash: "h", Summary: fmt.Sprintf(`{"night": %d, "and": "%s"}`, night, strings.Repeat("x", 500))})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestState_DoesNotGrowInThirtyNights(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var early, late int64
	for night := 1; night <= 30; night++ {
		aNight(t, s, night)
		info, err := os.Stat(s.statePath())
		if err != nil {
			t.Fatal(err)
		}
		if night <= 10 {
			early = max(early, info.Size())
		} else {
			late = max(late, info.Size())
		}
	}
	// It goes up and down by a few blocks. The rows of twenty nights are less than one.
	if late > early+2*262_144 {
		t.Errorf("%d bytes in the first ten nights, and %d later", early, late)
	}
	r := openState(t, s, Read)
	equal(t, "all are there, in order", ask(t, r, "SELECT json_extract(summary, 'night') FROM state.runs"), ask(t, r, "FROM range(1, 31)"))
	equal(t, "the ledger", ask(t, r, "SELECT seq FROM state.ledger"), ask(t, r, "FROM range(1, 31)"))
	equal(t, "what comes and goes", ask(t, r, "SELECT remote_id FROM state.parked"), "p30")
}

// worn is a shop whose state lies in many pieces: history in a row group a row, and products of which half are deleted. The
// state is left as a kill leaves it, not as Close does.
func worn(t *testing.T, before ...string) (s *Shop, holds string) {
	t.Helper()
	s = newShop(t)
	for i := range 7 {
		r := openState(t, s, Write)
		if i == 0 {
			do(t, r, before...)
			do(t, r, `INSERT INTO state.products BY NAME SELECT i::VARCHAR AS remote_id, hash(i)::VARCHAR AS optiply_id, repeat(md5(i::VARCHAR), 3) AS name, '{"a": 1}' AS extra, 'r' AS run_id,
				TIMESTAMP '2026-11-23' AS acknowledged_at, i AS change FROM range(40_000) t(i)`, "CHECKPOINT state", "DELETE FROM state.products WHERE change % 2 = 0")
		}
		do(t, r, fmt.Sprintf("INSERT INTO state.runs (run_id, started_at, command, phase) VALUES ('%d', '2026-11-23', 'run', 'done')", i), "CHECKPOINT state")
		if i == 6 {
			holds = everything(t, r)
		}
		r.closed = true
		if err := r.DB.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return s, holds
}

// everything is what the state holds, and how it is defined.
func everything(t *testing.T, r *Run) string {
	t.Helper()
	text := ask(t, r, "SELECT sql FROM duckdb_tables() WHERE database_name = 'state' ORDER BY table_name")
	for _, table := range strings.Fields(ask(t, r, "SELECT table_name FROM duckdb_tables() WHERE database_name = 'state' ORDER BY table_name")) {
		text += ask(t, r, "SELECT '\n"+table+" ' || count(*) || ' ' || coalesce(sum(hash(t))::VARCHAR, '') FROM state."+table+" t")
	}
	return text
}

func wornNames(t *testing.T, r *Run) string {
	t.Helper()
	worn, err := r.wornTables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, w := range worn {
		names = append(names, w.table)
	}
	return strings.Join(names, " ")
}

func TestState_WhatIsWrittenAnewStaysWhatItWas(t *testing.T) {
	t.Parallel()
	s, before := worn(t)
	r := openState(t, s, Write)
	equal(t, "worn", wornNames(t, r), "products runs")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = openState(t, s, Write)
	equal(t, "worn after Close", wornNames(t, r), "")
	equal(t, "the state", everything(t, r), before)
	for _, q := range []string{
		"INSERT INTO state.runs (run_id, started_at, command, phase) VALUES ('3', '2026-11-23', 'run', 'done')",
		"INSERT INTO state.runs (run_id, command, phase) VALUES ('9', 'run', 'done')",
		"INSERT INTO state.products BY NAME SELECT '1' AS remote_id, '1' AS optiply_id, 'r' AS run_id, TIMESTAMP '2026-11-23' AS acknowledged_at, 1 AS change",
	} {
		if _, err := r.DB.ExecContext(t.Context(), q); err == nil || !strings.Contains(err.Error(), "Constraint Error") {
			t.Errorf("%v in %s", err, q)
		}
	}
	do(t, r, "INSERT INTO state.runs (run_id, started_at, command, phase) VALUES ('3', '2026-11-23', 'load', 'done') ON CONFLICT (run_id) DO UPDATE SET command = excluded.command")
	equal(t, "a row that was there", ask(t, r, "SELECT command FROM state.runs WHERE run_id = '3'"), "load")
}

func TestState_ATableWithAnIndexOfItsOwnIsNotWrittenAnew(t *testing.T) {
	t.Parallel()
	s, _ := worn(t, "CREATE INDEX mine ON state.runs (command)")
	equal(t, "worn", wornNames(t, openState(t, s, Write)), "products")
}

func TestState_AKillWhileItIsWrittenAnewLosesNothing(t *testing.T) {
	t.Parallel()
	for _, when := range []string{"in the midst", "before the checkpoint"} {
		s, before := worn(t)
		o := start(t, s, "write the state anew, "+when)
		equal(t, when, o.said, "open")
		o.kill()
		reader := openState(t, s, Read)
		equal(t, when+": the state for a reader", everything(t, reader), before)
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
		r := openState(t, s, Write)
		equal(t, when+": the state", everything(t, r), before)
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		r = openState(t, s, Write)
		equal(t, when+": the state when it was written", everything(t, r), before)
		equal(t, when+": worn", wornNames(t, r), "")
	}
}
