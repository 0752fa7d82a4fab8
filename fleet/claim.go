package fleet

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// claim is the right to run a shop: the fencing number under which this process holds it.
type claim struct {
	db   *Database
	shop string
	host string
	by   string // the instance
	time time.Duration

	fence    int64
	runFence int64 // the last claim before under which something was run
	copied   copyRef
	ended    int64 // the claim whose end is known
	code     int   // how it ended
	parts    string
	until    time.Time // the lease, by this process's clock
	begun    bool      // something was run that can have changed Optiply
}

// copyRef is the newest copy that the database knows of.
type copyRef struct {
	fence       int64
	key, sha256 string
}

var (
	errHeld      = errors.New("another run of this shop goes on")
	errMoves     = errors.New("the shop is about to move to another machine")
	errDrained   = errors.New("this machine takes no more shops: `fleet drain` was asked for")
	errElsewhere = errors.New("the shop is another machine's")
	errUnknown   = errors.New("the fleet does not know this shop: `fleet schedule` takes over the configurations of a folder")
	errLost      = errors.New("this machine does not hold the shop any more")
)

// claim takes a shop for a run, if it is this host's and nobody holds it. The number grows with each claim, so that whoever
// had the shop before can write no more, whatever became of him. What an earlier process of this host held is claimed at once,
// because the lock in the shop's folder tells where a run of it still ends; another host waits for the end of its lease.
func (d *Database) claim(ctx context.Context, shop, host, instance, parts string, lease time.Duration) (*claim, error) {
	c := &claim{db: d, shop: shop, host: host, by: instance, time: lease}
	asked := time.Now()
	var key, sum, previous sql.NullString
	var code sql.NullInt64
	err := d.row(ctx, `UPDATE fleet_shops SET holder = $1, held_until = {now} + $2, fence = fence + 1, began_at = {now}, previous_parts = began_parts, began_parts = $3
		WHERE shop = $4 AND host = $5 AND move_to IS NULL AND (holder IS NULL OR held_until < {now} OR NOT EXISTS (SELECT 1 FROM fleet_workers w WHERE w.instance = holder))
			AND NOT EXISTS (SELECT 1 FROM fleet_workers w WHERE w.host = fleet_shops.host AND w.draining = 1)
		RETURNING fence, run_fence, copy_fence, copy_key, copy_sha256, ended_fence, ended_code, previous_parts`,
		instance, lease.Milliseconds(), parts, shop, host).
		Scan(&c.fence, &c.runFence, &c.copied.fence, &key, &sum, &c.ended, &code, &previous)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, d.whyNot(ctx, shop, host)
	}
	if err != nil {
		return nil, fmt.Errorf("claim the shop: %w", err)
	}
	c.copied.key, c.copied.sha256, c.code, c.parts, c.until = key.String, sum.String, int(code.Int64), previous.String, asked.Add(lease)
	return c, nil
}

func (d *Database) whyNot(ctx context.Context, shop, host string) error {
	var at string
	var moves, drained bool
	err := d.row(ctx, `SELECT host, move_to IS NOT NULL, EXISTS (SELECT 1 FROM fleet_workers w WHERE w.host = f.host AND w.draining = 1)
		FROM fleet_shops f WHERE shop = $1`, shop).Scan(&at, &moves, &drained)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errUnknown
	case err != nil:
		return fmt.Errorf("claim the shop: %w", err)
	case at != host:
		return errElsewhere
	case moves:
		return errMoves
	case drained:
		return errDrained
	}
	return errHeld
}

// unfinished tells whether the run before was for the same parts and came to no end of its own: it is gone on with.
func (c *claim) unfinished(parts string) bool {
	return c.runFence > 0 && c.parts == parts && (c.ended != c.runFence || c.code == codeFailed || c.code == codeInterrupted)
}

// renew keeps the shop for another lease; errLost where it is not this process's any more.
func (c *claim) renew(ctx context.Context) (until time.Time, err error) {
	asked := time.Now()
	n, err := c.db.exec(ctx, `UPDATE fleet_shops SET held_until = {now} + $1 WHERE shop = $2 AND host = $3 AND fence = $4 AND holder = $5`,
		c.time.Milliseconds(), c.shop, c.host, c.fence, c.by)
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("keep the shop: %w", err)
	case n == 0:
		return time.Time{}, errLost
	}
	return asked.Add(c.time), nil
}

// raise makes the number greater than one that was seen elsewhere, as after a backup of the database was put back.
func (c *claim) raise(ctx context.Context, seen int64) error {
	if seen < c.fence {
		return nil
	}
	n, err := c.db.exec(ctx, "UPDATE fleet_shops SET fence = $1 WHERE shop = $2 AND fence = $3 AND holder = $4", seen+1, c.shop, c.fence, c.by)
	if err != nil {
		return fmt.Errorf("claim the shop: %w", err)
	}
	if n == 0 {
		return errLost
	}
	c.fence = seen + 1
	return nil
}

// begin notes that something is run under this claim: a copy that was made before it is then no longer what Optiply holds.
func (c *claim) begin(ctx context.Context) error {
	if err := c.update(ctx, "run_fence = $1", c.fence); err != nil {
		return err
	}
	c.begun = true
	return nil
}

// keepCopy notes the copy that was made after the run.
func (c *claim) keepCopy(ctx context.Context, ref copyRef, bytes int64) error {
	return c.update(ctx, "copy_fence = $1, copy_key = $2, copy_sha256 = $3, copy_bytes = $4", ref.fence, ref.key, ref.sha256, bytes)
}

// unchanged notes that the run has written nothing, so that the copy before it is still the newest there can be.
func (c *claim) unchanged(ctx context.Context) error {
	if c.copied.fence != c.runFence {
		return nil
	}
	return c.update(ctx, "run_fence = $1", c.runFence)
}

// release gives the shop back, with how the run ended.
func (c *claim) release(ctx context.Context, code int) error {
	return c.update(ctx, "holder = NULL, held_until = 0, ended_at = {now}, ended_fence = run_fence, ended_code = $1, ended_host = host", code)
}

// giveBack is release for a claim under which nothing was begun.
func (c *claim) giveBack(ctx context.Context) error {
	return c.update(ctx, "holder = NULL, held_until = 0, began_parts = previous_parts")
}

// update changes the shop's row as long as this process holds it.
func (c *claim) update(ctx context.Context, set string, args ...any) error {
	n := len(args)
	n64, err := c.db.exec(ctx, fmt.Sprintf("UPDATE fleet_shops SET %s WHERE shop = $%d AND fence = $%d AND holder = $%d", set, n+1, n+2, n+3), append(args, c.shop, c.fence, c.by)...)
	if err != nil {
		return fmt.Errorf("note the run: %w", err)
	}
	if n64 == 0 {
		return errLost
	}
	return nil
}
