package fleet

import (
	"context"
	"errors"

	"magento-optiply/store"
)

// bring sees that the shop's folder on this machine is the newest there is. behind tells that it is older than the last run
// that was begun anywhere, so that Optiply may hold what it does not know.
func (w *Worker) bring(ctx context.Context, c *claim, shop *store.Shop) (behind bool, err error) {
	here, err := markOf(shop)
	if err != nil {
		return false, err
	}
	newest := here
	if c.runFence == 0 {
		// The shop is new to the database, or the database is: then storage knows what has been.
		if c.runFence, err = w.newestCopy(ctx, c.shop); err != nil {
			return false, err
		}
		behind = here < c.runFence // whether anything was run after that copy, nobody knows
	}
	if here < c.runFence {
		found, err := w.pull(ctx, c, shop)
		if err != nil {
			return false, err
		}
		if found == 0 {
			// Whatever is here is of a time before other machines had the shop.
			if err := shop.Forget(w.now()); err != nil {
				return false, err
			}
			w.log.Warn("there is no copy of the shop in storage: what Optiply holds is read back", "shop", c.shop)
		}
		newest, behind = max(here, found), behind || found < c.runFence
	}
	if err := c.raise(ctx, newest); err != nil {
		return false, err
	}
	return behind, mark(shop, c.fence)
}

// newestCopy is the number of the newest copy in storage, 0 where there is none.
func (w *Worker) newestCopy(ctx context.Context, shop string) (int64, error) {
	if w.copies == nil {
		return 0, nil
	}
	list, err := w.copies.list(ctx, shop)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	return list[0].fence, nil
}

// pull takes over the newest copy that is whole; 0 where there is none.
func (w *Worker) pull(ctx context.Context, c *claim, shop *store.Shop) (fence int64, err error) {
	if w.copies == nil {
		return 0, nil
	}
	list, err := w.copies.list(ctx, c.shop)
	if err != nil {
		return 0, err
	}
	for _, ref := range list {
		if ref.fence == c.copied.fence {
			ref.sha256 = c.copied.sha256
		}
		err := w.copies.get(ctx, shop, ref)
		var damaged *damagedError
		if errors.As(err, &damaged) {
			w.log.Error("a copy in storage is damaged, an older one is taken", "shop", c.shop, "copy", ref.key)
			continue
		}
		if err != nil {
			return 0, err
		}
		w.log.Info("pulled the shop from storage", "shop", c.shop, "copy", ref.key)
		return ref.fence, nil
	}
	return 0, nil
}
