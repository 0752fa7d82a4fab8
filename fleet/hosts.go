package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"
)

var errTaken = errors.New("another worker has taken this host's name: give each machine its own with --host")

func silent() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// register takes the host's name. A worker that died in this folder is followed at once, because the folder's lock was free;
// one of another place must have been silent for a lease.
func (w *Worker) register(ctx context.Context, folder string) error {
	machine, _ := os.Hostname()
	place := machine + ":" + folder
	n, err := w.db.exec(ctx, `INSERT INTO fleet_workers (host, instance, place, slots, started_at, seen_at) VALUES ($1, $2, $3, $4, {now}, {now})
		ON CONFLICT (host) DO UPDATE SET instance = excluded.instance, place = excluded.place, slots = excluded.slots, started_at = excluded.started_at,
			seen_at = excluded.seen_at, draining = 0
		WHERE fleet_workers.place = excluded.place OR fleet_workers.seen_at < excluded.seen_at - $5`,
		w.Host, w.instance, place, w.Parallel, w.Lease.Milliseconds())
	if err != nil {
		return fmt.Errorf("join the fleet: %w", err)
	}
	if n == 0 {
		return errTaken
	}
	return nil
}

func (w *Worker) seen(ctx context.Context) error {
	n, err := w.db.exec(ctx, "UPDATE fleet_workers SET seen_at = {now} WHERE host = $1 AND instance = $2", w.Host, w.instance)
	if err == nil && n == 0 {
		w.stop(errTaken)
	}
	return err
}

// settle moves shops that are to be moved and that nobody holds, and has their jobs follow them.
func (d *Database) settle(ctx context.Context, lease time.Duration) error {
	_, err := d.exec(ctx, `UPDATE fleet_shops SET host = move_to, move_to = NULL, holder = NULL, held_until = 0
		WHERE move_to IS NOT NULL AND (holder IS NULL OR held_until < {now})`)
	if err == nil {
		_, err = d.exec(ctx, `UPDATE river_job SET queue = (SELECT host FROM fleet_shops s WHERE s.shop = river_job.args ->> 'shop')
			WHERE kind = '`+kind+`' AND state IN ('available', 'scheduled', 'retryable', 'pending')
				AND queue <> (SELECT host FROM fleet_shops s WHERE s.shop = river_job.args ->> 'shop')`)
	}
	if err == nil {
		// The jobs of a worker that was not heard of for a lease wait again, and those of an earlier process of a host at once.
		_, err = d.exec(ctx, `UPDATE river_job SET state = 'available', scheduled_at = {timestamp}
			WHERE kind = '`+kind+`' AND state = 'running'
				AND NOT EXISTS (SELECT 1 FROM fleet_workers w WHERE w.instance = {by} AND w.seen_at > {now} - $1)`, lease.Milliseconds())
	}
	return described("put the fleet right", err)
}

// rescue has jobs wait again that are this worker's by the table, and that it does not work on: the database was away when
// their end was to be written. They are looked at twice, a lease apart, because an end can be on its way.
func (w *Worker) rescue(ctx context.Context) error {
	rows, err := w.db.query(ctx, "SELECT id FROM river_job WHERE kind = '"+kind+"' AND state = 'running' AND {by} = $1", w.instance)
	if err != nil {
		return fmt.Errorf("look for jobs that were left: %w", err)
	}
	var ids []int64
	for rows.Next() {
		var id int64
		if err = rows.Scan(&id); err != nil {
			break
		}
		ids = append(ids, id)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("look for jobs that were left: %w", err)
	}
	w.mu.Lock()
	var left []int64
	still := map[int64]time.Time{}
	for _, id := range ids {
		since, known := w.orphans[id]
		switch {
		case w.working[id]:
		case !known:
			still[id] = time.Now()
		case time.Since(since) < w.Lease:
			still[id] = since
		default:
			left = append(left, id)
		}
	}
	w.orphans = still
	w.mu.Unlock()
	for _, id := range left {
		_, err := w.db.exec(ctx, "UPDATE river_job SET state = 'available', scheduled_at = {timestamp} WHERE id = $1 AND state = 'running' AND {by} = $2", id, w.instance)
		if err != nil {
			return fmt.Errorf("have a job wait again: %w", err)
		}
	}
	return nil
}
