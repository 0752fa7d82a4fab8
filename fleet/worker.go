package fleet

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"

	"magento-optiply/store"
)

// Task is one command of the program over one shop, to be run as a process of its own.
type Task struct {
	Shop   string
	Config string   // the shop's configuration
	Args   []string // the command and its options
	// Lease says until when the command may change anything outside of this machine; it says later and later as time goes by.
	Lease func() time.Time
}

// Ended is how a command ended. The codes are those of section 4 of the design.
type Ended struct {
	Code int
	Said string // its error, for the log
}

// The exit codes that decide what becomes of a job.
const (
	codeDone        = 0
	codeFailed      = 1
	codeUsage       = 2
	codeIncomplete  = 3
	codeLocked      = 4
	codeHeldBack    = 5
	codeDeadline    = 6
	codeInterrupted = 130
)

// Settings are what a worker is told.
type Settings struct {
	Host       string
	Parallel   int
	Storage    string
	KeepCopies int
	Lease      time.Duration
	RetryWait  time.Duration
	Retries    int
	Grace      time.Duration

	// Find gives the configuration of a shop and opens its folder; an error means that it is missing or wrong.
	Find func(shop string) (config string, folder *store.Shop, err error)
	// Run runs a command until it has ended. When ctx ends it has it stop, and leave what can be gone on with.
	Run func(ctx context.Context, task Task) Ended
	Log *slog.Logger
	Now func() time.Time
}

// queue is what is used of a river.Client, whose type depends on the database.
type queue interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	Insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error)
}

func (d *Database) queue(cfg *river.Config) (queue, error) {
	if d.pool != nil {
		return river.NewClient[pgx.Tx](riverpgxv5.New(d.pool), cfg)
	}
	return river.NewClient(riversqlite.New(d.sql), cfg)
}

// Worker is one machine of the fleet: it takes the jobs of its queue and runs their shops.
type Worker struct {
	river.WorkerDefaults[Job]
	Settings
	db       *Database
	copies   *copies
	client   queue
	instance string
	log      *slog.Logger
	now      func() time.Time

	mu      sync.Mutex
	working map[int64]bool      // jobs that are being worked on
	orphans map[int64]time.Time // jobs that are this worker's and that it does not work on, since when
	stop    context.CancelCauseFunc
}

// Serve is a worker until ctx ends or another process takes its place. What runs then may go on for the grace, and is parked
// after it: stopped, and gone on with by the next worker of this host.
func Serve(ctx context.Context, db *Database, s Settings) (err error) {
	w := &Worker{Settings: s, db: db, log: s.Log, now: s.Now, instance: s.Host + "-" + rand.Text()[:10], working: map[int64]bool{}, orphans: map[int64]time.Time{}}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	lock := flock.New(filepath.Join(here, "fleet-"+s.Host+".lock"))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return errors.Join(fmt.Errorf("another worker runs as %s in this folder (%s)", s.Host, lock.Path()), err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	if w.copies, err = openCopies(ctx, s.Storage, s.KeepCopies); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.copies.close()) }()
	if err := w.register(ctx, here); err != nil {
		return err
	}
	if w.client, err = db.queue(w.riverConfig()); err != nil {
		return fmt.Errorf("make the queue's client: %w", err)
	}
	return w.serve(ctx)
}

func (w *Worker) riverConfig() *river.Config {
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	return &river.Config{
		ID:      w.instance,
		Queues:  map[string]river.QueueConfig{w.Host: {MaxWorkers: w.Parallel}},
		Workers: workers,
		// A run takes as long as the shop does. Jobs of a worker that is gone are found by sweep, long before this.
		JobTimeout:           -1,
		RescueStuckJobsAfter: 7 * 24 * time.Hour,
		MaxAttempts:          w.Retries + 1,
		Logger:               quiet(w.log),
		RetryPolicy:          backoff{w.RetryWait},
	}
}

// serve works until it is told to stop.
func (w *Worker) serve(ctx context.Context) error {
	ctx, w.stop = context.WithCancelCause(ctx)
	defer w.stop(nil)
	// The jobs' context is another one than ctx: the end of that stops no run at once.
	if err := w.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start to take jobs: %w", err)
	}
	w.log.Info("worker is up", "host", w.Host, "shops_at_a_time", w.Parallel)
	w.beat(ctx)
	w.log.Info("worker stops: what runs may go on for a while", "grace", w.Grace.String())
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.Grace)
	defer cancel()
	keep, ended := context.WithCancel(context.WithoutCancel(ctx))
	defer ended()
	go w.beat(keep)
	err := w.client.Stop(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		w.log.Info("what still runs is parked, and gone on with later")
		err = w.client.StopAndCancel(keep)
	}
	ended()
	if taken := context.Cause(ctx); errors.Is(taken, errTaken) {
		return errors.Join(taken, err)
	}
	_, gerr := w.db.exec(context.WithoutCancel(ctx), "UPDATE fleet_workers SET seen_at = 0 WHERE host = $1 AND instance = $2", w.Host, w.instance)
	return errors.Join(err, described("say goodbye", gerr))
}

