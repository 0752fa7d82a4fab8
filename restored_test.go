package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// backup copies the state's files, and gives what puts them back.
func (d *disaster) backup() (putBack func()) {
	d.t.Helper()
	state := filepath.Join(d.dir, "data", "demo", "state.duckdb")
	files := map[string][]byte{state: nil, state + ".wal": nil}
	for path := range files {
		content, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			d.t.Fatal(err)
		}
		files[path] = content
	}
	return func() {
		d.t.Helper()
		for path, content := range files {
			if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
				d.t.Fatal(err)
			}
			if content == nil {
				continue
			}
			if err := os.WriteFile(path, content, 0o600); err != nil {
				d.t.Fatal(err)
			}
		}
	}
}

// killedAtWrite kills the program when Optiply has applied a write and not answered it.
func (d *disaster) killedAtWrite(n int, args ...string) {
	d.t.Helper()
	d.mu.Lock()
	d.moment, d.writes = "applied", n
	d.mu.Unlock()
	if r := d.start(args...)(); r.code != -1 {
		d.t.Fatalf("%v was not killed at write %d: exit code %d\n%s", args, n, r.code, r.stderr)
	}
}

// refused wants everything that would send to be refused, and nothing to be written.
func (d *disaster) refusedAfterRestore() {
	d.t.Helper()
	before := len(d.box.Writes())
	for _, args := range [][]string{{"run"}, {"run", "--resume"}, {"load"}} {
		r := d.must(5, args...)
		if !strings.Contains(r.stderr, "an older state.duckdb was put back") || !strings.Contains(r.stderr, "`adopt`") {
			d.t.Errorf("%v with an older state: %s", args, r.stderr)
		}
	}
	if after := len(d.box.Writes()); after != before {
		d.t.Errorf("%d writes although the state is not current", after-before)
	}
}

// takenUp wants an adoption to be enough for the nights to go on, with nothing twice.
func (d *disaster) takenUp() {
	d.t.Helper()
	d.must(0, "adopt")
	d.untilDone("--full")
	d.settled()
	d.close()
	d.matches(2, "default")
}

func TestRestored_AStateFromBeforeANightThatWasKilledInTheMiddleOfItsLoad(t *testing.T) {
	long(t)
	t.Parallel()
	d := newDisaster(t, 41)
	d.must(3, "run")
	putBack := d.backup()
	d.night(2)
	d.killedAtWrite(6, "run")
	putBack()
	d.refusedAfterRestore()
	d.takenUp()
}

func TestRestored_AStateFromBeforeTheRestOfANightWasSent(t *testing.T) {
	long(t)
	t.Parallel()
	d := newDisaster(t, 42)
	d.must(3, "run")
	d.night(2)
	d.killedAtWrite(3, "run")
	putBack := d.backup()
	d.must(3, "run", "--resume")
	putBack()
	d.refusedAfterRestore()
	d.takenUp()
}

func TestRestored_AStateFromBetweenADryRunAndItsLoad(t *testing.T) {
	long(t)
	t.Parallel()
	d := newDisaster(t, 43)
	d.must(3, "run")
	d.night(2)
	d.must(3, "run", "--dry-run")
	putBack := d.backup()
	d.must(3, "load")
	putBack()
	d.refusedAfterRestore()
	d.takenUp()
}

// A run that is killed before its load sends anything is no sign of an older state.
func TestRestored_NothingIsRefusedAfterAKill(t *testing.T) {
	long(t)
	t.Parallel()
	d := newDisaster(t, 44)
	d.must(3, "run")
	d.night(2)
	d.mu.Lock()
	d.moment, d.writes = "before", 1
	d.mu.Unlock()
	if r := d.start("run")(); r.code != -1 {
		t.Fatalf("exit code %d\n%s", r.code, r.stderr)
	}
	d.untilDone("--full")
	d.settled()
	d.close()
	d.matches(2, "default")
}
