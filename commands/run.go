package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"magento-optiply/extract"
	"magento-optiply/optiply"
	"magento-optiply/store"
)

type runOptions struct {
	only           string
	full           bool
	dryRun         bool
	resume         bool
	allowDeletions int64
	fixtures       string
	deadline       string
	reconcile      string
	fix            bool
	metricsFile    string
	several        shopsOptions
}

func (a *app) runCommand() *cli.Command {
	o := &runOptions{}
	return &cli.Command{
		Name:  "run",
		Usage: "read the shop, work out the difference and send it; what cron calls",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "only", Destination: &o.only, Usage: "`PARTS` of the work, comma separated: products, stocks, deletions, sell_orders"},
			&cli.BoolFlag{Name: "full", Destination: &o.full, Usage: "read all products, whatever full_every says, and what is only staged from start_date on"},
			&cli.BoolFlag{Name: "dry-run", Destination: &o.dryRun, Usage: "send nothing; show what would be sent"},
			&cli.BoolFlag{Name: "resume", Destination: &o.resume, Usage: "go on with the newest unfinished run; start a new one when there is none"},
			&cli.Int64Flag{Name: "allow-deletions", Destination: &o.allowDeletions, Usage: "let up to `N` products be disabled, over the ceiling of max_deletions_percent"},
			&cli.StringFlag{Name: "fixtures", Destination: &o.fixtures, Usage: "read the recorded shop in `DIR` instead of magento.store_url"},
			deadlineFlag(&o.deadline),
			&cli.StringFlag{Name: "reconcile", Destination: &o.reconcile, Usage: "read `N%` of the products back from Optiply first, others each day, and tell what differs"},
			&cli.BoolFlag{Name: "fix", Destination: &o.fix, Usage: "with --reconcile: send what must be for what differs"},
			&cli.StringFlag{Name: "metrics-file", Destination: &o.metricsFile, Usage: "write figures of the run to `FILE` for Prometheus; {shop} in it is the shop's name (default: alerts.metrics_file)"},
		}, o.several.flags()...),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := o.check(); err != nil {
				return err
			}
			if o.several.shops != "" {
				deadline, err := a.deadlineFrom(o.deadline)
				if err != nil {
					return err
				}
				return a.runShops(c.Context, &o.several, o.again(deadline), deadline)
			}
			for _, name := range []string{"config-dir", "parallel", "shard"} {
				if c.IsSet(name) {
					return usageError(fmt.Errorf("--%s is for several shops: name them with --shop a,b, or --shop all", name))
				}
			}
			var err error
			if a.limits, err = o.several.limits(); err != nil {
				return err
			}
			return a.runNight(c.Context, o)
		},
	}
}

// check refuses what no shop's run could begin with.
func (o *runOptions) check() error {
	if _, err := parseParts(o.only); err != nil {
		return err
	}
	if o.allowDeletions < 0 {
		return usageError(fmt.Errorf("--allow-deletions %d: it is a number of products", o.allowDeletions))
	}
	if o.several.shops != "" && o.metricsFile != "" && !strings.Contains(o.metricsFile, "{shop}") {
		return usageError(fmt.Errorf("--metrics-file %s: each shop needs a file of its own: put {shop} into the name", o.metricsFile))
	}
	if _, err := parseDeadline(o.deadline, time.Time{}); err != nil {
		return err
	}
	switch _, err := parseSample("reconcile", o.reconcile); {
	case err != nil:
		return err
	case o.fix && o.reconcile == "":
		return usageError(errors.New("--fix is for --reconcile: say how many products are read back, such as --reconcile 5%"))
	case o.reconcile != "" && o.dryRun:
		return usageError(errors.New("--reconcile reads Optiply, and --dry-run does without: use the command `reconcile`, which sends nothing"))
	}
	return nil
}