// every is how often a worker is heard of, and how often a lease is renewed.
func (w *Worker) every() time.Duration { return min(w.Lease/6, 10*time.Second) }

// beat says that this worker is alive, queues what is due, and puts right what others left, until ctx ends.
func (w *Worker) beat(ctx context.Context) {
	ticker := time.NewTicker(w.every())
	defer ticker.Stop()
	for {
		if err := w.tick(ctx); err != nil && ctx.Err() == nil {
			w.log.Warn("the fleet's database does not answer; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (w *Worker) tick(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(w.Lease/2, 5*time.Second))
	defer cancel()
	if err := w.seen(ctx); err != nil {
		return err
	}
	if err := w.db.settle(ctx, w.Lease); err != nil {
		return err
	}
	if err := w.rescue(ctx); err != nil {
		return err
	}
	return w.db.queueDue(ctx, w.client, w.now())
}

// Timeout is none: a run takes as long as the shop does.
func (w *Worker) Timeout(*river.Job[Job]) time.Duration { return -1 }

// Work runs one job. What it returns says what River does with the job.
func (w *Worker) Work(ctx context.Context, job *river.Job[Job]) error {
	w.note(job.ID, true)
	defer w.note(job.ID, false)
	a := job.Args
	c, err := w.db.claim(ctx, a.Shop, w.Host, w.instance, a.Parts, w.Lease)
	switch {
	case errors.Is(err, errUnknown):
		return river.JobCancel(err)
	case errors.Is(err, errHeld), errors.Is(err, errElsewhere), errors.Is(err, errMoves), errors.Is(err, errDrained):
		w.log.Info("not now", "shop", a.Shop, "because", err)
		return river.JobSnooze(w.every()) // by then the job is in the queue of the host that has the shop
	case err != nil:
		return fmt.Errorf("claim the shop: %s", "the database does not answer")
	}
	ended, err := w.run(ctx, c, a)
	return w.after(ctx, a, ended, err)
}

func (w *Worker) note(job int64, working bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if working {
		w.working[job] = true
	} else {
		delete(w.working, job)
	}
}

// after says what becomes of a job by its cause: only what may be better in a while is tried again.
func (w *Worker) after(ctx context.Context, a Job, ended Ended, err error) error {
	log := w.log.With("shop", a.Shop, "parts", cmp.Or(a.Parts, "all"), "exit_code", ended.Code)
	switch {
	case errors.Is(context.Cause(ctx), river.ErrJobCancelledRemotely):
		log.Warn("stopped: the job was cancelled")
		return river.JobCancel(errors.New("cancelled"))
	case err != nil && ctx.Err() != nil, ended.Code == codeInterrupted && ctx.Err() != nil:
		log.Info("parked")
		return river.JobSnooze(0)
	case errors.Is(err, errLost):
		log.Warn("the shop was lost to another machine while it ran", "error", err)
		return river.JobSnooze(w.every())
	case err != nil:
		log.Error("not run", "error", err)
		return errors.New("not run: see the log of " + w.Host)
	}
	switch ended.Code {
	case codeDone, codeIncomplete, codeHeldBack, codeDeadline:
		log.Info("ran")
		return nil
	case codeUsage:
		log.Error("cannot be run before its configuration is put right", "error", ended.Said)
		return river.JobCancel(errors.New("exit code 2"))
	case codeLocked:
		log.Info("another process on this machine runs it; later", "because", ended.Said)
		return river.JobSnooze(max(w.every(), w.RetryWait/2))
	}
	log.Warn("failed; tried again later", "error", ended.Said)
	return fmt.Errorf("exit code %d", ended.Code)
}

// backoff waits longer with each failure, an hour at most.
type backoff struct{ first time.Duration }

func (b backoff) NextRetry(job *rivertype.JobRow) time.Time {
	wait := float64(b.first) * math.Pow(2, float64(max(len(job.Errors), 0)))
	return time.Now().UTC().Add(min(time.Duration(min(wait, float64(time.Hour))), time.Hour))
}

// quiet has River tell only what is wrong: what a worker does is said in our words.
func quiet(log *slog.Logger) *slog.Logger { return slog.New(atLeast{log.Handler(), slog.LevelWarn}) }

type atLeast struct {
	slog.Handler
	level slog.Level
}

func (h atLeast) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level && h.Handler.Enabled(ctx, level)
}
func (h atLeast) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeast{h.Handler.WithAttrs(attrs), h.level}
}
func (h atLeast) WithGroup(name string) slog.Handler {
	return atLeast{h.Handler.WithGroup(name), h.level}
}
