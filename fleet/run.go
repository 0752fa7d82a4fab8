package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"magento-optiply/store"
)

// copyTime is how long a copy may take on its way to storage.
const copyTime = 15 * time.Minute

// run brings the shop's folder up to date, runs the shop, and copies it to storage. The claim is given back at its end. ctx
// ends when the worker parks what runs; an error means that the shop did not run.
func (w *Worker) run(ctx context.Context, c *claim, a Job) (ended Ended, err error) {
	held, lost := context.WithCancelCause(ctx)
	lease := &leaseEnd{}
	lease.set(c.until, w.Lease)
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		w.hold(held, c, lease, lost)
	}()
	ended, err = w.held(held, c, a, lease)
	if cause := context.Cause(held); errors.Is(cause, errLost) {
		err = errLost
	}
	// What follows belongs to the run, and is done although the worker stops.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(w.Grace, copyTime))
	defer cancel()
	if err == nil && c.begun {
		err = w.copy(after, c, ended)
	}
	lost(nil)
	<-kept
	switch {
	case err == nil:
		err = c.release(after, ended.Code)
	case !errors.Is(err, errLost):
		err = errors.Join(err, c.giveBack(after))
	}
	return ended, err
}

// held is what is done while the shop is held.
func (w *Worker) held(ctx context.Context, c *claim, a Job, lease *leaseEnd) (Ended, error) {
	config, shop, err := w.Find(c.shop)
	if err != nil {
		return Ended{Code: codeUsage, Said: err.Error()}, nil
	}
	behind, err := w.bring(ctx, c, shop)
	if err != nil {
		return lockedOr(err)
	}
	if behind {
		w.log.Warn("a run was begun after the newest copy was made: what Optiply holds is read back before anything is sent", "shop", c.shop)
		for _, args := range [][]string{{"extract", "--full"}, {"adopt", "--format", "json"}} {
			ended := w.Run(ctx, Task{Shop: c.shop, Config: config, Args: args, Lease: lease.get})
			if ended.Code != codeDone && ended.Code != codeIncomplete {
				ended.Said = args[0] + ": " + ended.Said
				return ended, nil
			}
		}
	}
	if err := mark(shop, c.fence); err != nil {
		return Ended{}, err
	}
	if err := c.begin(ctx); err != nil {
		return Ended{}, err
	}
	args := []string{"run"}
	if a.Parts != "" {
		args = append(args, "--only", a.Parts)
	}
	if a.Full {
		args = append(args, "--full")
	}
	if c.unfinished(a.Parts) {
		args = append(args, "--resume")
	}
	return w.Run(ctx, Task{Shop: c.shop, Config: config, Args: args, Lease: lease.get}), nil
}

// lockedOr takes a lock that another process of this machine holds for the exit code of it.
func lockedOr(err error) (Ended, error) {
	var locked *store.LockedError
	if errors.As(err, &locked) {
		return Ended{Code: codeLocked, Said: err.Error()}, nil
	}
	return Ended{}, err
}

// leaseEnd is until when a run may write.
type leaseEnd struct{ ms atomic.Int64 }

// set takes half of a lease.
func (l *leaseEnd) set(until time.Time, lease time.Duration) {
	l.ms.Store(until.Add(-lease / 2).UnixMilli())
}

func (l *leaseEnd) get() time.Time { return time.UnixMilli(l.ms.Load()) }

// hold renews the lease until ctx ends, and tells the run until when it may write: half of the lease, so that the other half
// is left for requests that are under way. Without an answer of the database it lets the run go on as long as the lease
// lasts, and then has it stop.
func (w *Worker) hold(ctx context.Context, c *claim, lease *leaseEnd, lost context.CancelCauseFunc) {
	until := c.until
	ticker := time.NewTicker(w.every())
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		asking, cancel := context.WithDeadline(ctx, time.Now().Add(w.Lease/3))
		next, err := c.renew(asking)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errLost):
			lost(errLost)
			return
		case err == nil:
			until = next
			lease.set(until, w.Lease)
		case time.Now().After(until):
			lost(fmt.Errorf("%w: the fleet's database has not answered for %s", errLost, w.Lease))
			return
		}
	}
}

// copy brings the shop's copy to storage. A run that is not copied is no failed run: whoever takes the shop over sees that the
// copy is older, and reads back what Optiply holds.
func (w *Worker) copy(ctx context.Context, c *claim, ended Ended) error {
	if ended.Code == codeUsage || ended.Code == codeLocked {
		return c.unchanged(ctx)
	}
	if w.copies == nil {
		return nil
	}
	if _, err := c.renew(ctx); err != nil {
		return err
	}
	_, shop, err := w.Find(c.shop)
	if err != nil {
		return nil
	}
	ref, bytes, err := w.copies.put(ctx, shop, c.fence)
	if err == nil {
		err = c.keepCopy(ctx, ref, bytes)
		if errors.Is(err, errLost) {
			return errors.Join(err, w.copies.bucket.Delete(ctx, ref.key))
		}
	}
	if err == nil {
		err = w.copies.prune(ctx, c.shop)
	}
	if err != nil {
		w.log.Error("the shop is not copied; the next machine that takes it over will read back what Optiply holds", "shop", c.shop, "error", err)
	}
	return nil
}
