package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"

	"magento-optiply/fleet/fleettest"
	"magento-optiply/store"
)

// cluster is one PostgreSQL for all tests of this package.
var cluster = sync.OnceValues(func() (*fleettest.Cluster, error) { return fleettest.New("fsync=off") })

func TestMain(m *testing.M) {
	code := m.Run()
	if c, err := cluster(); err == nil {
		c.Remove()
	}
	os.Exit(code)
}

// each runs a test over both kinds of database: what is promised is promised of either.
func each(t *testing.T, test func(t *testing.T, db *Database)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, opened(t, "sqlite:"+filepath.Join(t.TempDir(), "fleet.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		c, err := cluster()
		if err != nil {
			t.Skipf("SKIPPED, NOT PASSED: %v", err)
		}
		name := strings.ToLower(strings.NewReplacer("/", "_", "#", "_").Replace(t.Name()))
		test(t, opened(t, c.Database(t, name[max(0, len(name)-60):])))
	})
}

func opened(t *testing.T, address string) *Database {
	t.Helper()
	db, err := Open(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

const lease = time.Minute

// given puts shops on a host.
func given(t *testing.T, db *Database, host string, shops ...string) {
	t.Helper()
	for _, shop := range shops {
		if _, err := db.Schedule(t.Context(), []Planned{{Shop: shop}}, host, false, lease, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
}

func claimed(t *testing.T, db *Database, shop, host, instance string, lease time.Duration) *claim {
	t.Helper()
	c, err := db.claim(t.Context(), shop, host, instance, "", lease)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if err != want {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestClaim_OneHolderAtATimeAndANumberThatGrows(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		given(t, db, "one", "alpha")
		i1 := worker(t, db, "one").instance
		first := claimed(t, db, "alpha", "one", i1, lease)
		_, err := db.claim(t.Context(), "alpha", "one", "i2", "", lease)
		wantErr(t, "a second claim", err, errHeld)
		_, err = db.claim(t.Context(), "alpha", "one", i1, "stocks", lease)
		wantErr(t, "a second claim of the same process", err, errHeld)
		_, err = db.claim(t.Context(), "alpha", "two", "i3", "", lease)
		wantErr(t, "a claim of another host", err, errElsewhere)
		_, err = db.claim(t.Context(), "nobody", "one", "i1", "", lease)
		wantErr(t, "a claim of no shop", err, errUnknown)
		if err := first.release(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if second := claimed(t, db, "alpha", "one", "i2", lease); second.fence <= first.fence {
			t.Errorf("the number went from %d to %d", first.fence, second.fence)
		}
	})
}

func TestClaim_WhatAProcessOfThisHostLeftIsClaimedAtOnceAndNotMoved(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		given(t, db, "one", "alpha")
		worker(t, db, "one")
		worker(t, db, "two")
		claimed(t, db, "alpha", "one", "one-that-was-killed", lease)
		if moved, err := db.Move(t.Context(), "alpha", "two", lease); err != nil || moved {
			t.Errorf("a run of the killed one may still write, and the shop is moved: %v, %v", moved, err)
		}
		if _, err := db.Move(t.Context(), "alpha", "one", lease); err != nil {
			t.Fatal(err)
		}
		claimed(t, db, "alpha", "one", "one-instance", lease)
	})
}

func TestClaim_OfOneWhoWasAwayTooLongIsWorthNothing(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		given(t, db, "one", "alpha")
		late := claimed(t, db, "alpha", "one", "i1", time.Millisecond)
		time.Sleep(20 * time.Millisecond)
		now := claimed(t, db, "alpha", "one", "i2", lease)
		_, err := late.renew(t.Context())
		wantErr(t, "renew", err, errLost)
		wantErr(t, "begin", late.begin(t.Context()), errLost)
		wantErr(t, "copy", late.keepCopy(t.Context(), copyRef{fence: late.fence}, 1), errLost)
		wantErr(t, "release", late.release(t.Context(), 0), errLost)
		if _, err := now.renew(t.Context()); err != nil {
			t.Errorf("the one who holds it: %v", err)
		}
	})
}

func TestClaim_GoesOnWithTheRunThatCameToNoEnd(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		given(t, db, "one", "alpha")
		end := func(parts string, code int) *claim {
			c, err := db.claim(t.Context(), "alpha", "one", "i1", parts, time.Millisecond)
			if err == nil {
				err = c.begin(t.Context())
			}
			if err == nil && code >= 0 {
				err = c.release(t.Context(), code)
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
			return c
		}
		for _, test := range []struct {
			before int
			want   bool
		}{{-1, true}, {1, true}, {130, true}, {0, false}, {3, false}, {5, false}, {6, false}} {
			end("", test.before)
			if c := end("", 0); c.unfinished("") != test.want {
				t.Errorf("after exit code %d: goes on %v, want %v", test.before, !test.want, test.want)
			}
		}
		end("stocks", 1)
		if c := end("", 0); c.unfinished("") {
			t.Error("a whole run goes on with one of stocks")
		}
	})
}

