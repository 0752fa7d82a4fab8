package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"magento-optiply/config"
	"magento-optiply/extract"
	"magento-optiply/load"
	"magento-optiply/magento"
	"magento-optiply/optiply"
	"magento-optiply/recording"
	"magento-optiply/store"
	"magento-optiply/traffic"
	"magento-optiply/transform"
)

// night is one run on its way through the phases. Each phase command does a part of it, and `run` all of it.
type night struct {
	app        *app
	cfg        *config.Config
	shop       *store.Shop
	run        *store.Run
	command    string
	fixtures   string
	recorded   *recording.Night // what the fixture set was recorded from; nil where it was not
	given      map[string]bool  // the settings of run.* that the command line named
	release    []string         // the guards that this load may pass
	progress   *progress
	deadline   time.Time // the zero time: none
	summary    summary
	reconciled *reconciled        // of run --reconcile; nil where there was none, or it is in the JSON log
	sql        fs.FS              // what the run is transformed with
	staging    *transform.Staging // what of that is run while the shop is read; nil: nothing
	sqlDir     string             // the folder that sql is laid over from; empty: none
	stop       []func()
}

// begin opens the shop and takes its lock (invariant 9).
func (a *app) begin(ctx context.Context, command string, needed needs) (*night, error) {
	recorded, err := recordedNight(needed.fixtures)
	if err != nil {
		return nil, err
	}
	needed.recorded = recorded
	cfg, shop, err := a.openShop(needed)
	if err != nil {
		return nil, err
	}
	if recorded != nil && needed.optiply && !cfg.Optiply.Sandbox() {
		return nil, usageError(errors.New("a recorded night is sent to the sandbox alone: set optiply.base_url to sandbox, or give --dry-run"))
	}
	lock, err := shop.Lock(command, a.env.Now())
	if err != nil {
		return nil, err
	}
	a.meter = traffic.New(a.env.Now)
	n := &night{app: a, summary: summary{Shop: cfg.Shop, command: command}, cfg: cfg, shop: shop, command: command, fixtures: needed.fixtures, recorded: recorded, given: map[string]bool{}, progress: newProgress(a.env, a.progress, a.log)}
	n.progress.asked = &a.asked
	n.stop = append(n.stop, func() { _ = lock.Release() }, a.underWay(ctx, keepsOf(command)), n.progress.Close)
	return n, nil
}

// close writes out the run and the state, and lets readers have them.
func (n *night) close() error {
	if n.run == nil {
		return nil
	}
	err := n.run.Close()
	n.run = nil
	return err
}

// closeInto is close for a defer: its error counts where the command had none.
func (n *night) closeInto(err *error) {
	if cerr := n.close(); *err == nil {
		*err = cerr
	}
}

// end closes what is open, last opened first.
func (n *night) end() error {
	err := n.close()
	for i := len(n.stop) - 1; i >= 0; i-- {
		n.stop[i]()
	}
	return err
}

// endInto is end for a defer: its error counts where the command had none.
func (n *night) endInto(err *error) {
	if cerr := n.end(); *err == nil {
		*err = cerr
	}
}

// read reads the shop for the parts that the run was started for.
func (n *night) read(ctx context.Context) error {
	if err := n.copyState(ctx); err != nil {
		return err
	}
	var job extract.Job
	if err := n.readJob(ctx, &job); err != nil {
		return err
	}
	return n.extract(ctx, job)
}

// copyState copies what Optiply is known to hold into the new or resumed run, and shows readers the state.
func (n *night) copyState(ctx context.Context) error {
	defer n.run.OneThread(ctx)()
	var both errgroup.Group // each reads the state, and writes another file
	both.Go(func() error { return n.run.CopyBefore(ctx, n.app.env.Now()) })
	both.Go(func() error { return n.run.PublishState(ctx) })
	return both.Wait()
}

