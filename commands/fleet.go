package commands

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"magento-optiply/config"
	"magento-optiply/fleet"
	"magento-optiply/store"
)

// defaultFleet is read by the fleet commands when no --config is given.
const defaultFleet = "fleet.yaml"

func (a *app) fleetCommand() *cli.Command {
	return &cli.Command{
		Name:  "fleet",
		Usage: "many shops on one or several machines, from a queue",
		Description: "Reads the section fleet of --config (default: ./" + defaultFleet + "). Each machine runs `fleet serve` in a folder of its own; " +
			"`fleet schedule` takes over\nwhen each shop is run. See docs/fleet.md.",
		Subcommands: []*cli.Command{
			a.fleetServeCommand(), a.fleetScheduleCommand(), a.fleetEnqueueCommand(), a.fleetStatusCommand(), a.fleetMoveCommand(), a.fleetDrainCommand(),
		},
	}
}

// openFleet reads the section fleet and connects to its database.
func (a *app) openFleet(ctx context.Context) (config.Fleet, *fleet.Database, error) {
	path := a.configPath
	if !a.configGiven {
		path = defaultFleet
	}
	cfg, err := config.Load(path, config.Options{Env: a.env.LookupEnv, Fleet: true})
	if err != nil {
		return config.Fleet{}, nil, usageError(err)
	}
	if cfg.Fleet.Host == "" {
		cfg.Fleet.Host = hostName()
	}
	db, err := fleet.Open(ctx, cfg.Fleet.Database.Reveal())
	return cfg.Fleet, db, err
}

// hostName is what the system calls this machine, as a name that a queue can have.
func hostName() string {
	name, _ := os.Hostname()
	name, _, _ = strings.Cut(strings.ToLower(name), ".")
	name = strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(name, "-"), "-")
	if name == "" {
		return "host"
	}
	return name
}

// withFleet runs a command over the fleet's database.
func (a *app) withFleet(c *cli.Context, f func(ctx context.Context, cfg config.Fleet, db *fleet.Database) error) (err error) {
	cfg, db, err := a.openFleet(c.Context)
	if err != nil {
		return err
	}
	defer func() { err = fleetError(errors.Join(err, db.Close())) }()
	return f(c.Context, cfg, db)
}

// fleetError gives what a person has named wrongly its exit code.
func fleetError(err error) error {
	var shop *fleet.UnknownShopError
	var host *fleet.UnknownHostError
	if errors.As(err, &shop) || errors.As(err, &host) {
		return usageError(err)
	}
	return err
}

func (a *app) fleetServeCommand() *cli.Command {
	var host string
	o := &shopsOptions{}
	return &cli.Command{
		Name:  "serve",
		Usage: "be a worker: take this machine's jobs and run their shops, until stopped",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "host", Destination: &host, Usage: "this machine's `NAME` in the fleet; default fleet.host, or what the system calls it"},
			&cli.IntFlag{Name: "parallel", Destination: &o.parallel, Usage: "`N` shops at a time; default fleet.parallel"},
			&cli.StringFlag{Name: "memory-limit", Destination: &o.memory, Usage: fmt.Sprintf("`SIZE` that DuckDB may take, which the shops that run at a time share (default: %dMB a shop, and 1GB in all)", store.MemoryLimitMB)},
			&cli.IntFlag{Name: "threads", Destination: &o.threads, Usage: "`N` threads that DuckDB may take, which they share (default: one a core)"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return a.withFleet(c, func(ctx context.Context, cfg config.Fleet, db *fleet.Database) error {
				if err := hostOption(host); err != nil {
					return err
				}
				cfg.Host = cmp.Or(host, cfg.Host)
				if c.IsSet("parallel") {
					if cfg.Parallel = o.parallel; o.parallel < 1 {
						return usageError(fmt.Errorf("--parallel %d: it is a number of shops, 1 or more", o.parallel))
					}
				}
				return a.serveFleet(ctx, cfg, db, o)
			})
		},
	}
}

