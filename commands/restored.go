package commands

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"magento-optiply/adopt"
	"magento-optiply/load"
	"magento-optiply/optiply"
	"magento-optiply/store"
)

// forgotten finds the newest run whose file says that a load of it began, to its end or not, and that the state does not know of:
// an older state file was put back, and what that load created would be created again. An adoption since then makes up for it.
// Empty where there is none.
func (n *night) forgotten(ctx context.Context) (id string, err error) {
	histories, err := n.run.Histories(ctx)
	if err != nil {
		return "", err
	}
	known, err := n.run.LoadsKnown(ctx)
	if err != nil {
		return "", err
	}
	var adopted sql.NullTime
	if err := n.run.DB.QueryRowContext(ctx, "SELECT max(adopted_at) FROM state.adoptions").Scan(&adopted); err != nil {
		return "", fmt.Errorf("read the adoptions: %w", err)
	}
	refs, err := n.shop.Runs()
	if err != nil {
		return "", err
	}
	for _, ref := range slices.Backward(refs) {
		if ref.Partial {
			continue
		}
		loads, err := n.loadsOf(ctx, ref)
		if err != nil {
			return "", err
		}
		history := slices.ContainsFunc(histories, func(h store.History) bool { return h.RunID == ref.ID })
		for _, l := range loads {
			if lost := !history || l.Noted && !slices.ContainsFunc(known[ref.ID], l.Began.Equal); lost && (!adopted.Valid || adopted.Time.Before(l.Began)) {
				return ref.ID, nil
			}
		}
		if len(loads) > 0 {
			return "", nil // a state that knows of this one is no older than it, and knows of all before it
		}
	}
	return "", nil
}

// loadsOf reads from a run's file when loads of it began.
func (n *night) loadsOf(ctx context.Context, ref store.RunRef) (loads []store.Load, err error) {
	run := n.run
	if run.ID != ref.ID {
		if run, err = n.shop.OpenRun(ctx, ref, store.Options{Run: store.Read}); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, run.Close()) }()
	}
	return run.Loads(ctx)
}

// refuseForgotten keeps a state that was put back from creating again what the nights since then created (invariant 2).
func (n *night) refuseForgotten(ctx context.Context, client *optiply.Client) error {
	id, err := n.forgotten(ctx)
	if err != nil || id == "" {
		return err
	}
	empty, err := adopt.Empty(ctx, client)
	if err != nil || empty {
		return err
	}
	return loadError(&load.GuardError{Reason: stateForgets(id) + ": bring it up to what Optiply holds with `adopt` (--dry-run shows what it would do), and the next run goes on"})
}

func stateForgets(id string) string {
	return "run " + id + " was loaded, and this shop's state does not know of it: an older state.duckdb was put back, so what that run created would be created a second time"
}
