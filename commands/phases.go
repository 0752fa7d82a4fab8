package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"magento-optiply/extract"
	"magento-optiply/load"
	"magento-optiply/store"
)

func (a *app) extractCommand() *cli.Command {
	var streams, fixtures string
	var full, resume bool
	return &cli.Command{
		Name:  "extract",
		Usage: "read the shop into a new run file, and print its id",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "streams", Destination: &streams, Usage: "only these `STREAMS`, comma separated, or all; default: what the sync needs"},
			&cli.BoolFlag{Name: "full", Destination: &full, Usage: "read all products, whatever full_every says, and what is only staged from start_date on"},
			&cli.BoolFlag{Name: "resume", Destination: &resume, Usage: "go on with the newest run whose extraction did not end"},
			&cli.StringFlag{Name: "fixtures", Destination: &fixtures, Usage: "read the recorded shop in `DIR` instead of magento.store_url"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			job := extract.Job{Full: full, Parts: extract.All()}
			if streams != "" {
				for _, s := range strings.Split(streams, ",") {
					job.Streams = append(job.Streams, strings.TrimSpace(s))
				}
				job.OnlyStreams, job.Parts = true, extract.PartsOf(job.Streams)
			}
			return a.extractOnly(c.Context, fixtures, job, resume)
		},
	}
}

func (a *app) extractOnly(ctx context.Context, fixtures string, job extract.Job, resume bool) (err error) {
	if err := extract.CheckStreams(job.Streams); err != nil {
		return err
	}
	n, err := a.begin(ctx, "extract", needs{magento: true, fixtures: fixtures})
	if err != nil {
		return err
	}
	defer n.endInto(&err)
	if err := n.begunBy(job.OnlyStreams, job.Full, false); err != nil {
		return err
	}
	if err := n.seed(ctx); err != nil {
		return err
	}
	if resume {
		if err := n.dropUnbegun(); err != nil {
			return err
		}
	}
	ref, err := n.shop.LatestPartial()
	if resume && err == nil {
		err = n.open(ctx, ref)
	} else {
		if !job.OnlyStreams {
			job.Streams = n.cfg.Magento.Streams
		}
		err = n.create(ctx, job, 0)
	}
	if err != nil {
		return err
	}
	n.run.OneThread(ctx) // to the end, since what follows is as little
	err = n.readOnly(ctx)
	id := ""
	if n.run != nil {
		id = n.run.ID
	}
	err = n.conclude(ctx, "extract", err)
	if code := exitCode(err); code == exitDone || code == exitIncomplete {
		fmt.Fprintln(a.env.Stdout, id)
	}
	return err
}

func (n *night) readOnly(ctx context.Context) error {
	if err := n.note(ctx, "extract", "extract"); err != nil {
		return err
	}
	if err := n.read(ctx); err != nil {
		return err
	}
	if err := n.run.Finish(ctx); err != nil {
		return err
	}
	// Such a run may never be loaded, and what is only staged waits for no load.
	return extract.MoveBookmarks(context.WithoutCancel(ctx), n.run.DB, n.run.ID, n.app.env.Now())
}

func (a *app) transformCommand() *cli.Command {
	var id, dir string
	var explain bool
	return &cli.Command{
		Name:  "transform",
		Usage: "run the SQL over a run file",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "run", Destination: &id, Usage: "run `ID`; default the latest"},
			&cli.StringFlag{Name: "sql", Destination: &dir, Usage: "`DIR` with .sql files that take the place of those of the same name; default: transform.sql of the configuration"},
			&cli.BoolFlag{Name: "explain", Destination: &explain, Usage: "change nothing; print the chain of tables: what each file reads and makes"},
		},
		Action: func(c *cli.Context) (err error) {
			if err := noArguments(c); err != nil {
				return err
			}
			if explain {
				return a.explainTransform(c.Context, id, dir)
			}
			n, err := a.beginOn(c.Context, "transform", id, needs{})
			if err != nil {
				return err
			}
			defer n.endInto(&err)
			if err := n.chooseSQL(dir); err != nil {
				return err
			}
			if err := n.refresh(c.Context); err != nil {
				return err
			}
			result, err := n.transform(c.Context)
			if err == nil {
				err = n.summary.planned(c.Context, n.run, nil)
			}
			if err == nil {
				err = brokenChecks(result)
			}
			if err == nil {
				err = n.verdict(c.Context)
			}
			n.summary.RunID, n.summary.ExitCode, n.summary.DryRun = n.run.ID, exitCode(err), true
			if result != nil {
				n.progress.Finish()
			}
			n.progress.Close()
			if result != nil {
				a.printSummary(n.summary)
			}
			return err
		},
	}
}

// beginOn opens an existing, finished run for a phase command.
func (a *app) beginOn(ctx context.Context, command, id string, needed needs) (*night, error) {
	n, err := a.begin(ctx, command, needed)
	if err != nil {
		return nil, err
	}
	ref, err := findWhole(n.shop, id)
	if err == nil {
		err = n.open(ctx, ref)
	}
	if err != nil {
		_ = n.end()
		return nil, err
	}
	return n, nil
}

// findWhole is findRun for what needs a run that was read whole.
func findWhole(shop *store.Shop, id string) (store.RunRef, error) {
	ref, err := findRun(shop, id)
	if err == nil && ref.Partial {
		err = usageError(fmt.Errorf("run %s is not read whole: go on with `extract --resume` or `run --resume`", ref.ID))
	}
	return ref, err
}

