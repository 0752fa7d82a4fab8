package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/urfave/cli/v2"

	"magento-optiply/store"
)

func (a *app) runsPruneCommand() *cli.Command {
	return &cli.Command{
		Name:  "prune",
		Usage: "remove the files of old runs; their history is kept",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "keep", Value: -1, Usage: "keep the `N` newest runs"},
			&cli.StringFlag{Name: "format", Value: "table", Usage: "`FORMAT`: table or json"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if !c.IsSet("keep") || c.Int("keep") < 0 {
				return usageError(errors.New("runs prune needs --keep N: how many of the newest runs to keep"))
			}
			if err := a.checkFormat(c.String("format"), "", "table", "json"); err != nil {
				return err
			}
			return a.prune(c.Context, c.Int("keep"), c.String("format"))
		},
	}
}

// pruned is a run that prune removed, or has kept although it is old.
type pruned struct {
	RunID   string `json:"run_id"`
	Removed bool   `json:"removed"`
	Bytes   int64  `json:"bytes"`
	Because string `json:"because,omitempty"` // why it was kept
}

func (a *app) prune(ctx context.Context, keep int, format string) (err error) {
	shop, err := a.shopToRead()
	if err != nil {
		return err
	}
	lock, err := shop.Lock("runs prune", a.env.Now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	refs, err := shop.Runs()
	if err != nil {
		return err
	}
	needed, err := neededRuns(ctx, shop, refs)
	if err != nil {
		return err
	}
	list := []pruned{}
	for _, ref := range refs[:max(len(refs)-keep, 0)] {
		p := pruned{RunID: ref.ID, Bytes: runBytes(shop, ref), Because: needed[ref.ID]}
		if p.Because == "" {
			if err := shop.Remove(ref); err != nil {
				return errors.Join(err, a.printPruned(list, format))
			}
			p.Removed = true
		}
		list = append(list, p)
	}
	return a.printPruned(list, format)
}

// neededRuns are the runs that are never removed, with the reason: the newest of either kind, and those with a request whose
// outcome is not known, which the next run finds out from their plan.
func neededRuns(ctx context.Context, shop *store.Shop, refs []store.RunRef) (map[string]string, error) {
	needed := map[string]string{}
	for _, ref := range refs {
		for id, reason := range needed {
			if reason == newestOf(ref) {
				delete(needed, id)
			}
		}
		needed[ref.ID] = newestOf(ref)
	}
	state, err := shop.OpenState(ctx, store.Read)
	if errors.Is(err, fs.ErrNotExist) {
		return needed, nil
	}
	if err != nil {
		return nil, err
	}
	rows, err := state.DB.QueryContext(ctx, `SELECT DISTINCT run_id FROM (
			FROM state.ledger QUALIFY row_number() OVER (PARTITION BY entity, remote_id ORDER BY seq DESC) = 1)
		WHERE state IN ('sent', 'unknown')`)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the ledger: %w", err), state.Close())
	}
	for rows.Next() {
		var id string
		if err = rows.Scan(&id); err != nil {
			break
		}
		needed[id] = "the outcome of a request of it is not known yet"
	}
	return needed, errors.Join(err, rows.Err(), rows.Close(), state.Close())
}

func newestOf(ref store.RunRef) string {
	if ref.Partial {
		return "it can be gone on with (--resume)"
	}
	return "it is the newest finished run"
}

func (a *app) printPruned(list []pruned, format string) error {
	if format == "json" {
		return json.NewEncoder(a.env.Stdout).Encode(list)
	}
	var n, freed int64
	for _, p := range list {
		if p.Removed {
			n, freed = n+1, freed+p.Bytes
			fmt.Fprintf(a.env.Stdout, "removed %s  %s\n", p.RunID, size(p.Bytes))
		} else {
			fmt.Fprintf(a.env.Stdout, "kept    %s  %s\n", p.RunID, p.Because)
		}
	}
	_, err := fmt.Fprintf(a.env.Stdout, "%s removed, %s freed\n", plural(n, "run"), size(freed))
	return err
}
