package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/urfave/cli/v2"

	"magento-optiply/store"
)

type pruneOptions struct {
	keep, days int
	dryRun     bool
	format     string
}

func (a *app) runsPruneCommand() *cli.Command {
	o := &pruneOptions{}
	return &cli.Command{
		Name:  "prune",
		Usage: "remove the files of old runs; their history is kept",
		Description: "A run is removed when it is neither one of the N newest nor of the last D days, and nothing needs it: not one that can be gone on with,\n" +
			"whose plan is not sent, that has a request without an answer, or that is the newest whole one.",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "keep", Destination: &o.keep, Usage: "keep the `N` newest runs"},
			&cli.IntFlag{Name: "keep-days", Destination: &o.days, Usage: "keep the runs of the last `D` days"},
			&cli.BoolFlag{Name: "dry-run", Destination: &o.dryRun, Usage: "remove nothing; tell what would be removed"},
			&cli.StringFlag{Name: "format", Destination: &o.format, Value: "table", Usage: "`FORMAT`: table or json"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if !c.IsSet("keep") && !c.IsSet("keep-days") || o.keep < 0 || o.days < 0 {
				return usageError(errors.New("runs prune needs --keep N, how many of the newest runs to keep, or --keep-days D, or both"))
			}
			if err := a.checkFormat(o.format, "", "table", "json"); err != nil {
				return err
			}
			return a.prune(c.Context, o)
		},
	}
}

// pruned is a run that prune removed, or has kept although it is old.
type pruned struct {
	RunID   string `json:"run_id"`
	Removed bool   `json:"removed"` // with --dry-run: it would be
	Bytes   int64  `json:"bytes"`
	Because string `json:"because,omitempty"` // why it was kept
}

func (a *app) prune(ctx context.Context, o *pruneOptions) (err error) {
	_, shop, err := a.openShop(needs{})
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
	needed, err := a.neededRuns(ctx, shop, refs)
	if err != nil {
		return err
	}
	list := []pruned{}
	since := ""
	if o.days > 0 {
		since = a.env.Now().UTC().AddDate(0, 0, -o.days).Format(store.RunIDLayout)
	}
	for _, ref := range refs[:max(len(refs)-o.keep, 0)] {
		if since != "" && ref.ID >= since {
			continue
		}
		p := pruned{RunID: ref.ID, Bytes: runBytes(shop, ref), Because: needed[ref.ID]}
		if p.Because == "" {
			if !o.dryRun {
				if err := shop.Remove(ref); err != nil {
					return errors.Join(err, a.printPruned(list, len(refs), o))
				}
			}
			p.Removed = true
		}
		list = append(list, p)
	}
	return a.printPruned(list, len(refs), o)
}

// neededRuns are the runs that are never removed, with the reason.
func (a *app) neededRuns(ctx context.Context, shop *store.Shop, refs []store.RunRef) (map[string]string, error) {
	needed, held := map[string]string{}, map[string]bool{}
	loaded := ""
	state, err := shop.OpenState(ctx, store.Read)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		loaded, err = neededByState(ctx, state, needed, held)
		if err := errors.Join(err, state.Close()); err != nil {
			return nil, err
		}
	}
	newest := map[bool]bool{} // of either kind
	whole, unsent := false, false
	for _, ref := range slices.Backward(refs) {
		file := a.lookInto(ctx, shop, ref)
		reasons := []struct {
			is   bool
			text string
		}{
			{!newest[ref.Partial], newestOf(ref)},
			// A newer plan has what an older one has: no bookmark moved in between. What a guard held can be released all the same.
			{ref.ID > loaded && file.unsent > 0 && (!unsent || held[ref.ID]), fmt.Sprintf("its plan is not sent yet (%s): `load --run %s`", plural(file.unsent, "change"), ref.ID)},
			{ref.ID == loaded, "it is the newest that was sent: `load --allow-deletions` sends what it held"},
			{file.whole && !whole, "it is the newest that read the whole products listing: `adopt` compares with it"},
		}
		newest[ref.Partial], whole, unsent = true, whole || file.whole, unsent || file.unsent > 0
		for _, reason := range reasons {
			if reason.is && needed[ref.ID] == "" {
				needed[ref.ID] = reason.text
			}
		}
	}
	return needed, nil
}