// create makes a new run file: what the run is for, its settings, and what Optiply is known to hold.
func (n *night) create(ctx context.Context, job extract.Job, allowDeletions int64) error {
	id, err := n.shop.NewRunID(n.app.env.Now())
	if err != nil {
		return err
	}
	if n.run, err = n.shop.CreateRun(ctx, id, n.app.env.Version, n.app.env.Now()); err != nil {
		return err
	}
	settings := map[string]string{
		"run.products": strconv.FormatBool(job.Parts.Products), "run.stocks": strconv.FormatBool(job.Parts.Stocks),
		"run.deletions": strconv.FormatBool(job.Parts.Deletions), "run.sell_orders": strconv.FormatBool(job.Parts.SellOrders),
		"run.streams": strings.Join(job.Streams, ","), "run.only_streams": strconv.FormatBool(job.OnlyStreams), "run.full": strconv.FormatBool(job.Full),
		"run.allow_deletions": strconv.FormatInt(allowDeletions, 10),
	}
	n.asRecorded(settings)
	for _, s := range n.cfg.Settings() {
		settings[s.Name] = s.Value
	}
	if err := n.run.PutSettings(ctx, settings); err != nil || n.recorded == nil {
		return err
	}
	_, err = n.run.DB.ExecContext(ctx, "UPDATE run.info SET products_full = ?", n.recorded.Full)
	return err
}

// open opens a run file that is there, for writing, with the state.
func (n *night) open(ctx context.Context, ref store.RunRef) (err error) {
	n.run, err = n.shop.OpenRun(ctx, ref, store.Options{Run: store.Write, State: store.Write})
	return err
}

// readJob reads what a run was started for, so that one that is gone on with reads the same.
func (n *night) readJob(ctx context.Context, job *extract.Job) error {
	p := &job.Parts
	var streams string
	err := n.run.DB.QueryRowContext(ctx, `SELECT bool_or(name = 'run.products' AND value = 'true'), bool_or(name = 'run.stocks' AND value = 'true'),
		bool_or(name = 'run.deletions' AND value = 'true'), bool_or(name = 'run.sell_orders' AND value = 'true'),
		bool_or(name = 'run.only_streams' AND value = 'true'), bool_or(name = 'run.full' AND value = 'true'),
		coalesce(any_value(value) FILTER (name = 'run.streams'), '') FROM run.settings`).
		Scan(&p.Products, &p.Stocks, &p.Deletions, &p.SellOrders, &job.OnlyStreams, &job.Full, &streams)
	job.Streams = strings.FieldsFunc(streams, func(r rune) bool { return r == ',' })
	if err != nil {
		return fmt.Errorf("read what the run is for: %w", err)
	}
	return nil
}

// extract reads the shop. A run file that got nothing (a wrong token, a shop that is away) is removed again; one that got
// something is kept for --resume.
func (n *night) extract(ctx context.Context, job extract.Job) error {
	start := n.app.env.Now()
	n.progress.Phase("extract")
	count := &extract.RequestCount{}
	ctx = magento.Uncut(ctx)
	client, done, err := n.app.openMagento(n.cfg, n.fixtures, count)
	if err != nil {
		return n.dropEmpty(ctx, err)
	}
	defer done()
	job.Run, job.Client, job.Config, job.Requests = n.run, client, n.cfg, count
	job.Now, job.Progress, job.Log, job.Recorded = n.app.env.Now, n.progress, n.app.log, n.fixtures != ""
	stop := n.keepTraffic(ctx)
	err = n.extractOnce(ctx, &job)
	for n.run.MoreMemory(ctx, err) {
		n.app.log.Info("a question about what was read needs more memory than a night does as a rule, and is asked again with it")
		err = n.extractOnce(ctx, &job) // goes on where it was
	}
	stop() // before the run file may be removed
	if err != nil {
		return n.dropEmpty(ctx, err)
	}
	n.summary.seconds("extract", n.app.env.Now().Sub(start))
	return nil
}

// extractOnce reads what is left, and lets it be staged. A stream that was read before, but not to its end, can get more pages, so
// that each time all is staged anew.
func (n *night) extractOnce(ctx context.Context, job *extract.Job) error {
	if n.sql == nil { // the run is only read
		_, err := job.Extract(ctx)
		return err
	}
	err := n.stage(ctx)
	if err != nil {
		return err
	}
	defer n.run.OneThread(ctx)()
	staging, stop := context.WithCancel(ctx)
	defer stop()
	job.Whole = func(streams ...string) { n.staging.Whole(staging, streams...) }
	if _, err = job.Extract(ctx); err != nil {
		stop()
	}
	n.staging.Wait() // before the run file may be removed
	return err
}

