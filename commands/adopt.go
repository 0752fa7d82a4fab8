package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"magento-optiply/adopt"
	"magento-optiply/config"
	"magento-optiply/load"
	"magento-optiply/optiply"
	"magento-optiply/store"
)

type adoptOptions struct {
	hotglue string
	runID   string
	bySKU   bool
	dryRun  bool
	format  string
	output  string
}

func (a *app) adoptCommand() *cli.Command {
	o := &adoptOptions{}
	return &cli.Command{
		Name:  "adopt",
		Usage: "take over what Optiply holds already, and send nothing",
		Description: "Reads all products and sell orders of the Optiply account and finds out which of the shop's they are: by the remote id of this\n" +
			"coupling, then by articleCode (the Magento id), then, only with --by-sku, by skuCode; orders without a remote id by date and value.\n" +
			"The shop's side is what a run has read (`extract`). Nothing is guessed: what could be two things is named, and its create is held.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from-hotglue", Destination: &o.hotglue, Usage: "take ids from products.snapshot.csv and sell_orders.snapshot.csv in `DIR` too"},
			&cli.StringFlag{Name: "run", Destination: &o.runID, Usage: "the run `ID` that has read the shop; default the latest that read all products"},
			&cli.BoolFlag{Name: "by-sku", Destination: &o.bySKU, Usage: "match products that have neither a remote id nor an article code of the shop by SKU"},
			&cli.BoolFlag{Name: "dry-run", Destination: &o.dryRun, Usage: "change nothing; show what would be taken over"},
			&cli.StringFlag{Name: "format", Destination: &o.format, Value: "table", Usage: "`FORMAT`: table, json or csv; table names the first rows of each kind"},
			&cli.StringFlag{Name: "output", Destination: &o.output, Usage: "write to `FILE` instead of stdout"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return a.adopt(c.Context, o)
		},
	}
}

func (a *app) adopt(ctx context.Context, o *adoptOptions) (err error) {
	if err := a.checkFormat(o.format, o.output, "table", "json", "csv"); err != nil {
		return err
	}
	snapshot, err := a.readSnapshots(o.hotglue)
	if err != nil {
		return err
	}
	n, err := a.begin(ctx, "adopt", needs{optiply: true})
	if err != nil {
		return err
	}
	defer n.endInto(&err)
	list, err := n.openList(ctx, o.runID)
	if err != nil {
		return err
	}
	client, done, err := a.openOptiply(ctx, n.cfg, n.shop)
	if err != nil {
		return err
	}
	n.stop = append(n.stop, done)
	out, err := a.openOutput(o.output)
	if err != nil {
		return err
	}
	defer func() { err = out.close(err) }()
	found := &adoption{format: o.format, out: out, Run: list, DryRun: o.dryRun}
	forgotten, err := n.forgotten(ctx)
	if err != nil {
		return err
	}
	n.progress.Phase("adopt")
	job := adopt.Job{Run: n.run, HasList: list != "", Client: client, CouplingID: n.cfg.Optiply.CouplingID, BySKU: o.bySKU, Snapshot: snapshot, DryRun: o.dryRun, Lags: forgotten != "",
		Now: a.env.Now, Progress: n.progress, Log: a.log, Found: found.add}
	result, err := job.Adopt(ctx)
	if err == nil {
		n.progress.Finish()
	}
	n.progress.Close()
	if err != nil {
		return err
	}
	n.closeInto(&err) // the state is let go before it is told, which can last where a pager shows it
	found.Result = result
	if err := errors.Join(err, a.printAdoption(found)); err != nil {
		return err
	}
	if result.Rows(adopt.Ambiguous) > 0 {
		return &exitError{code: exitIncomplete}
	}
	return nil
}

// readSnapshots reads the notebook's snapshots, where a folder is given.
func (a *app) readSnapshots(dir string) ([]adopt.Row, error) {
	if dir == "" {
		return nil, nil
	}
	rows, withoutID, err := adopt.ReadSnapshots(os.DirFS(dir))
	if err != nil {
		return nil, usageError(fmt.Errorf("--from-hotglue %s: %w", dir, err))
	}
	if withoutID > 0 {
		a.log.Info("lines of the snapshots without an Optiply id are passed over: the notebook could not send them", "lines", withoutID)
	}
	return rows, nil
}