// neededByState are runs with a request whose outcome is not known, which the next run finds out from their plan. loaded is the
// newest run that was sent; an older plan is refused. held are the runs that a guard held back.
func neededByState(ctx context.Context, state *store.Run, needed map[string]string, held map[string]bool) (loaded string, err error) {
	histories, err := state.Histories(ctx)
	if err != nil {
		return "", err
	}
	for _, h := range histories {
		held[h.RunID] = h.ExitCode == exitHeldBack
	}
	rows, err := state.DB.QueryContext(ctx, `SELECT DISTINCT run_id FROM (
			FROM state.ledger QUALIFY row_number() OVER (PARTITION BY entity, remote_id ORDER BY seq DESC) = 1)
		WHERE state IN ('sent', 'unknown')`)
	if err != nil {
		return "", fmt.Errorf("read the ledger: %w", err)
	}
	for rows.Next() {
		var id string
		if err = rows.Scan(&id); err != nil {
			break
		}
		needed[id] = "the outcome of a request of it is not known yet"
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return "", fmt.Errorf("read the ledger: %w", err)
	}
	// An adoption's events have no run's id.
	err = state.DB.QueryRowContext(ctx, `SELECT coalesce(max(run_id), '') FROM (
			SELECT run_id FROM state.ledger WHERE state = 'acknowledged' AND run_id NOT IN (SELECT adoption FROM state.adoptions)
			UNION ALL
			SELECT run_id FROM state.runs WHERE phase = 'done' AND command IN ('run', 'load'))`).Scan(&loaded)
	if err != nil {
		return "", fmt.Errorf("look for the newest run that was sent: %w", err)
	}
	return loaded, nil
}

// inside is what of a run file tells whether it is needed.
type inside struct {
	whole  bool  // it read the whole products listing
	unsent int64 // changes of its plan, where that was not loaded
}

// lookInto opens a run file. What cannot be told of one, because it is damaged or of a newer program, is no reason to keep it.
func (a *app) lookInto(ctx context.Context, shop *store.Shop, ref store.RunRef) (in inside) {
	run, err := shop.OpenRun(ctx, ref, store.Options{Run: store.Read})
	if err != nil {
		a.log.Debug("this run's file cannot be looked into", "run", ref.ID, "because", err)
		return in
	}
	defer run.Close()
	var planned bool
	err = run.DB.QueryRowContext(ctx, "SELECT "+wholeListing+", transformed_at IS NOT NULL AND loaded_at IS NULL FROM run.info").Scan(&in.whole, &planned)
	if err == nil && planned {
		err = run.DB.QueryRowContext(ctx, "SELECT count(*) FROM plan.changes").Scan(&in.unsent)
	}
	if err != nil {
		a.log.Debug("this run's file cannot be looked into", "run", ref.ID, "because", err)
	}
	return in
}

func newestOf(ref store.RunRef) string {
	if ref.Partial {
		return "it can be gone on with (--resume)"
	}
	return "it is the newest finished run"
}

func (a *app) printPruned(list []pruned, all int, o *pruneOptions) error {
	if o.format == "json" {
		return json.NewEncoder(a.env.Stdout).Encode(list)
	}
	var n, freed int64
	word, ended := "removed", "removed"
	if o.dryRun {
		word, ended = "remove ", "would be removed"
	}
	for _, p := range list {
		if p.Removed {
			n, freed = n+1, freed+p.Bytes
			fmt.Fprintf(a.env.Stdout, "%s %s  %s\n", word, p.RunID, size(p.Bytes))
		} else {
			fmt.Fprintf(a.env.Stdout, "kept    %s  %s\n", p.RunID, p.Because)
		}
	}
	_, err := fmt.Fprintf(a.env.Stdout, "%s %s, %s freed; %s kept\n", plural(n, "run"), ended, size(freed), plural(int64(all)-n, "run"))
	return err
}
