package fleet

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"
	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"magento-optiply/store"
)

func openedCopies(t *testing.T, dir string) *copies {
	t.Helper()
	s, err := openCopies(t.Context(), "file://"+dir, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.close() })
	return s
}

// holding makes the folder's state a file with this text: Pack and Unpack do not look into it.
func holding(t *testing.T, s *store.Shop, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, "state.duckdb"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func held(t *testing.T, s *store.Shop) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.Dir, "state.duckdb"))
	if errors.Is(err, os.ErrNotExist) {
		return "nothing"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestCopies_SortByNumberAndAreWrittenOnce(t *testing.T) {
	t.Parallel()
	copies, shop := openedCopies(t, t.TempDir()), folder(t)
	for _, fence := range []int64{9, 10, 100} {
		holding(t, shop, "state")
		if _, _, err := copies.put(t.Context(), shop, fence); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := copies.put(t.Context(), shop, 10); gcerrors.Code(err) != gcerrors.FailedPrecondition && gcerrors.Code(errors.Unwrap(err)) != gcerrors.FailedPrecondition {
		t.Errorf("a copy was written over: %v", err)
	}
	if err := copies.prune(t.Context(), "alpha"); err != nil {
		t.Fatal(err)
	}
	list, err := copies.list(t.Context(), "alpha")
	if err != nil || len(list) != 2 || list[0].fence != 100 || list[1].fence != 10 {
		t.Errorf("%+v, %v", list, err)
	}
	if left, _ := filepath.Glob(filepath.Join(shop.Dir, ".copy-*")); len(left) > 0 {
		t.Errorf("left in the shop's folder: %v", left)
	}
}

// machines is a database, storage, and a worker on each of two hosts, with the shop's folder there.
type machines struct {
	db      *Database
	copies  *copies
	workers map[string]*Worker
	folders map[string]*store.Shop
}

func newMachines(t *testing.T, db *Database) *machines {
	m := &machines{db: db, copies: openedCopies(t, t.TempDir()), workers: map[string]*Worker{}, folders: map[string]*store.Shop{}}
	for _, host := range []string{"one", "two"} {
		m.workers[host] = worker(t, db, host)
		m.workers[host].copies, m.folders[host] = m.copies, folder(t)
	}
	given(t, db, "one", "alpha")
	return m
}

// runs is a run on a host: it leaves a text as the state. behind tells that the folder was older than the last run.
func (m *machines) runs(t *testing.T, host, leaves string, copied bool) (found string, behind bool) {
	t.Helper()
	if _, err := m.db.Move(t.Context(), "alpha", host, lease); err != nil {
		t.Fatal(err)
	}
	w, shop := m.workers[host], m.folders[host]
	c := claimed(t, m.db, "alpha", host, w.instance, lease)
	behind, err := w.bring(t.Context(), c, shop)
	if err != nil {
		t.Fatal(err)
	}
	found = held(t, shop)
	if err := errors.Join(mark(shop, c.fence), c.begin(t.Context())); err != nil {
		t.Fatal(err)
	}
	holding(t, shop, leaves)
	if copied {
		ref, n, err := m.copies.put(t.Context(), shop, c.fence)
		if err := errors.Join(err, c.keepCopy(t.Context(), ref, n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.release(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	return found, behind
}

func TestBring_TheNewestIsFoundAndWhatIsOlderIsKnownToBe(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		m := newMachines(t, db)
		holding(t, m.folders["one"], "of cron's days") // a shop that was run before there was a fleet
		for i, step := range []struct {
			host, leaves string
			copied       bool
			found        string
			behind       bool
		}{
			{"one", "first", true, "of cron's days", false},
			{"one", "second", true, "first", false},
			{"two", "third", true, "second", false},   // pulled
			{"one", "fourth", false, "third", false},  // its own folder is older than the copy
			{"one", "fifth", false, "fourth", false},  // not copied, but here
			{"two", "sixth", true, "third", true},     // the copy is of before the fourth
			{"two", "seventh", true, "sixth", false},  //
			{"one", "eighth", true, "seventh", false}, //
		} {
			if found, behind := m.runs(t, step.host, step.leaves, step.copied); found != step.found || behind != step.behind {
				t.Fatalf("run %d, on %s: found %q, behind %v; want %q, %v", i+1, step.host, found, behind, step.found, step.behind)
			}
		}
	})
}

func TestBring_WithoutACopyNothingOldIsTakenForNew(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		m := newMachines(t, db)
		m.runs(t, "one", "first", false)
		holding(t, m.folders["two"], "of last year")
		if found, behind := m.runs(t, "two", "second", false); found != "nothing" || !behind {
			t.Errorf("found %q, behind %v", found, behind)
		}
	})
}

func TestBring_ADamagedCopyIsPassedOverForAnOlderOne(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		m := newMachines(t, db)
		m.runs(t, "one", "first", true)
		m.runs(t, "one", "second", true)
		list, err := m.copies.list(t.Context(), "alpha")
		if err != nil {
			t.Fatal(err)
		}
		data, err := m.copies.bucket.ReadAll(t.Context(), list[0].key)
		if err != nil {
			t.Fatal(err)
		}
		data = bytes.Clone(data)
		data[len(data)/2] ^= 1
		if err := m.copies.bucket.WriteAll(t.Context(), list[0].key, data, &blob.WriterOptions{Metadata: map[string]string{checksum: "whatever"}}); err != nil {
			t.Fatal(err)
		}
		if found, behind := m.runs(t, "two", "third", true); found != "first" || !behind {
			t.Errorf("found %q, behind %v", found, behind)
		}
	})
}

