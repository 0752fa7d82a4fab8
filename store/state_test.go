package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"testing"
	"testing/fstest"
	"time"
)

// openState opens the state, closed when the test ends.
func openState(t *testing.T, s *Shop, access Access) *Run {
	t.Helper()
	r, err := s.OpenState(t.Context(), access)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// tomorrow is a schema with one migration more.
func tomorrow(t *testing.T, extra string) fs.FS {
	t.Helper()
	out := fstest.MapFS{}
	err := fs.WalkDir(schema, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := schema.ReadFile(name)
		out[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	out[fmt.Sprintf("schema/state/%03d_colour.sql", today(t, "state")+1)] = &fstest.MapFile{Data: []byte(extra)}
	return out
}

// today is the schema version of the files that this program writes: run or state.
func today(t *testing.T, of string) int {
	t.Helper()
	steps, err := migrations(schema, of)
	if err != nil {
		t.Fatal(err)
	}
	return len(steps)
}

func TestState_IsMadeByItsMigrations(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := openState(t, s, Write)
	equal(t, "version", ask(t, r, "SELECT value FROM state.meta"), strconv.Itoa(today(t, "state")))
	equal(t, "tables", ask(t, r, "SELECT table_name FROM duckdb_tables() WHERE database_name = 'state' ORDER BY 1"), "adoptions bookmarks ledger loads meta parked products runs sell_orders stock_answers unadopted")
	isNotThere(t, s.statePath()+".bak")
}

func TestState_AnOlderOneIsMigratedAfterABackup(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := openState(t, s, Write)
	do(t, r, "INSERT INTO state.bookmarks VALUES ('orders', '', '2026-11-23', 'r', '2026-11-23')")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}

	s.otherSchema = tomorrow(t, "ALTER TABLE bookmarks ADD COLUMN colour VARCHAR; UPDATE bookmarks SET colour = 'red'")
	r = openState(t, s, Write)
	equal(t, "migrated", ask(t, r, "SELECT stream || ' ' || colour FROM state.bookmarks"), "orders red")
	equal(t, "version", ask(t, r, "SELECT value FROM state.meta"), strconv.Itoa(today(t, "state")+1))

	// The copying of the file must not have dropped its lock.
	_, err := os.Stat(s.statePath() + ".bak")
	if err != nil {
		t.Fatal(err)
	}
	contains(t, errors.New(start(t, s, "write state").said), s.statePath()+" is open in process "+strconv.Itoa(os.Getpid()))
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}

	if err := os.Rename(s.statePath()+".bak", s.statePath()); err != nil {
		t.Fatal(err)
	}
	s.otherSchema = nil
	r = openState(t, s, Write)
	equal(t, "the backup", ask(t, r, "SELECT stream || ' of version ' || meta.value FROM state.bookmarks, state.meta"), fmt.Sprintf("orders of version %d", today(t, "state")))
}

func TestState_AMigrationThatFailsLeavesTheStateAsItWas(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := openState(t, s, Write)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	s.otherSchema = tomorrow(t, "ALTER TABLE bookmarks ADD COLUMN colour VARCHAR; SELECT no_such_thing FROM bookmarks")
	_, err := s.OpenState(t.Context(), Write)
	if err == nil {
		t.Fatal("the migration ended well")
	}
	s.otherSchema = nil
	r = openState(t, s, Write)
	equal(t, "version", ask(t, r, "SELECT value FROM state.meta"), strconv.Itoa(today(t, "state")))
	equal(t, "columns", ask(t, r, "SELECT count(*) FROM duckdb_columns() WHERE database_name = 'state' AND table_name = 'bookmarks' AND column_name = 'colour'"), "0")
}

func TestState_ANewerOneIsRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.otherSchema = tomorrow(t, "CREATE TABLE colours (a INT)")
	if err := openState(t, s, Write).Close(); err != nil {
		t.Fatal(err)
	}
	s.otherSchema = nil
	for _, access := range []Access{Write, Read} {
		_, err := s.OpenState(t.Context(), access)
		var newer *NewerError
		if !errors.As(err, &newer) {
			t.Errorf("got %v", err)
		}
		contains(t, err, fmt.Sprintf("%s has schema version %d, and this program knows up to %d: use the newer program that wrote it",
			s.statePath(), today(t, "state")+1, today(t, "state")))
	}
	_, err := s.CreateRun(t.Context(), id0, "test", start0)
	contains(t, err, fmt.Sprintf("has schema version %d", today(t, "state")+1))
	if refs, _ := s.Runs(); len(refs) > 0 {
		t.Errorf("a run was left: %v", refs)
	}
}

func TestMigrations_AreNumberedWithoutAGap(t *testing.T) {
	t.Parallel()
	_, err := migrations(fstest.MapFS{"schema/state/001_a.sql": {}, "schema/state/003_c.sql": {}}, "state")
	contains(t, err, "003_c.sql: expected number 002")
}

