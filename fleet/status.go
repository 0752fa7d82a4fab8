package fleet

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ShopStatus is one shop as `fleet status` shows it. Its JSON is a contract.
type ShopStatus struct {
	Shop     string     `json:"shop"`
	Host     string     `json:"host"`
	MoveTo   string     `json:"move_to,omitempty"`
	Running  bool       `json:"running"`
	BeganAt  *time.Time `json:"began_at"` // the run that goes on, or the last one
	Parts    string     `json:"parts"`    // of that run; empty for all
	EndedAt  *time.Time `json:"ended_at"` // the last run that ended
	ExitCode *int       `json:"exit_code"`
	EndedOn  string     `json:"ended_on,omitempty"` // the host that ran it
	NextAt   *time.Time `json:"next_at"`            // by its schedule
	Queue    string     `json:"queue,omitempty"`    // waits, or is to be tried again
	RetryAt  *time.Time `json:"retry_at,omitempty"`
	Copied   bool       `json:"copied"` // storage has a copy made after the last run
}

// WorkerStatus is one machine.
type WorkerStatus struct {
	Host     string    `json:"host"`
	Alive    bool      `json:"alive"`
	Draining bool      `json:"draining"`
	Slots    int       `json:"slots"`
	Shops    int       `json:"shops"`
	Running  int       `json:"running"`
	SeenAt   time.Time `json:"seen_at"`
}

// Status is the whole fleet.
type Status struct {
	Workers []WorkerStatus `json:"workers"`
	Shops   []ShopStatus   `json:"shops"`
}

// Status reads it; a worker that was not heard of for a lease is not alive.
func (d *Database) Status(ctx context.Context, lease time.Duration) (*Status, error) {
	s := &Status{Workers: []WorkerStatus{}, Shops: []ShopStatus{}}
	if err := d.readWorkers(ctx, s, lease); err != nil {
		return nil, fmt.Errorf("read the workers: %w", err)
	}
	if err := d.readShops(ctx, s); err != nil {
		return nil, fmt.Errorf("read the shops: %w", err)
	}
	if err := d.readQueue(ctx, s); err != nil {
		return nil, fmt.Errorf("read the queue: %w", err)
	}
	return s, nil
}

func (d *Database) readWorkers(ctx context.Context, s *Status, lease time.Duration) error {
	rows, err := d.query(ctx, `SELECT host, seen_at > {now} - $1, draining, slots, seen_at,
			(SELECT count(*) FROM fleet_shops f WHERE f.host = w.host),
			(SELECT count(*) FROM fleet_shops f WHERE f.host = w.host AND f.holder = w.instance AND f.held_until > {now})
		FROM fleet_workers w ORDER BY host`, lease.Milliseconds())
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var w WorkerStatus
		var draining, seen int64
		if err := rows.Scan(&w.Host, &w.Alive, &draining, &w.Slots, &seen, &w.Shops, &w.Running); err != nil {
			return err
		}
		w.Draining, w.SeenAt = draining != 0, time.UnixMilli(seen).UTC()
		s.Workers = append(s.Workers, w)
	}
	return rows.Err()
}

func (d *Database) readShops(ctx context.Context, s *Status) error {
	rows, err := d.query(ctx, `SELECT shop, host, coalesce(move_to, ''), holder IS NOT NULL AND held_until > {now}, began_at, coalesce(began_parts, ''), ended_at, ended_code,
			coalesce(ended_host, ''), (SELECT min(next_at) FROM fleet_schedule c WHERE c.shop = f.shop), run_fence > 0 AND copy_fence = run_fence
		FROM fleet_shops f ORDER BY shop`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var f ShopStatus
		var began, ended, code, next sql.NullInt64
		if err := rows.Scan(&f.Shop, &f.Host, &f.MoveTo, &f.Running, &began, &f.Parts, &ended, &code, &f.EndedOn, &next, &f.Copied); err != nil {
			return err
		}
		f.BeganAt, f.EndedAt, f.NextAt = moment(began), moment(ended), moment(next)
		if code.Valid {
			n := int(code.Int64)
			f.ExitCode = &n
		}
		s.Shops = append(s.Shops, f)
	}
	return rows.Err()
}