// openList opens the state, and the run whose products and orders are the shop's: the one that was named, or the newest that
// read the whole products listing, or the newest there is. run is empty where the shop was never read.
func (n *night) openList(ctx context.Context, id string) (run string, err error) {
	ref, err := n.findList(ctx, id)
	if errors.Is(err, store.ErrNoRun) && id == "" {
		n.app.log.Warn("no run has read this shop, so only remote ids tell what is what; what may be the shop's is held. `extract` first gives more matches")
		n.run, err = n.shop.OpenState(ctx, store.Write)
		return "", err
	}
	if err != nil {
		return "", err
	}
	n.run, err = n.shop.OpenRun(ctx, ref, store.Options{Run: store.Read, State: store.Write})
	if err == nil {
		n.app.log.Info("the shop's products and orders are those of a run", "run", ref.ID)
	}
	return ref.ID, err
}

func (n *night) findList(ctx context.Context, id string) (store.RunRef, error) {
	if id != "" {
		return findWhole(n.shop, id)
	}
	refs, err := n.shop.Runs()
	if err != nil {
		return store.RunRef{}, err
	}
	for i := len(refs) - 1; i >= 0; i-- {
		if refs[i].Partial {
			continue
		}
		whole, err := n.isWhole(ctx, refs[i])
		if err != nil || whole {
			return refs[i], err
		}
	}
	return n.shop.Latest()
}

// wholeListing tells of run.info whether the run read the whole products listing.
const wholeListing = `coalesce(products_full, false) AND EXISTS (FROM run.coverage WHERE stream = 'products')
	AND NOT EXISTS (FROM run.coverage WHERE stream = 'products' AND NOT complete)`

// isWhole tells whether a run read the whole products listing.
func (n *night) isWhole(ctx context.Context, ref store.RunRef) (whole bool, err error) {
	run, err := n.shop.OpenRun(ctx, ref, store.Options{Run: store.Read})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	err = run.DB.QueryRowContext(ctx, "SELECT "+wholeListing+" FROM run.info").Scan(&whole)
	if err != nil {
		return false, fmt.Errorf("read run.coverage of run %s: %w", ref.ID, err)
	}
	return whole, nil
}

// refuseUnadopted keeps the first load of a shop from creating a second time what an account holds that is not empty
// (invariant 2).
func (n *night) refuseUnadopted(ctx context.Context, client *optiply.Client) error {
	needed, err := adopt.Needed(ctx, n.run)
	if err != nil {
		return err
	}
	if !needed {
		return n.refuseForgotten(ctx, client)
	}
	empty, err := adopt.Empty(ctx, client)
	if err != nil || empty {
		return err
	}
	return loadError(&load.GuardError{Reason: unadopted + ": take over what is there with `adopt` (--dry-run shows what it would do). " +
		"What it cannot match it leaves alone, and the next run goes on"})
}

const unadopted = "the Optiply account is not empty, and this shop's state knows of nothing in it, so everything would be created a second time"

// warnUnadopted says in a dry run what the load will be refused for. It looks only where that costs nothing and needs no secret that
// a dry run may lack.
func (n *night) warnUnadopted(ctx context.Context) {
	if id, err := n.forgotten(ctx); err == nil && id != "" {
		n.app.log.Warn(stateForgets(id) + ": the load will be refused until `adopt` has taken over what is there")
		return
	}
	needed, err := adopt.Needed(ctx, n.run)
	if err != nil || !needed || !canLook(n.cfg.Optiply, n.shop) {
		return
	}
	client, done, err := n.app.openOptiply(ctx, n.cfg, n.shop)
	if err == nil {
		defer done()
		var empty bool
		if empty, err = adopt.Empty(ctx, client); err == nil && !empty {
			n.app.log.Warn(unadopted + ": the load will be refused until `adopt` has taken over what is there")
		}
	}
	if err != nil {
		n.app.log.Info("it could not be looked whether the Optiply account is empty", "error", err)
	}
}

// canLook tells whether there is an Optiply to ask: a sandbox that was used before, or an account with its credentials.
func canLook(o config.Optiply, shop *store.Shop) bool {
	if o.Sandbox() {
		_, err := os.Stat(shop.SandboxDir())
		return !errors.Is(err, fs.ErrNotExist)
	}
	return o.ClientID.Reveal() != "" && o.ClientSecret.Reveal() != "" && o.Username.Reveal() != "" && o.Password.Reveal() != "" && o.AccountID > 0 && o.CouplingID > 0
}
