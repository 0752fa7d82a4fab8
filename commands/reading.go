package commands

import (
	"context"
	"errors"
	"io/fs"

	"magento-optiply/config"
	"magento-optiply/store"
)

// shopToRead is the shop of a command that only looks. It needs no secret of the configuration, and makes no folder: whoever
// looks may have no right to.
func (a *app) shopToRead() (*store.Shop, error) {
	_, shop, err := a.configToRead()
	return shop, err
}

func (a *app) configToRead() (*config.Config, *store.Shop, error) {
	cfg, err := a.loadConfig(needs{})
	if err != nil {
		return nil, nil, err
	}
	shop, err := store.At(cfg.DataDir, cfg.Shop)
	if err != nil {
		return nil, nil, err
	}
	shop.Limits = a.limits
	return cfg, shop, nil
}

// openToRead opens a run with the state, read-only. Without an id it is the latest finished run, or what there is: an older
// one where another process has the latest open, a partial one, the state alone. It says which on stderr.
func (a *app) openToRead(ctx context.Context, shop *store.Shop, id string) (*store.Run, error) {
	if id != "" {
		ref, err := shop.Find(id)
		if err != nil {
			return nil, err
		}
		return a.openRef(ctx, shop, ref)
	}
	refs, err := readable(shop)
	if err != nil {
		return nil, err
	}
	run, err := a.openFirst(ctx, shop, refs)
	if err == nil {
		a.log.Info("latest run", "run", run.ID, "partial", run.Partial)
	}
	if !unreadable(err) {
		return run, err
	}
	state, err := a.openStateToRead(ctx, shop)
	if err == nil {
		a.log.Info("there is no run that can be read: the state alone is open")
	}
	return state, err
}

// openFirst opens the first of some runs that no other process has open.
func (a *app) openFirst(ctx context.Context, shop *store.Shop, refs []store.RunRef) (run *store.Run, err error) {
	err = store.ErrNoRun
	for _, ref := range refs {
		if run, err = a.openRef(ctx, shop, ref); !unreadable(err) {
			return run, err
		}
		a.log.Warn("this run's file is open in another process: an older run is taken", "run", ref.ID)
	}
	return nil, err
}

// unreadable tells that there is nothing to read now: no run, or its file is open in another process, or gone since it was listed.
func unreadable(err error) bool {
	var busy *store.BusyError
	return errors.As(err, &busy) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, store.ErrNoRun)
}

// openStateToRead opens the state alone, read-only.
func (a *app) openStateToRead(ctx context.Context, shop *store.Shop) (*store.Run, error) {
	state, err := shop.OpenState(ctx, store.Read)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, store.ErrNoRun
	}
	if err == nil {
		a.noteStale(state)
	}
	return state, err
}

// readable lists the runs in the order in which they are tried: finished ones, then partial ones, the newest first.
func readable(shop *store.Shop) ([]store.RunRef, error) {
	refs, err := shop.Runs()
	if err != nil {
		return nil, err
	}
	var finished, partial []store.RunRef
	for i := len(refs) - 1; i >= 0; i-- {
		if refs[i].Partial {
			partial = append(partial, refs[i])
		} else {
			finished = append(finished, refs[i])
		}
	}
	return append(finished, partial...), nil
}

// openRef opens one run file, with the state if there is one.
func (a *app) openRef(ctx context.Context, shop *store.Shop, ref store.RunRef) (*store.Run, error) {
	run, err := shop.OpenRun(ctx, ref, store.Options{Run: store.Read, State: store.Read})
	if err == nil {
		a.noteStale(run)
		return run, nil
	}
	var busy *store.BusyError
	if !errors.Is(err, fs.ErrNotExist) && !errors.As(err, &busy) {
		return nil, err
	}
	// Which of the two files it was, an attempt without the state tells.
	run, rerr := shop.OpenRun(ctx, ref, store.Options{Run: store.Read})
	if rerr != nil {
		return nil, rerr
	}
	a.log.Warn("the run is open without the state", "because", err)
	return run, nil
}

func (a *app) noteStale(run *store.Run) {
	if run.StateStale {
		a.log.Info("a run is going on: the state is the copy that it published")
	}
}