// findRun resolves --run, the latest finished run by default.
func findRun(shop *store.Shop, id string) (store.RunRef, error) {
	if id == "" {
		return shop.Latest()
	}
	return shop.Find(id)
}

func (a *app) loadCommand() *cli.Command {
	var id, hash, until string
	var dryRun bool
	var allow int64
	return &cli.Command{
		Name:  "load",
		Usage: "send a run's plan to Optiply",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "run", Destination: &id, Usage: "run `ID`; default the latest"},
			&cli.StringFlag{Name: "plan", Destination: &hash, Usage: "send exactly the plan with this `HASH`, of whatever run, or nothing"},
			&cli.BoolFlag{Name: "dry-run", Destination: &dryRun, Usage: "send nothing; show what would be sent"},
			&cli.Int64Flag{Name: "allow-deletions", Destination: &allow, Usage: "let up to `N` products be disabled, over the ceiling of max_deletions_percent"},
			&cli.StringSliceFlag{Name: "release", Usage: "send although the guard `NAME` holds the plan; may be given several times"},
			deadlineFlag(&until),
		},
		Action: func(c *cli.Context) (err error) {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := load.CheckReleases(c.StringSlice("release")); err != nil {
				return usageError(fmt.Errorf("--release: %w", err))
			}
			if allow < 0 {
				return usageError(fmt.Errorf("--allow-deletions %d: it is a number of products", allow))
			}
			deadline, err := a.deadlineFrom(until)
			if err != nil {
				return err
			}
			if id, err = a.runOfPlan(c.Context, id, hash); err != nil {
				return err
			}
			n, err := a.beginOn(c.Context, "load", id, needs{optiply: !dryRun})
			if err != nil {
				return err
			}
			defer n.endInto(&err)
			n.release = c.StringSlice("release")
			ctx := n.until(c.Context, deadline)
			return n.stopped(ctx, a.loadOnly(ctx, n, hash, allow, dryRun))
		},
	}
}

// runOfPlan finds the run that a plan belongs to, the newest first. Without one it is the run that was asked for, of which the
// load then says that its plan is another.
func (a *app) runOfPlan(ctx context.Context, id, hash string) (string, error) {
	if id != "" || hash == "" {
		return id, nil
	}
	shop, err := a.shopToRead()
	if err != nil {
		return "", err
	}
	refs, err := shop.Runs()
	if err != nil {
		return "", err
	}
	for _, ref := range slices.Backward(refs) {
		if ref.Partial {
			continue
		}
		run, err := shop.OpenRun(ctx, ref, store.Options{Run: store.Read})
		if err != nil {
			a.log.Debug("this run's file cannot be looked into for the plan", "run", ref.ID, "because", err)
			continue
		}
		var found bool
		err = run.DB.QueryRowContext(ctx, "SELECT coalesce(plan_hash = ?, false) FROM run.info", hash).Scan(&found)
		if err := errors.Join(err, run.Close()); err != nil {
			return "", err
		}
		if found {
			return ref.ID, nil
		}
	}
	return "", nil
}

func (a *app) loadOnly(ctx context.Context, n *night, hash string, allow int64, dryRun bool) error {
	n.summary.DryRun = dryRun
	if err := load.RefuseOlder(ctx, n.run); err != nil {
		return loadError(err)
	}
	if dryRun {
		n.warnUnadopted(ctx)
		return n.show(ctx, hash, allow)
	}
	if err := n.permit(ctx, allow, hash); err != nil {
		return err
	}
	if _, err := load.ReadPlan(ctx, n.run, hash); err != nil {
		return loadError(err)
	}
	if err := n.heldBack(ctx); err != nil {
		return n.conclude(ctx, "transform", err)
	}
	client, done, err := a.openOptiply(ctx, n.cfg, n.shop)
	if err != nil {
		return err
	}
	defer done()
	if err := n.refuseUnadopted(ctx, client); err != nil {
		return err
	}
	if err := n.note(ctx, "load", "load"); err != nil {
		return err
	}
	err = n.load(ctx, client, hash)
	phase := "done"
	if err != nil {
		phase = "load"
	}
	return n.conclude(ctx, phase, err)
}

// show is load --dry-run: what would be sent, and whether it may be. It changes nothing, so what a permission would let go
// is counted, not planned.
func (n *night) show(ctx context.Context, hash string, allow int64) error {
	if _, err := load.ReadPlan(ctx, n.run, hash); err != nil {
		return loadError(err)
	}
	if err := n.summary.planned(ctx, n.run, n.release); err != nil {
		return err
	}
	var overCeiling int64
	err := n.run.DB.QueryRowContext(ctx, "SELECT count(*) FROM diff.deletions WHERE verdict = 'held' AND reason LIKE '%--allow-deletions%'").Scan(&overCeiling)
	if err != nil {
		return fmt.Errorf("count what is held: %w", err)
	}
	err = n.verdict(ctx)
	if overCeiling > 0 && allow >= overCeiling {
		n.app.log.Info("with this permission more products would be disabled", "products", overCeiling)
		err = nil
	}
	n.summary.RunID, n.summary.ExitCode = n.run.ID, exitCode(err)
	n.progress.Close()
	n.app.printSummary(n.summary)
	return err
}
