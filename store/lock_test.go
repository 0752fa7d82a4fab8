package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestLock_ASecondProcessIsToldWhoHoldsIt(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	o := start(t, s, "lock")
	equal(t, "the other", o.said, "locked")
	_, err := s.Lock("run", start0)
	var locked *LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("got %v", err)
	}
	host, _ := os.Hostname()
	contains(t, err, fmt.Sprintf("run 20261123T020000Z, process %d on %s, since 2026-11-23T02:00:00Z", o.cmd.Process.Pid, host))
	o.end()
	lock, err := s.Lock("run", start0)
	if err != nil {
		t.Fatal(err)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(s.Dir, "lock")); err != nil || len(data) > 0 {
		t.Errorf("a released lock says %q, %v", data, err)
	}
}

func TestLock_IsFreeAfterItsProcessWasKilled(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	o := start(t, s, "lock")
	o.kill()
	lock, err := s.Lock("run", start0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Release() }()
	data, err := os.ReadFile(filepath.Join(s.Dir, "lock"))
	if err != nil || !strings.Contains(string(data), fmt.Sprint(`"pid":`, os.Getpid())) {
		t.Errorf("the lock says %s, %v", data, err)
	}
}

func TestLock_SweepsWhatAKilledProcessSpilledAndNothingElse(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	o := start(t, s, "lock")
	o.kill()
	host, _ := os.Hostname()
	dead := s.spillDir(o.cmd.Process.Pid, "A")
	keep := []string{s.spillDir(os.Getpid(), "B"), filepath.Join(s.Dir, "tmp-elsewhere-1-C"), filepath.Join(s.Dir, "tmp-"+host+"-x-D"), filepath.Join(s.Dir, "tmp")}
	for _, dir := range append(keep, dead) {
		if err := os.MkdirAll(filepath.Join(dir, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := s.Lock("run", start0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Release() }()
	isNotThere(t, dead)
	for _, dir := range keep {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
}

func TestNewRunID_SortsByTimeAndNeverCollides(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var ids []string
	for _, now := range []time.Time{start0, start0, start0.Add(-time.Hour), start0.Add(500 * time.Millisecond), start0.Add(time.Minute).In(time.FixedZone("", 3600))} {
		id, err := s.NewRunID(now)
		if err != nil {
			t.Fatal(err)
		}
		if len(ids) > 0 && id <= ids[len(ids)-1] {
			t.Errorf("%s comes after %s", id, ids[len(ids)-1])
		}
		if !regexp.MustCompile(`^\d{8}T\d{6}Z$`).MatchString(id) {
			t.Errorf("%q is no run id", id)
		}
		ids = append(ids, id)
		if err := os.WriteFile(s.runPath(id, len(ids)%2 == 0), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "first", ids[0], id0)
	equal(t, "last", ids[4], "20261123T020100Z")
}

func TestRuns_AreTheFilesThatHaveARunsName(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	for _, name := range []string{"20261123T020000Z.duckdb", "20261124T020000Z.duckdb", "20261125T020000Z.partial.duckdb", "20261125T020000Z.partial.duckdb.wal",
		"20261124T020000Z copy.duckdb", "zzz.duckdb", "20261124T020000Z.pages"} {
		if err := os.WriteFile(filepath.Join(s.runsDir(), name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refs, err := s.Runs()
	equal(t, "runs", fmt.Sprint(refs, err), "[{20261123T020000Z false 1} {20261124T020000Z false 1} {20261125T020000Z true 1}] <nil>")
	latest, err := s.Latest()
	equal(t, "latest", fmt.Sprint(latest.ID, err), "20261124T020000Z<nil>")
	partial, err := s.LatestPartial()
	equal(t, "latest partial", fmt.Sprint(partial.ID, err), "20261125T020000Z<nil>")
	id, err := s.NewRunID(start0)
	equal(t, "next", fmt.Sprint(id, err), "20261125T020001Z<nil>")
	_, err = s.Find("20270101T000000Z")
	contains(t, err, "run 20270101T000000Z: no such run in "+s.runsDir())
	if _, err := newShop(t).Latest(); !errors.Is(err, ErrNoRun) {
		t.Errorf("got %v", err)
	}
}

func TestOpen_RefusesAFolderThatDuckDBCannotRead(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a,b", "a?b", "a*b"} {
		_, err := Open(filepath.Join(t.TempDir(), name), "demo")
		contains(t, err, "choose another data_dir")
	}
	for _, name := range []string{"a b", "a'b", `a"b`, "a[b]", "é%20#+&"} {
		s, err := Open(filepath.Join(t.TempDir(), name), "demo")
		if err != nil {
			t.Fatal(err)
		}
		r := create(t, s, id0)
		page(t, r, "products", "1.json", `{"items":[{"id":1}]}`)
		equal(t, name, ask(t, r, "SELECT key FROM raw.products"), "1")
	}
}