// keepTraffic saves what is counted of the requests while a phase goes on. What cannot be kept is missed in the report only.
func (n *night) keepTraffic(ctx context.Context) (stop func()) {
	return n.app.meter.Keep(ctx, n.run.DB, func(err error) { n.app.log.Debug("the requests are not all counted", "error", err) })
}

// dropEmpty removes a run file that holds nothing worth keeping: it got no page, or it was begun with a setting that does
// not fit the shop.
func (n *night) dropEmpty(ctx context.Context, cause error) error {
	var pages int
	var usage *extract.UsageError
	ctx = context.WithoutCancel(ctx)
	err := n.run.DB.QueryRowContext(ctx, "SELECT count(*) FROM run.pages").Scan(&pages)
	if (err != nil || pages > 0) && !errors.As(cause, &usage) {
		return cause
	}
	n.app.keeps = keepsNothing
	id, partial := n.run.ID, n.run.Partial
	_, herr := n.run.DB.ExecContext(ctx, "DELETE FROM state.runs WHERE run_id = ?", id)
	err = errors.Join(herr, n.run.Close())
	n.run = nil
	return errors.Join(cause, err, n.shop.Remove(store.RunRef{ID: id, Partial: partial}))
}

// refresh copies what Optiply is known to hold into the run again, since the state may have moved on. A run that has been
// loaded, or that a newer one has overtaken, keeps the copy it has: its diff is history.
func (n *night) refresh(ctx context.Context) error {
	var loaded bool
	if err := n.run.DB.QueryRowContext(ctx, "SELECT loaded_at IS NOT NULL FROM run.info").Scan(&loaded); err != nil {
		return fmt.Errorf("read run.info: %w", err)
	}
	newer, err := load.Newer(ctx, n.run)
	if err != nil || loaded || newer != "" {
		return err
	}
	return n.run.CopyBefore(ctx, n.app.env.Now())
}

// permit makes the plan again where this load allows more products to be disabled than the run was: the ceiling is a rule of
// the SQL. It is made by the SQL that the run was transformed with, for what is not sent yet. A plan that was named by its
// hash is sent as it is or not at all.
func (n *night) permit(ctx context.Context, allow int64, hash string) error {
	var given int64
	var transformed bool
	err := n.run.DB.QueryRowContext(ctx, `SELECT (SELECT value::BIGINT FROM run.settings WHERE name = 'run.allow_deletions'), transformed_at IS NOT NULL FROM run.info`).
		Scan(&given, &transformed)
	if err != nil {
		return fmt.Errorf("read what the run was allowed: %w", err)
	}
	if allow <= given {
		return nil
	}
	if !transformed {
		return n.allow(ctx, allow)
	}
	if hash != "" {
		return &exitError{code: exitHeldBack, err: fmt.Errorf("--allow-deletions %d makes the plan again, so it would not be plan %s any more: leave out --plan, "+
			"or give the permission when the plan is made, with `run --full --dry-run --allow-deletions %d`", allow, hash, allow)}
	}
	if err := load.RefuseOlder(ctx, n.run); err != nil {
		return loadError(err)
	}
	if err := n.storedSQL(ctx); err != nil {
		return err
	}
	if err := n.run.CopyBefore(ctx, n.app.env.Now()); err != nil {
		return err
	}
	if err := n.allow(ctx, allow); err != nil {
		return err
	}
	result, err := n.transform(ctx)
	if err != nil {
		return err
	}
	return brokenChecks(result)
}

// allow keeps how many products the run may disable over the ceiling.
func (n *night) allow(ctx context.Context, count int64) error {
	return n.run.PutSettings(ctx, map[string]string{"run.allow_deletions": strconv.FormatInt(count, 10)})
}

// brokenChecks is the error of a transformation whose checks found something: the plan is there to be looked at, and is
// not sent.
func brokenChecks(r *transform.Result) error {
	if len(r.Broken) == 0 {
		return nil
	}
	text := "nothing is sent, because a check of the transformation failed:"
	for _, b := range r.Broken {
		text += fmt.Sprintf(" %s found %d rows (%s)", b.File, b.Rows, b.Sample)
	}
	return &exitError{code: exitHeldBack, err: errors.New(text)}
}

