package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"magento-optiply/config"
	"magento-optiply/fleet"
)

func (a *app) fleetStatusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "the shops with their last and next run, and the machines",
		Flags: []cli.Flag{&cli.StringFlag{Name: "format", Value: "table", Usage: "`FORMAT`: table or json"}},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := a.checkFormat(c.String("format"), "", "table", "json"); err != nil {
				return err
			}
			return a.withFleet(c, func(ctx context.Context, cfg config.Fleet, db *fleet.Database) error {
				status, err := db.Status(ctx, cfg.Lease)
				if err != nil {
					return err
				}
				if c.String("format") == "json" {
					return json.NewEncoder(a.env.Stdout).Encode(status)
				}
				return a.printFleet(status)
			})
		},
	}
}

func (a *app) printFleet(s *fleet.Status) error {
	shops := a.fleetGrid(column{Name: "shop"}, column{Name: "last (UTC)"}, column{Name: "verdict"}, column{Name: "next (UTC)"}, column{Name: "worker"}, column{Name: "copied", Spare: 1})
	for _, f := range s.Shops {
		host := f.Host
		if f.MoveTo != "" {
			host += " to " + f.MoveTo
		}
		shops.Rows = append(shops.Rows, []string{f.Shop, minute(f.EndedAt), shopVerdict(f), minute(f.NextAt), host, yesNo(f.Copied)})
	}
	workers := a.fleetGrid(column{Name: "worker"}, column{Name: "is"}, column{Name: "shops", Right: true}, column{Name: "running", Right: true},
		column{Name: "at a time", Right: true}, column{Name: "seen (UTC)"})
	for _, w := range s.Workers {
		is, seen := "up", w.SeenAt.Format(time.DateTime)
		switch {
		case w.Draining && w.Alive:
			is = "draining"
		case !w.Alive && w.SeenAt.Unix() == 0:
			is, seen = "stopped", ""
		case !w.Alive:
			is = "gone"
		}
		workers.Rows = append(workers.Rows, []string{w.Host, is, fmt.Sprint(w.Shops), fmt.Sprint(w.Running), fmt.Sprint(w.Slots), seen})
	}
	if err := shops.print(a.env.Stdout); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(a.env.Stdout); err != nil {
		return err
	}
	return workers.print(a.env.Stdout)
}

func (a *app) fleetGrid(columns ...column) grid {
	g := grid{Plain: !a.env.StdoutTerminal, Columns: columns}
	if a.env.StdoutTerminal {
		g.Width = terminalWidth(a.env)
	}
	return g
}

func minute(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format("2006-01-02 15:04")
}

// shopVerdict is how the last run ended, and what goes on now.
func shopVerdict(f fleet.ShopStatus) string {
	verdict := "never run"
	if f.ExitCode != nil {
		verdict = verdictOf(*f.ExitCode)
	}
	switch {
	case f.Running:
		return "runs; before: " + verdict
	case f.Queue == "retry":
		return verdict + ", tried again " + f.RetryAt.Format("15:04")
	case f.Queue == "waits":
		return verdict + "; waits"
	}
	return verdict
}

func (a *app) fleetMoveCommand() *cli.Command {
	return &cli.Command{
		Name: "move", ArgsUsage: "SHOP --to HOST",
		Usage: "give a shop to another machine, when its run has ended",
		Flags: []cli.Flag{&cli.StringFlag{Name: "to", Usage: "the machine's `HOST` name, as fleet status lists it"}},
		Action: func(c *cli.Context) error {
			args, err := a.trailingOptions(c)
			if err != nil {
				return err
			}
			if len(args) != 1 || c.String("to") == "" {
				return usageError(errors.New("fleet move needs a shop and a machine: fleet move SHOP --to HOST"))
			}
			return a.withFleet(c, func(ctx context.Context, cfg config.Fleet, db *fleet.Database) error {
				moved, err := db.Move(ctx, args[0], c.String("to"), cfg.Lease)
				if err != nil {
					return err
				}
				if moved {
					fmt.Fprintf(a.env.Stdout, "%s: is %s's now\n", args[0], c.String("to"))
				} else {
					fmt.Fprintf(a.env.Stdout, "%s: goes to %s when its run has ended\n", args[0], c.String("to"))
				}
				return nil
			})
		},
	}
}

func (a *app) fleetDrainCommand() *cli.Command {
	return &cli.Command{
		Name: "drain", ArgsUsage: "HOST",
		Usage: "have a machine take no more shops; those that it has go to the others. It takes shops again when `fleet serve` is started anew",
		Action: func(c *cli.Context) error {
			if c.NArg() != 1 {
				return usageError(errors.New("fleet drain needs the name of a machine, as fleet status lists it"))
			}
			host := c.Args().First()
			return a.withFleet(c, func(ctx context.Context, cfg config.Fleet, db *fleet.Database) error {
				moves, err := db.Drain(ctx, host, cfg.Lease)
				for _, m := range moves {
					when := ""
					if m.Running {
						when = " when its run has ended"
					}
					fmt.Fprintf(a.env.Stdout, "%s: goes to %s%s\n", m.Shop, m.MoveTo, when)
				}
				if err == nil {
					fmt.Fprintf(a.env.Stdout, "%s takes no more shops\n", host)
				}
				return err
			})
		},
	}
}