// hostOption refuses a --host that no queue can be called by.
func hostOption(host string) error {
	if err := config.CheckHost(host); err != nil {
		return usageError(fmt.Errorf("--host %s: it %w", host, err))
	}
	return nil
}

func (a *app) serveFleet(ctx context.Context, cfg config.Fleet, db *fleet.Database, o *shopsOptions) error {
	all, err := o.limits()
	if err != nil {
		return err
	}
	each, err := share(all, cfg.Parallel)
	if err != nil {
		return err
	}
	if _, err := config.Folder(cfg.ConfigDir, a.env.LookupEnv); err != nil {
		return usageError(fmt.Errorf("fleet.config_dir %w", err))
	}
	limits := []string{"--memory-limit", fmt.Sprintf("%dMB", each.MemoryMB), "--threads", strconv.Itoa(each.Threads)}
	return fleet.Serve(ctx, db, fleet.Settings{
		Host: cfg.Host, Parallel: cfg.Parallel, Storage: cfg.Storage, KeepCopies: cfg.KeepCopies, Lease: cfg.Lease,
		RetryWait: cfg.RetryWait, Retries: cfg.Retries, Grace: cfg.Grace, Log: a.log, Now: a.env.Now,
		Find: func(shop string) (string, *store.Shop, error) { return a.findShop(cfg.ConfigDir, shop) },
		Run: func(ctx context.Context, task fleet.Task) fleet.Ended {
			args := task.Args
			if args[0] == "run" {
				args = append(slices.Clone(args), limits...)
			}
			child := &child{app: a, shop: task.Shop, config: task.Config, args: args, lease: task.Lease}
			result := child.run(ctx)
			return fleet.Ended{Code: result.code, Said: result.said}
		},
	})
}

// findShop is a shop's configuration on this machine, and its folder.
func (a *app) findShop(dir, shop string) (string, *store.Shop, error) {
	list, err := config.Folder(dir, a.env.LookupEnv)
	if err != nil {
		return "", nil, err
	}
	at := slices.IndexFunc(list, func(f config.ShopFile) bool { return f.Shop == shop })
	if at < 0 {
		return "", nil, fmt.Errorf("this machine has no configuration of the shop %s in %s", shop, dir)
	}
	if list[at].Err != nil {
		return "", nil, list[at].Err
	}
	cfg, err := config.Load(list[at].Path, config.Options{Env: a.env.LookupEnv})
	if err != nil {
		return "", nil, err
	}
	folder, err := store.Open(cfg.DataDir, cfg.Shop)
	return list[at].Path, folder, err
}

func (a *app) fleetScheduleCommand() *cli.Command {
	var host string
	var prune bool
	return &cli.Command{
		Name:  "schedule",
		Usage: "take over the shops of fleet.config_dir with the schedule of each; new shops get a machine",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "host", Destination: &host, Usage: "give new shops to the machine `NAME`; default the worker with the fewest"},
			&cli.BoolFlag{Name: "prune", Destination: &prune, Usage: "forget shops that have no configuration in the folder any more"},
		},
		Action: func(c *cli.Context) error {
			if err := cmp.Or(noArguments(c), hostOption(host)); err != nil {
				return err
			}
			return a.withFleet(c, func(ctx context.Context, cfg config.Fleet, db *fleet.Database) error {
				return a.scheduleFleet(ctx, cfg, db, host, prune)
			})
		},
	}
}