// load sends the plan.
func (n *night) load(ctx context.Context, client *optiply.Client, hash string) error {
	start := n.app.env.Now()
	n.progress.Phase("load")
	defer n.keepTraffic(ctx)()
	job := n.loadJob(client)
	result, err := job.Load(ctx, hash)
	n.summary.seconds("load", n.app.env.Now().Sub(start))
	n.summary.PlanHash = result.Plan.Hash
	n.summary.counts(result.Counts)
	n.summary.UrgentFirst = result.UrgentFirst
	return loadError(err)
}

// loadError gives the errors of a load their exit codes.
func loadError(err error) error {
	var guard *load.GuardError
	var held *load.HeldError
	var notReady *load.NotReadyError
	switch {
	case errors.As(err, &held):
		return &exitError{code: exitHeldBack} // the summary says which guards, and what to do
	case errors.As(err, &guard):
		return &exitError{code: exitHeldBack, err: err}
	case errors.As(err, &notReady):
		return usageError(err)
	}
	return err
}

func (n *night) loadJob(client *optiply.Client) *load.Job {
	return &load.Job{Run: n.run, Client: client, CouplingID: n.cfg.Optiply.CouplingID, Concurrency: n.cfg.Optiply.Concurrency,
		Now: n.app.env.Now, Progress: n.progress, Log: n.app.log, Release: n.release, Deadline: n.deadline, PerSecond: n.cfg.Optiply.RequestsPerSecond}
}

// verdict reads the run file once more for the summary, and says how the night ended.
func (n *night) verdict(ctx context.Context) error {
	if err := n.summary.read(ctx, n.run); err != nil {
		return err
	}
	switch {
	case n.summary.DeletionsHeld > 0 || len(n.summary.heldGuards()) > 0:
		return &exitError{code: exitHeldBack}
	case n.summary.leftOut() > 0 || n.reconcileDrift() > 0 || n.summary.quarantined() > 0 || !n.summary.complete():
		return &exitError{code: exitIncomplete}
	}
	return nil
}

// conclude writes the summary to the history and prints it. err is how the work ended; what is returned is how the command
// ends. Readers see it when the run is closed, which is next.
func (n *night) conclude(ctx context.Context, phase string, err error) error {
	err = n.app.orInterrupted(ctx, n.stopped(ctx, err))
	ctx = context.WithoutCancel(ctx)
	if n.run == nil {
		return err
	}
	if err == nil {
		err = n.verdict(ctx)
	} else if rerr := n.summary.read(ctx, n.run); rerr != nil {
		n.app.log.Debug("the summary is not complete", "error", rerr)
	}
	code := exitCode(err)
	n.summary.RunID, n.summary.ExitCode, n.summary.Phase = n.run.ID, code, phase
	var silent *exitError
	if err != nil && (!errors.As(err, &silent) || silent.err != nil) {
		n.summary.Error = sentence(err)
	}
	history := store.History{EndedAt: n.app.env.Now(), Phase: phase, ProductsFull: n.summary.ProductsFull, ExitCode: code,
		PlanHash: n.summary.PlanHash, Summary: n.summary.json()}
	if herr := n.run.EndHistory(ctx, history); herr != nil {
		if err == nil {
			err = herr
		}
		n.app.log.Debug("the end of the run is not in the history", "error", herr)
	}
	if slices.Contains([]int{exitDone, exitIncomplete, exitHeldBack}, code) {
		n.progress.Finish()
	}
	n.progress.Close()
	n.writeReport(ctx, history)
	if n.app.logJSON && err != nil && err.Error() != "" {
		// The summary is the last line, so the error comes before it.
		var said *exitError
		if !errors.As(err, &said) || said.err != nil {
			n.app.log.Error(sentence(err), "exit_code", code)
		}
		err = &exitError{code: code}
	}
	if n.reconciled != nil {
		fmt.Fprintln(n.app.env.Stderr)
		_ = n.app.printReconciled(n.app.env.Stderr, n.reconciled, "table") // stderr
	}
	n.app.printSummary(n.summary)
	return err
}

// reconcileDrift is how many products were not as they are known to be.
func (n *night) reconcileDrift() int64 {
	if n.summary.Reconcile == nil {
		return 0
	}
	return n.summary.Reconcile.Drifted + n.summary.Reconcile.Gone
}