// again are the words by which the same run is started for one shop. The deadline is an instant, the same for all.
func (o *runOptions) again(deadline time.Time) []string {
	args := []string{"run"}
	for _, f := range []struct {
		given bool
		words []string
	}{
		{o.only != "", []string{"--only", o.only}},
		{o.full, []string{"--full"}},
		{o.dryRun, []string{"--dry-run"}},
		{o.resume, []string{"--resume"}},
		{o.allowDeletions > 0, []string{"--allow-deletions", strconv.FormatInt(o.allowDeletions, 10)}},
		{o.fixtures != "", []string{"--fixtures", o.fixtures}},
		{o.reconcile != "", []string{"--reconcile", o.reconcile}},
		{o.fix, []string{"--fix"}},
		{!deadline.IsZero(), []string{"--deadline", deadline.Format(time.RFC3339Nano)}},
		{o.metricsFile != "", []string{"--metrics-file", o.metricsFile}},
	} {
		if f.given {
			args = append(args, f.words...)
		}
	}
	return args
}

func noArguments(c *cli.Context) error {
	if c.NArg() > 0 {
		return usageError(fmt.Errorf("%s takes no argument, and got %q", c.Command.Name, c.Args().First()))
	}
	return nil
}

// parseParts reads --only.
func parseParts(only string) (extract.Parts, error) {
	if only == "" {
		return extract.All(), nil
	}
	var p extract.Parts
	for _, name := range strings.Split(only, ",") {
		switch strings.TrimSpace(name) {
		case "products":
			p.Products = true
		case "stocks":
			p.Stocks = true
		case "deletions":
			p.Deletions = true
		case "sell_orders":
			p.SellOrders = true
		default:
			return p, usageError(fmt.Errorf("--only %s: the parts are products, stocks, deletions and sell_orders", name))
		}
	}
	return p, nil
}

func (a *app) runNight(ctx context.Context, o *runOptions) (err error) {
	parts, err := parseParts(o.only)
	if err != nil {
		return err
	}
	deadline, err := a.deadlineFrom(o.deadline)
	if err != nil {
		return err
	}
	n, err := a.begin(ctx, "run", needs{magento: true, optiply: !o.dryRun, fixtures: o.fixtures})
	if err != nil {
		return err
	}
	defer n.endInto(&err)
	told, err := n.startAlerts(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		n.closeInto(&err) // whoever is told may look into the run at once
		told.end(ctx, err)
	}()
	if err := n.chooseSQL(""); err != nil {
		return err
	}
	ctx = n.until(ctx, deadline)
	defer func() { err = n.stopped(ctx, err) }()
	if err := n.begunBy(o.only != "", o.full, o.allowDeletions > 0); err != nil {
		return err
	}
	if err := n.seed(ctx); err != nil {
		return err
	}
	if n.summary.DryRun = o.dryRun; o.dryRun {
		a.keeps = keepsDry
	}
	var client *optiply.Client
	if !o.dryRun {
		var done func()
		if client, done, err = a.openOptiply(ctx, n.cfg, n.shop); err != nil {
			return err
		}
		n.stop = append(n.stop, done)
	}
	phase, err := n.start(ctx, o, parts)
	if err != nil {
		return err
	}
	if client == nil {
		n.warnUnadopted(ctx)
	} else if err := n.refuseUnadopted(ctx, client); err != nil {
		return n.dropEmpty(ctx, err)
	}
	phase, err = n.through(ctx, phase, o, client)
	return n.conclude(ctx, phase, err)
}