func TestMove_WaitsForTheRunAndTheJobsFollow(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		given(t, db, "one", "alpha", "beta")
		one := worker(t, db, "one")
		worker(t, db, "two")
		c := claimed(t, db, "alpha", "one", one.instance, lease)
		for _, shop := range []string{"alpha", "beta"} {
			if q, err := db.Enqueue(t.Context(), Job{Shop: shop}, 1); err != nil || !q.New || q.Host != "one" {
				t.Fatalf("%+v, %v", q, err)
			}
		}
		if moved, err := db.Move(t.Context(), "alpha", "two", lease); err != nil || moved {
			t.Errorf("a shop that runs is moved at once: %v, %v", moved, err)
		}
		_, err := db.claim(t.Context(), "alpha", "one", "i1", "", lease)
		wantErr(t, "a claim of a shop that moves", err, errMoves)
		if _, err := c.renew(t.Context()); err != nil {
			t.Errorf("the run that goes on loses its shop: %v", err)
		}
		if err := c.release(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if err := db.settle(t.Context(), lease); err != nil {
			t.Fatal(err)
		}
		queues := map[string]string{}
		rows, err := db.query(t.Context(), "SELECT args ->> 'shop', queue FROM river_job")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var shop, queue string
			if err := rows.Scan(&shop, &queue); err != nil {
				t.Fatal(err)
			}
			queues[shop] = queue
		}
		if queues["alpha"] != "two" || queues["beta"] != "one" {
			t.Errorf("queues after the move: %v", queues)
		}
		claimed(t, db, "alpha", "two", "i2", lease)
		var unknown *UnknownHostError
		if _, err := db.Move(t.Context(), "beta", "nowhere", lease); !asError(err, &unknown) {
			t.Errorf("a move to nowhere: %v", err)
		}
	})
}

// worker is a host that was heard of just now.
func worker(t *testing.T, db *Database, host string) *Worker {
	t.Helper()
	w := &Worker{Settings: Settings{Host: host, Parallel: 2, Lease: lease}, db: db, instance: host + "-instance", log: slog.New(slog.DiscardHandler),
		working: map[int64]bool{}, orphans: map[int64]time.Time{}, now: time.Now, stop: func(error) {}}
	if err := w.register(t.Context(), "/somewhere"); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestSchedule_NewShopsAreSharedOutAndALineKeepsItsTime(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		now := time.Date(2026, 11, 28, 1, 59, 0, 0, time.UTC)
		shops := []Planned{{"alpha", []Line{{"", "0 2 * * *"}, {"stocks", "*/30 * * * *"}}}, {"beta", []Line{{"", "CRON_TZ=Europe/Amsterdam 0 2 * * *"}}}, {Shop: "gamma"}}
		var none *NoWorkerError
		if _, err := db.Schedule(t.Context(), shops, "", false, lease, now); !asError(err, &none) {
			t.Fatalf("without a worker: %v", err)
		}
		worker(t, db, "one")
		worker(t, db, "two")
		placed, err := db.Schedule(t.Context(), shops, "", false, lease, now)
		if err != nil || len(placed) != 3 || placed[0].Host != "one" || placed[1].Host != "two" {
			t.Fatalf("%+v, %v", placed, err)
		}
		shops[0].Lines[1].Cron = "15 * * * *"
		if placed, err = db.Schedule(t.Context(), shops[:2], "", true, lease, now.Add(time.Hour)); err != nil || len(placed) != 0 {
			t.Fatalf("%+v, %v", placed, err)
		}
		var got []string
		rows, err := db.query(t.Context(), "SELECT shop, parts, next_at FROM fleet_schedule ORDER BY shop, parts")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var shop, parts string
			var at int64
			if err := rows.Scan(&shop, &parts, &at); err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprintf("%s %s %s", shop, parts, time.UnixMilli(at).UTC().Format("02 15:04")))
		}
		if want := "alpha  28 02:00, alpha stocks 28 03:15, beta  29 01:00"; strings.Join(got, ", ") != want {
			t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
		}
		status, err := db.Status(t.Context(), lease)
		if err != nil || len(status.Shops) != 2 {
			t.Errorf("--prune left %+v, %v", status, err)
		}
	})
}