// scheduleFleet takes over what can be: a broken configuration is named, and keeps no other shop from its schedule.
func (a *app) scheduleFleet(ctx context.Context, cfg config.Fleet, db *fleet.Database, host string, prune bool) error {
	files, err := config.Folder(cfg.ConfigDir, a.env.LookupEnv)
	if err != nil {
		return usageError(fmt.Errorf("fleet.config_dir %w", err))
	}
	var shops []fleet.Planned
	var wrong []error
	for _, f := range files {
		p, err := a.planned(f)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		shops = append(shops, p)
	}
	if prune && len(wrong) > 0 {
		return usageError(fmt.Errorf("--prune forgets shops without a configuration, and some cannot be read:\n%w", errors.Join(wrong...)))
	}
	placed, err := db.Schedule(ctx, shops, host, prune, cfg.Lease, a.env.Now())
	for _, p := range placed {
		fmt.Fprintf(a.env.Stdout, "%s: given to %s\n", p.Shop, p.Host)
	}
	if err != nil {
		return err
	}
	lines := 0
	for _, p := range shops {
		lines += len(p.Lines)
	}
	fmt.Fprintf(a.env.Stdout, "%s with %s\n", plural(int64(len(shops)), "shop"), plural(int64(lines), "scheduled part"))
	if len(wrong) > 0 {
		return usageError(errors.Join(wrong...))
	}
	return nil
}

func (a *app) planned(f config.ShopFile) (fleet.Planned, error) {
	p := fleet.Planned{Shop: f.Shop}
	if f.Err != nil {
		return p, f.Err
	}
	// Who schedules a shop need not have its secrets.
	cfg, err := config.Load(f.Path, config.Options{Env: a.env.LookupEnv, NoMagento: true, NoOptiply: true})
	if err != nil {
		return p, err
	}
	for _, e := range cfg.Schedule.Entries() {
		if err := fleet.CheckCron(e.Cron); err != nil {
			return p, fmt.Errorf("%s: %s must be a cron expression such as 0 2 * * *, not %q: %w", f.Path, e.Setting, e.Cron, err)
		}
		p.Lines = append(p.Lines, fleet.Line{Parts: e.Parts, Cron: e.Cron})
	}
	return p, nil
}

func (a *app) fleetEnqueueCommand() *cli.Command {
	return &cli.Command{
		Name: "enqueue", ArgsUsage: "SHOP...",
		Usage: "have shops run as soon as their machine has room; a shop that waits or runs already is not queued again",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "only", Usage: "`PARTS` of the work, comma separated: products, stocks, deletions, sell_orders"},
			&cli.BoolFlag{Name: "full", Usage: "read all products, whatever full_every says"},
			&cli.StringFlag{Name: "format", Value: "table", Usage: "`FORMAT`: table or json"},
		},
		Action: func(c *cli.Context) error {
			shops, err := a.trailingOptions(c)
			if err != nil {
				return err
			}
			if len(shops) == 0 {
				return usageError(errors.New("fleet enqueue needs the name of a shop"))
			}
			if err := a.checkFormat(c.String("format"), "", "table", "json"); err != nil {
				return err
			}
			if _, err := parseParts(c.String("only")); err != nil {
				return err
			}
			return a.withFleet(c, func(ctx context.Context, cfg config.Fleet, db *fleet.Database) error {
				list := []fleet.Queued{}
				for _, shop := range shops {
					q, err := db.Enqueue(ctx, fleet.Job{Shop: shop, Parts: inOrder(c.String("only")), Full: c.Bool("full")}, cfg.Retries)
					if err != nil {
						return errors.Join(a.printQueued(list, c.String("format")), err) // those before it are queued
					}
					list = append(list, q)
				}
				return a.printQueued(list, c.String("format"))
			})
		},
	}
}

// inOrder writes parts the same way however they were given, because jobs for the same parts are the same.
func inOrder(only string) string {
	var list []string
	for _, part := range strings.Split(only, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ",")
}

func (a *app) printQueued(list []fleet.Queued, format string) error {
	if format == "json" {
		return json.NewEncoder(a.env.Stdout).Encode(list)
	}
	for _, q := range list {
		switch {
		case q.New:
			fmt.Fprintf(a.env.Stdout, "%s: queued on %s\n", q.Shop, q.Host)
		case q.NotFull:
			fmt.Fprintf(a.env.Stdout, "%s: not queued again, it %s already (%s), without --full: ask again when it has ended\n", q.Shop, q.State, q.Host)
		default:
			fmt.Fprintf(a.env.Stdout, "%s: not queued again, it %s already (%s)\n", q.Shop, q.State, q.Host)
		}
	}
	return nil
}