func moment(ms sql.NullInt64) *time.Time {
	if !ms.Valid {
		return nil
	}
	t := time.UnixMilli(ms.Int64).UTC()
	return &t
}

func (d *Database) readQueue(ctx context.Context, s *Status) error {
	rows, err := d.query(ctx, `SELECT args ->> 'shop', state, {scheduled} FROM river_job WHERE kind = '`+kind+`'
		AND state IN ('available', 'scheduled', 'retryable', 'pending') ORDER BY id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var shop, state string
		var at int64
		if err := rows.Scan(&shop, &state, &at); err != nil {
			return err
		}
		i := slices.IndexFunc(s.Shops, func(f ShopStatus) bool { return f.Shop == shop })
		if i < 0 {
			continue
		}
		t := time.UnixMilli(at).UTC()
		if state == "retryable" {
			s.Shops[i].Queue, s.Shops[i].RetryAt = "retry", &t
		} else if s.Shops[i].Queue == "" {
			s.Shops[i].Queue = "waits"
		}
	}
	return rows.Err()
}

// Planned is a shop with its schedule, as its configuration has it.
type Planned struct {
	Shop  string
	Lines []Line
}

// Line is one line of a schedule.
type Line struct {
	Parts string
	Cron  string
}

// Schedule takes over the schedules of shops, and gives new shops a host: the one that is named, else the worker with the
// fewest shops. With prune it forgets the shops that are not among them. A line that has not changed keeps its next time.
func (d *Database) Schedule(ctx context.Context, shops []Planned, host string, prune bool, lease time.Duration, now time.Time) (placed []ShopStatus, err error) {
	for _, p := range shops {
		at, fresh, err := d.place(ctx, p.Shop, host, lease)
		if err != nil {
			return placed, err
		}
		if fresh {
			placed = append(placed, ShopStatus{Shop: p.Shop, Host: at})
		}
		if err := d.writeLines(ctx, p, now); err != nil {
			return placed, fmt.Errorf("write the schedule of %s: %w", p.Shop, err)
		}
	}
	if prune {
		err = d.prune(ctx, shops)
	}
	return placed, err
}

// NoWorkerError means that there is no machine that a shop could be given to.
type NoWorkerError struct{ Shop, Drained string }

func (e *NoWorkerError) Error() string {
	if e.Drained != "" {
		return fmt.Sprintf("no worker is there to give %s to: %s takes no more shops, and keeps this one. Start `fleet serve` on another machine, and drain %s again", e.Shop, e.Drained, e.Drained)
	}
	return "no worker is there to give " + e.Shop + " to: start `fleet serve` on a machine first, or name the machine with --host"
}

func (d *Database) place(ctx context.Context, shop, host string, lease time.Duration) (at string, fresh bool, err error) {
	err = d.row(ctx, "SELECT host FROM fleet_shops WHERE shop = $1", shop).Scan(&at)
	if err == nil {
		return at, false, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return "", false, fmt.Errorf("place %s: %w", shop, err)
	}
	if at = host; at == "" {
		if at, err = d.roomiest(ctx, lease, ""); err != nil {
			return "", false, err
		}
		if at == "" {
			return "", false, &NoWorkerError{Shop: shop}
		}
	}
	_, err = d.exec(ctx, "INSERT INTO fleet_shops (shop, host) VALUES ($1, $2) ON CONFLICT (shop) DO NOTHING", shop, at)
	return at, true, described("place "+shop, err)
}

// roomiest is the living worker with the fewest shops for what it can run at a time; empty where there is none.
func (d *Database) roomiest(ctx context.Context, lease time.Duration, not string) (host string, err error) {
	err = d.row(ctx, `SELECT host FROM fleet_workers w WHERE draining = 0 AND seen_at > {now} - $1 AND host <> $2
		ORDER BY (SELECT count(*) FROM fleet_shops f WHERE coalesce(f.move_to, f.host) = w.host) * 1.0 / slots, host LIMIT 1`, lease.Milliseconds(), not).Scan(&host)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return host, described("look for a worker", err)
}

func (d *Database) writeLines(ctx context.Context, p Planned, now time.Time) error {
	parts := []any{p.Shop}
	holes := []string{}
	for _, l := range p.Lines {
		next, err := nextTime(l.Cron, now)
		if err != nil {
			return err
		}
		_, err = d.exec(ctx, `INSERT INTO fleet_schedule (shop, parts, cron, next_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (shop, parts) DO UPDATE SET cron = excluded.cron, next_at = excluded.next_at WHERE fleet_schedule.cron <> excluded.cron`,
			p.Shop, l.Parts, l.Cron, next.UnixMilli())
		if err != nil {
			return err
		}
		parts = append(parts, l.Parts)
		holes = append(holes, fmt.Sprintf("$%d", len(parts)))
	}
	statement := "DELETE FROM fleet_schedule WHERE shop = $1"
	if len(holes) > 0 {
		statement += " AND parts NOT IN (" + strings.Join(holes, ", ") + ")"
	}
	_, err := d.exec(ctx, statement, parts...)
	return err
}

// prune forgets shops that have no configuration any more, with what waits for them. One that runs is left for the next time.
func (d *Database) prune(ctx context.Context, shops []Planned) error {
	status, err := d.Status(ctx, time.Hour)
	if err != nil {
		return err
	}
	for _, f := range status.Shops {
		if f.Running || slices.ContainsFunc(shops, func(p Planned) bool { return p.Shop == f.Shop }) {
			continue
		}
		for _, statement := range []string{
			"DELETE FROM fleet_schedule WHERE shop = $1",
			"DELETE FROM river_job WHERE kind = '" + kind + "' AND state <> 'running' AND args ->> 'shop' = $1",
			"DELETE FROM fleet_shops WHERE shop = $1 AND holder IS NULL",
		} {
			if _, err := d.exec(ctx, statement, f.Shop); err != nil {
				return fmt.Errorf("forget %s: %w", f.Shop, err)
			}
		}
	}
	return nil
}

// Move gives a shop to another host: at once where nobody runs it, else when its run has ended. moved tells which.
func (d *Database) Move(ctx context.Context, shop, to string, lease time.Duration) (moved bool, err error) {
	var known bool
	if err := d.row(ctx, "SELECT count(*) > 0 FROM fleet_workers WHERE host = $1", to).Scan(&known); err != nil {
		return false, fmt.Errorf("move %s: %w", shop, err)
	}
	if !known {
		return false, &UnknownHostError{to}
	}
	n, err := d.exec(ctx, "UPDATE fleet_shops SET move_to = CASE WHEN host = $1 THEN NULL ELSE $1 END WHERE shop = $2", to, shop)
	if err != nil {
		return false, fmt.Errorf("move %s: %w", shop, err)
	}
	if n == 0 {
		return false, &UnknownShopError{shop}
	}
	if err := d.settle(ctx, lease); err != nil {
		return false, err
	}
	var at string
	err = d.row(ctx, "SELECT host FROM fleet_shops WHERE shop = $1", shop).Scan(&at)
	return at == to, described("move "+shop, err)
}

// UnknownHostError means that no worker has ever called itself that.
type UnknownHostError struct{ Host string }

func (e *UnknownHostError) Error() string {
	return e.Host + ": no worker of that name has ever been there; `fleet status` lists them"
}

// Drain has a host take no more shops: those that it has go to the other workers, each when its run has ended. It returns
// where they go; none where there is no other worker.
func (d *Database) Drain(ctx context.Context, host string, lease time.Duration) (moves []ShopStatus, err error) {
	n, err := d.exec(ctx, "UPDATE fleet_workers SET draining = 1 WHERE host = $1", host)
	if err != nil {
		return nil, fmt.Errorf("drain %s: %w", host, err)
	}
	if n == 0 {
		return nil, &UnknownHostError{host}
	}
	status, err := d.Status(ctx, lease)
	if err != nil {
		return nil, err
	}
	for _, f := range status.Shops {
		if f.Host != host {
			continue
		}
		to, err := d.roomiest(ctx, lease, host)
		if err != nil {
			return moves, err
		}
		if to == "" {
			return moves, &NoWorkerError{Shop: f.Shop, Drained: host}
		}
		if _, err := d.Move(ctx, f.Shop, to, lease); err != nil {
			return moves, err
		}
		moves = append(moves, ShopStatus{Shop: f.Shop, Host: host, MoveTo: to, Running: f.Running})
	}
	return moves, nil
}