func TestQueueDue_WhatWasMissedIsQueuedOnceAndNotPiledUp(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		worker(t, db, "one")
		start := time.Date(2026, 11, 28, 1, 0, 30, 0, time.UTC)
		if _, err := db.Schedule(t.Context(), []Planned{{"alpha", []Line{{"", "* * * * *"}, {"stocks", "* * * * *"}}}}, "", false, lease, start); err != nil {
			t.Fatal(err)
		}
		client, err := db.queue(&river.Config{Logger: silent()})
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range []time.Duration{0, 10 * time.Second, 5 * time.Hour, 6 * time.Hour, 7 * time.Hour} {
			if err := db.queueDue(t.Context(), client, start.Add(at)); err != nil {
				t.Fatal(err)
			}
		}
		var jobs int
		if err := db.row(t.Context(), "SELECT count(*) FROM river_job").Scan(&jobs); err != nil || jobs != 2 {
			t.Errorf("%d jobs for two lines that were due often, %v", jobs, err)
		}
	})
}

func TestEnqueue_SaysWhenAWaitingJobIsNotFull(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		given(t, db, "one", "alpha", "beta")
		for _, step := range []struct {
			job  Job
			want Queued
		}{
			{Job{Shop: "alpha"}, Queued{Shop: "alpha", Host: "one", State: "queued", New: true}},
			{Job{Shop: "alpha", Full: true}, Queued{Shop: "alpha", Host: "one", State: "waits", NotFull: true}},
			{Job{Shop: "beta", Full: true}, Queued{Shop: "beta", Host: "one", State: "queued", New: true}},
			{Job{Shop: "beta", Full: true}, Queued{Shop: "beta", Host: "one", State: "waits"}},
		} {
			if got, err := db.Enqueue(t.Context(), step.job, 5); err != nil || got != step.want {
				t.Errorf("%+v: %+v, %v, want %+v", step.job, got, err, step.want)
			}
		}
	})
}

func TestQueueDue_WhatIsWrongWithOneShopKeepsNoOtherFromItsTime(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		start := time.Date(2026, 11, 28, 1, 0, 30, 0, time.UTC)
		for shop, host := range map[string]string{"alpha": "no queue!", "beta": "one"} { // alpha is looked at first
			if _, err := db.Schedule(t.Context(), []Planned{{shop, []Line{{"", "* * * * *"}}}}, host, false, lease, start); err != nil {
				t.Fatal(err)
			}
		}
		client, err := db.queue(&river.Config{Logger: silent()})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.queueDue(t.Context(), client, start.Add(time.Hour)); err == nil || !strings.Contains(err.Error(), "queue alpha") {
			t.Errorf("of a machine that no queue can be called by: %v", err)
		}
		var shop string
		if err := db.row(t.Context(), "SELECT args ->> 'shop' FROM river_job").Scan(&shop); err != nil || shop != "beta" {
			t.Errorf("the other shop is not queued: %q, %v", shop, err)
		}
	})
}