func TestBring_ADatabaseOfABackupDoesNotGiveNumbersTwice(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		m := newMachines(t, db)
		for _, leaves := range []string{"first", "second", "third"} {
			m.runs(t, "one", leaves, true)
		}
		if _, err := db.exec(t.Context(), "UPDATE fleet_shops SET fence = 1, run_fence = 1, copy_fence = 1"); err != nil {
			t.Fatal(err)
		}
		if found, behind := m.runs(t, "two", "fourth", true); found != "third" || behind {
			t.Errorf("found %q, behind %v", found, behind)
		}
		if list, err := m.copies.list(t.Context(), "alpha"); err != nil || list[0].fence != 4 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestBring_ANewDatabaseDoesNotTakeAnEmptyFolderForAll(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		m := newMachines(t, db)
		m.runs(t, "one", "first", true)
		m.runs(t, "one", "second", true)
		if _, err := db.exec(t.Context(), "DELETE FROM fleet_shops"); err != nil {
			t.Fatal(err)
		}
		given(t, db, "two", "alpha")
		if found, behind := m.runs(t, "two", "third", true); found != "second" || !behind {
			t.Errorf("found %q, behind %v", found, behind)
		}
		if _, err := db.exec(t.Context(), "DELETE FROM fleet_shops"); err != nil {
			t.Fatal(err)
		}
		given(t, db, "two", "alpha")
		if found, behind := m.runs(t, "two", "fourth", true); found != "third" || behind {
			t.Errorf("on the machine that had it: found %q, behind %v", found, behind)
		}
	})
}

func TestRun_ALateWorkerCopiesNothing(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		m := newMachines(t, db)
		w, shop := m.workers["one"], m.folders["one"]
		w.Lease, w.Grace = 60*time.Millisecond, time.Second
		w.Find = func(string) (string, *store.Shop, error) { return "alpha.yaml", shop, nil }
		var stopped error
		w.Run = func(ctx context.Context, task Task) Ended {
			holding(t, shop, "of the late one")
			// The other takes over; this one hears of it at its next renewal, or not at all.
			if _, err := db.exec(ctx, "UPDATE fleet_shops SET fence = fence + 1, holder = 'other', host = 'two'"); err != nil {
				t.Error(err)
			}
			<-ctx.Done()
			stopped = context.Cause(ctx)
			return Ended{Code: codeInterrupted}
		}
		c := claimed(t, db, "alpha", "one", w.instance, time.Minute)
		_, err := w.run(t.Context(), c, Job{Shop: "alpha"})
		if !errors.Is(err, errLost) || !errors.Is(stopped, errLost) {
			t.Errorf("%v; the run was stopped by %v", err, stopped)
		}
		if list, err := m.copies.list(t.Context(), "alpha"); err != nil || len(list) != 0 {
			t.Errorf("copies of the late one: %+v, %v", list, err)
		}
	})
}

func TestWork_WhatBecomesOfAJobIsDecidedByItsCause(t *testing.T) {
	w := &Worker{Settings: Settings{Host: "one", Lease: lease, RetryWait: time.Minute}, log: slog.New(slog.DiscardHandler)}
	stopping, stop := context.WithCancel(context.Background())
	stop()
	for _, test := range []struct {
		ctx   context.Context
		ended Ended
		err   error
		want  string
	}{
		{t.Context(), Ended{Code: 0}, nil, "completed"},
		{t.Context(), Ended{Code: 3}, nil, "completed"},
		{t.Context(), Ended{Code: 5}, nil, "completed"},
		{t.Context(), Ended{Code: 6}, nil, "completed"},
		{t.Context(), Ended{Code: 2}, nil, "cancelled"},
		{t.Context(), Ended{Code: 4}, nil, "snoozed"},
		{t.Context(), Ended{Code: 1, Said: "token secret-of-the-shop"}, nil, "retried"},
		{t.Context(), Ended{Code: 77}, nil, "retried"},
		{t.Context(), Ended{Code: 130}, nil, "retried"},
		{stopping, Ended{Code: 130}, nil, "snoozed"},
		{stopping, Ended{}, errors.New("database away"), "snoozed"},
		{t.Context(), Ended{}, errLost, "snoozed"},
		{t.Context(), Ended{}, errors.New("postgres://x:secret-of-the-shop@y"), "retried"},
	} {
		err := w.after(test.ctx, Job{Shop: "alpha"}, test.ended, test.err)
		if got := becomes(err); got != test.want {
			t.Errorf("exit code %d, %v: %s, want %s", test.ended.Code, test.err, got, test.want)
		}
		// What is returned is written to the queue's tables.
		if err != nil && bytes.Contains([]byte(err.Error()), []byte("secret-of-the-shop")) {
			t.Errorf("the queue's table would hold %v", err)
		}
	}
}

func becomes(err error) string {
	var snooze *rivertype.JobSnoozeError
	var cancel *rivertype.JobCancelError
	switch {
	case err == nil:
		return "completed"
	case errors.As(err, &snooze):
		return "snoozed"
	case errors.As(err, &cancel):
		return "cancelled"
	}
	return "retried"
}
