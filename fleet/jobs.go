package fleet

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"github.com/robfig/cron/v3"
)

// Job is one run of one shop. It goes into the queue's tables, where others read it: it holds no address and no secret.
type Job struct {
	Shop  string `json:"shop" river:"unique"`
	Parts string `json:"parts" river:"unique"` // as --only has them; empty for all
	Full  bool   `json:"full,omitempty"`
}

const kind = "shop_run"

// Kind names the kind of job.
func (Job) Kind() string { return kind }

// InsertOpts let a shop's job be queued once: while one waits, runs, or is to be tried again, another one for the same parts is
// not piled up. A job for other parts waits until the shop is free.
func (Job) InsertOpts() river.InsertOpts {
	return river.InsertOpts{UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled}}}
}

// Queued is what became of a wish to run a shop.
type Queued struct {
	Shop  string `json:"shop"`
	Host  string `json:"host"`
	State string `json:"state"` // queued; or what the job that is there already does: waits, runs, is tried again
	New   bool   `json:"new"`
	// NotFull: all products were to be read, and the job that is there already was not asked to.
	NotFull bool `json:"not_full,omitempty"`
}

// Enqueue has a shop run as soon as its machine has room.
func (d *Database) Enqueue(ctx context.Context, job Job, retries int) (Queued, error) {
	client, err := d.queue(&river.Config{Logger: silent(), MaxAttempts: retries + 1})
	if err != nil {
		return Queued{}, err
	}
	return d.insert(ctx, client, job)
}

func (d *Database) insert(ctx context.Context, client queue, job Job) (Queued, error) {
	q := Queued{Shop: job.Shop, State: "queued", New: true}
	err := d.row(ctx, "SELECT host FROM fleet_shops WHERE shop = $1", job.Shop).Scan(&q.Host)
	if errors.Is(err, sql.ErrNoRows) {
		return q, &UnknownShopError{job.Shop}
	}
	if err != nil {
		return q, fmt.Errorf("queue %s: %w", job.Shop, err)
	}
	result, err := client.Insert(ctx, job, &river.InsertOpts{Queue: q.Host})
	if err != nil {
		return q, fmt.Errorf("queue %s: %w", job.Shop, err)
	}
	if result.UniqueSkippedAsDuplicate {
		q.New = false
		var there Job
		if err := json.Unmarshal(result.Job.EncodedArgs, &there); err != nil {
			return q, fmt.Errorf("queue %s: read the job that is there: %w", job.Shop, err)
		}
		q.NotFull = job.Full && !there.Full
		switch result.Job.State {
		case rivertype.JobStateRunning:
			q.State = "runs"
		case rivertype.JobStateRetryable:
			q.State = "is tried again"
		default:
			q.State = "waits"
		}
	}
	return q, nil
}

// UnknownShopError means that the fleet has no such shop.
type UnknownShopError struct{ Shop string }

func (e *UnknownShopError) Error() string { return e.Shop + ": " + errUnknown.Error() }

// parser reads cron expressions of five fields, with an optional time zone before them.
func parser() cron.Parser {
	return cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
}

// CheckCron tells what is wrong with a cron expression.
func CheckCron(expression string) error {
	_, err := nextTime(expression, time.Now())
	return err
}

// nextTime is when an expression is next due after a time; in UTC where the expression names no other zone.
func nextTime(expression string, after time.Time) (time.Time, error) {
	schedule, err := parser().Parse(expression)
	if err != nil {
		return time.Time{}, err
	}
	next := schedule.Next(after.UTC())
	if next.IsZero() {
		return next, errors.New("it never comes")
	}
	return next, nil
}

// queueDue queues what is due. A time that has passed while nobody was there is queued once, however often it passed. The job
// is queued before the next time is written, so that a process that dies between them loses none; the next one that tries
// finds the job there already. What is wrong with one shop keeps no other from its time.
func (d *Database) queueDue(ctx context.Context, client queue, now time.Time) error {
	type due struct {
		shop, parts, cron string
		at                int64
	}
	rows, err := d.query(ctx, "SELECT shop, parts, cron, next_at FROM fleet_schedule WHERE next_at <= $1 ORDER BY next_at, shop LIMIT 500", now.UnixMilli())
	if err != nil {
		return fmt.Errorf("read what is due: %w", err)
	}
	var list []due
	for rows.Next() {
		var e due
		if err = rows.Scan(&e.shop, &e.parts, &e.cron, &e.at); err != nil {
			break
		}
		list = append(list, e)
	}
	if err := errors.Join(err, rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("read what is due: %w", err)
	}
	var wrong error
	for _, e := range list {
		next, err := nextTime(e.cron, now)
		if err != nil {
			err = fmt.Errorf("schedule of %s: %w", e.shop, err)
		} else if _, err = d.insert(ctx, client, Job{Shop: e.shop, Parts: e.parts}); err == nil {
			_, err = d.exec(ctx, "UPDATE fleet_schedule SET next_at = $1 WHERE shop = $2 AND parts = $3 AND next_at = $4", next.UnixMilli(), e.shop, e.parts, e.at)
			err = described("note when "+e.shop+" is due next", err)
		}
		wrong = cmp.Or(wrong, err) // the first one is told
	}
	return wrong
}