func TestSettle_JobsOfAWorkerThatIsGoneWaitAgain(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		given(t, db, "one", "alpha", "beta")
		w := worker(t, db, "one")
		for i, shop := range []string{"alpha", "beta"} {
			q, err := db.Enqueue(t.Context(), Job{Shop: shop}, 1)
			if err != nil || !q.New {
				t.Fatal(q, err)
			}
			by := []string{w.instance, "one-earlier"}[i]
			array := `jsonb_array('` + by + `')`
			if db.pool != nil {
				array = "ARRAY['" + by + "']"
			}
			if _, err := db.exec(t.Context(), "UPDATE river_job SET state = 'running', attempt = 1, attempted_at = {timestamp}, attempted_by = "+array+" WHERE args ->> 'shop' = $1", shop); err != nil {
				t.Fatal(err)
			}
		}
		state := func(shop string) (s string) {
			if err := db.row(t.Context(), "SELECT state FROM river_job WHERE args ->> 'shop' = $1", shop).Scan(&s); err != nil {
				t.Fatal(err)
			}
			return s
		}
		if err := db.settle(t.Context(), lease); err != nil {
			t.Fatal(err)
		}
		if state("alpha") != "running" || state("beta") != "available" {
			t.Errorf("alpha of the worker that is there %s, beta of the one before it %s", state("alpha"), state("beta"))
		}
		// The living worker does not know its job: its end could not be written.
		if err := w.rescue(t.Context()); err != nil || state("alpha") != "running" {
			t.Errorf("at the first look: %s, %v", state("alpha"), err)
		}
		for id := range w.orphans {
			w.orphans[id] = time.Now().Add(-2 * lease)
		}
		if err := w.rescue(t.Context()); err != nil || state("alpha") != "available" {
			t.Errorf("a lease later: %s, %v", state("alpha"), err)
		}
	})
}

func TestRegister_TwoMachinesCannotHaveOneName(t *testing.T) {
	each(t, func(t *testing.T, db *Database) {
		worker(t, db, "one")
		again := worker(t, db, "one") // of the same folder, whose lock the first must have lost
		other := &Worker{Settings: Settings{Host: "one", Parallel: 2, Lease: lease}, db: db, instance: "other", log: slog.New(slog.DiscardHandler)}
		wantErr(t, "a worker of another folder", other.register(t.Context(), "/elsewhere"), errTaken)
		if _, err := db.exec(t.Context(), "UPDATE fleet_workers SET seen_at = 0"); err != nil {
			t.Fatal(err)
		}
		if err := other.register(t.Context(), "/elsewhere"); err != nil {
			t.Fatalf("after a long silence: %v", err)
		}
		var cause error
		again.stop = func(err error) { cause = err }
		if err := again.seen(t.Context()); err != nil || cause != errTaken {
			t.Errorf("the one that comes back goes on: %v, %v", cause, err)
		}
	})
}

func TestOpen_TwoAtOnceMigrateOnce(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"sqlite:" + filepath.Join(t.TempDir(), "fleet.db"), "postgres"} {
		if address == "postgres" {
			c, err := cluster()
			if err != nil {
				t.Skipf("SKIPPED, NOT PASSED: %v", err)
			}
			address = c.Database(t, "two_at_once")
		}
		var opening sync.WaitGroup
		for range 4 {
			opening.Go(func() {
				db, err := Open(context.Background(), address)
				if err != nil {
					t.Errorf("%s: %v", address[:8], err)
					return
				}
				_ = db.Close()
			})
		}
		opening.Wait()
	}
}

func TestOpen_RefusesAConnectionThatOthersCanRead(t *testing.T) {
	for _, address := range []string{
		"postgres://fleet:hunter2@db.example/fleet", "postgres://fleet:hunter2@db.example/fleet?sslmode=disable", "postgres://fleet:hunter2@db.example/fleet?sslmode=prefer",
		"postgres://fleet:hunter2@db.example/fleet?sslmode=require", "postgres://fleet:hunter2@127.0.0.1,db.example/fleet?sslmode=prefer",
	} {
		_, err := Open(t.Context(), address)
		if err == nil || !strings.Contains(err.Error(), "sslmode=verify-full") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"postgres://fleet:hunter2@127.0.0.1:1/fleet?sslmode=nonsense", "postgres://fleet:hunter2@127.0.0.1:1/fleet", "postgres://fleet:hunter2%zz@x"} {
		if _, err := Open(t.Context(), address); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%v", err)
		}
	}
}

func folder(t *testing.T) *store.Shop {
	t.Helper()
	s, err := store.Open(t.TempDir(), "alpha")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func asError[T error](err error, target *T) bool { return errors.As(err, target) }