func TestState_IsReadWhileARunHoldsIt(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	o := start(t, s, "begin a run")
	equal(t, "the run", o.said, "open")
	r := openState(t, s, Read)
	equal(t, "history", ask(t, r, "SELECT run_id || command FROM state.runs"), id0+"run")
	if !r.StateStale {
		t.Error("the state is a copy, and is not said to be")
	}
	if _, err := r.DB.ExecContext(t.Context(), "DELETE FROM state.runs"); err == nil {
		t.Error("a reader wrote")
	}
	_, err := s.OpenState(t.Context(), Write)
	if !IsBusy(err) {
		t.Errorf("got %v", err)
	}
	contains(t, err, s.statePath()+" is open in process ")
	o.end()

	// The reader keeps its copy, and a new one has the newest.
	equal(t, "the copy", ask(t, r, "SELECT count(*) FROM state.runs"), "1")
	later := openState(t, s, Read)
	if later.StateStale {
		t.Error("no run holds the state, and its copy is said to be stale")
	}
}

func TestState_AReaderKeepsNoRunFromStarting(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	finished(t, s, id0)
	o := start(t, s, "read state") // a prompt, left open overnight
	equal(t, "the reader", o.said, "open")
	r := openState(t, s, Write)
	do(t, r, "INSERT INTO state.bookmarks VALUES ('orders', '', '2026-11-23', 'r', '2026-11-23')")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	equal(t, "a new reader", ask(t, openState(t, s, Read), "SELECT stream FROM state.bookmarks"), "orders")
}

func TestState_OfAKilledRunIsReadAndWritten(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	o := start(t, s, "begin a run, and write more")
	equal(t, "the run", o.said, "open")
	o.kill()
	r := openState(t, s, Read)
	equal(t, "as it was when the run was killed", ask(t, r, "SELECT phase FROM state.runs"), "load")
	if r.StateStale {
		t.Error("the state is said to be stale")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	equal(t, "for a writer", ask(t, openState(t, s, Write), "SELECT phase FROM state.runs"), "load")
	ref, err := s.LatestPartial()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenRun(t.Context(), ref, Options{Run: Read}); err != nil {
		t.Error(err)
	}
}

func TestPublishState_IsNotMisledByOneThatWasKilled(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := openState(t, s, Write)
	for _, name := range []string{".tmp", ".tmp.wal"} {
		if err := os.WriteFile(s.readPath()+name, []byte("half a file"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := r.PublishState(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	isNotThere(t, s.readPath()+".tmp")
	isNotThere(t, s.readPath()+".tmp.wal")
}

func TestHistory_TellsHowEachRunEnded(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := create(t, s, id0)
	ctx := t.Context()
	if err := r.BeginHistory(ctx, "run", "extract", start0); err != nil {
		t.Fatal(err)
	}
	list, err := r.Histories(ctx)
	equal(t, "running", fmt.Sprint(list, err), "[{20261123T020000Z 2026-11-23 02:00:00 +0000 UTC 0001-01-01 00:00:00 +0000 UTC run extract false -1  }] <nil>")
	if err := r.EndHistory(ctx, History{EndedAt: start0.Add(time.Minute), Phase: "done", ProductsFull: true, ExitCode: 3, PlanHash: "h", Summary: "{}"}); err != nil {
		t.Fatal(err)
	}
	if err := r.BeginHistory(ctx, "load", "load", start0.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	list, err = r.Histories(ctx)
	equal(t, "loaded again", fmt.Sprint(list, err), "[{20261123T020000Z 2026-11-23 02:00:00 +0000 UTC 0001-01-01 00:00:00 +0000 UTC load load true -1 h {}}] <nil>")
}

func TestState_CannotBeReadBeforeThereIsOne(t *testing.T) {
	t.Parallel()
	_, err := newShop(t).OpenState(t.Context(), Read)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestState_DamagedIsSaidSo(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func([]byte) []byte{
		"garbage": func([]byte) []byte { return []byte("not a database at all, but long enough to look at") },
		"empty":   func([]byte) []byte { return nil },
		"half":    func(b []byte) []byte { return b[:len(b)/2] },
		"flipped": func(b []byte) []byte {
			for i := 4096; i < len(b); i += 64 {
				b[i] ^= 0xff
			}
			return b
		},
	} {
		s := newShop(t)
		if err := openState(t, s, Write).Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(s.statePath())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.statePath(), damage(data), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err = s.OpenState(context.Background(), Write)
		if err == nil {
			t.Errorf("%s: the state opened", name)
			continue
		}
		contains(t, err, s.statePath()+" is damaged, or no DuckDB file: move it away, or put a backup back")
	}
}
