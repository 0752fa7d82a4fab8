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

// forgotten finds the newest run whose file says that it was loaded, and that the state knows nothing of: an older state file was
// put back, and what that run created would be created again. An adoption since then makes up for it. Empty where there is none.
func (n *night) forgotten(ctx context.Context) (id string, err error) {
	histories, err := n.run.Histories(ctx)
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
		if ref.Partial || slices.ContainsFunc(histories, func(h store.History) bool { return h.RunID == ref.ID }) {
			continue
		}
		loaded, err := n.loadedAt(ctx, ref)
		if err != nil {
			return "", err
		}
		if loaded.Valid && (!adopted.Valid || adopted.Time.Before(loaded.Time)) {
			return ref.ID, nil
		}
	}
	return "", nil
}

// loadedAt reads when a run was loaded, from its file.
func (n *night) loadedAt(ctx context.Context, ref store.RunRef) (at sql.NullTime, err error) {
	run := n.run
	if run.ID != ref.ID {
		if run, err = n.shop.OpenRun(ctx, ref, store.Options{Run: store.Read}); err != nil {
			return at, err
		}
		defer func() { err = errors.Join(err, run.Close()) }()
	}
	if err = run.DB.QueryRowContext(ctx, "SELECT loaded_at FROM run.info").Scan(&at); err != nil {
		return at, fmt.Errorf("read run.info of run %s: %w", ref.ID, err)
	}
	return at, nil
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