// start makes a new run, or opens the one to go on with, and returns the phase it is in.
func (n *night) start(ctx context.Context, o *runOptions, parts extract.Parts) (phase string, err error) {
	if o.resume {
		ref, phase, ok, err := n.unfinished(ctx)
		if err != nil {
			return "", err
		}
		if ok {
			n.app.log.Info("going on with an unfinished run", "run", ref.ID, "phase", phase)
			if err := n.open(ctx, ref); err != nil {
				return "", err
			}
			return phase, n.permit(ctx, o.allowDeletions, "")
		}
		n.app.log.Info("there is no unfinished run to go on with: a new one is started")
	}
	if ref, err := n.shop.LatestPartial(); err == nil && !o.resume {
		n.app.log.Info("an unfinished run is left as it is; --resume would go on with it, `runs prune` removes it", "run", ref.ID)
	}
	job := extract.Job{Parts: parts, Full: o.full, Streams: n.cfg.Magento.Streams}
	return "extract", n.create(ctx, job, o.allowDeletions)
}

// unfinished finds the newest run that `run` did not bring to its end.
func (n *night) unfinished(ctx context.Context) (ref store.RunRef, phase string, ok bool, err error) {
	if err := n.dropUnbegun(); err != nil {
		return ref, "", false, err
	}
	refs, err := n.shop.Runs()
	if err != nil || len(refs) == 0 {
		return ref, "", false, err
	}
	ref = refs[len(refs)-1]
	if ref.Partial {
		return ref, "extract", true, nil
	}
	state, err := n.shop.OpenState(ctx, store.Write)
	if err != nil {
		return ref, "", false, err
	}
	defer state.Close()
	histories, err := state.Histories(ctx)
	if err != nil {
		return ref, "", false, err
	}
	for _, h := range histories {
		if h.RunID == ref.ID && h.Command == "run" && h.Phase == "load" {
			return ref, "load", true, nil
		}
	}
	return ref, "", false, nil
}

// dropUnbegun removes the newest run file if it was killed before its first page was read. It can lack its settings and
// even its tables, so that there is nothing in it to go on with.
func (n *night) dropUnbegun() error {
	refs, err := n.shop.Runs()
	if err != nil || len(refs) == 0 {
		return err
	}
	newest := refs[len(refs)-1]
	if !newest.Partial {
		return nil
	}
	pages, err := os.ReadDir(n.shop.PagesDir(newest.ID))
	if err != nil && !errors.Is(err, fs.ErrNotExist) || len(pages) > 0 {
		return err
	}
	n.app.log.Info("the newest run was killed before it had read anything; it is removed", "run", newest.ID)
	return n.shop.Remove(newest)
}

// through brings a run from a phase to its end. It returns the phase in which it ended.
func (n *night) through(ctx context.Context, phase string, o *runOptions, client *optiply.Client) (string, error) {
	command := "run"
	if o.dryRun {
		command = "run --dry-run"
	}
	if phase == "extract" {
		if err := n.note(ctx, command, "extract"); err != nil {
			return "extract", err
		}
		if err := n.readAndPlan(ctx, o, client); err != nil {
			return "extract", err
		}
	}
	if o.dryRun {
		return "done", n.summary.planned(ctx, n.run, nil)
	}
	if err := n.heldBack(ctx); err != nil {
		return "transform", err
	}
	if err := n.note(ctx, command, "load"); err != nil {
		return "load", err
	}
	if err := n.load(ctx, client, ""); err != nil {
		return "load", err
	}
	return "done", nil
}

func (n *night) note(ctx context.Context, command, phase string) error {
	return n.run.BeginHistory(ctx, command, phase, n.app.env.Now())
}

// readAndPlan is everything before the load.
func (n *night) readAndPlan(ctx context.Context, o *runOptions, client *optiply.Client) error {
	if client != nil {
		n.progress.Phase("settle")
		if err := n.loadJob(client).Settle(ctx); err != nil {
			return n.dropEmpty(ctx, err)
		}
		if err := n.reconcileIn(ctx, client, o); err != nil {
			return n.dropEmpty(ctx, err)
		}
	}
	if err := n.read(ctx); err != nil {
		return err
	}
	result, err := n.transform(ctx)
	if err != nil {
		return err
	}
	if err := n.run.Finish(ctx); err != nil {
		return err
	}
	return brokenChecks(result)
}
