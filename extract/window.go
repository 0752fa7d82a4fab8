package extract

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// fullTolerance lets a nightly cron that starts a little early still read all products: full_every counts from start to
// start, and a tenth less is enough.
const fullTolerance = 10

// isFull decides whether the products listing is read whole, and keeps the decision for a resumed run.
func (j *Job) isFull(ctx context.Context) (bool, error) {
	var decided sql.NullBool
	if err := j.Run.DB.QueryRowContext(ctx, "SELECT products_full FROM run.info").Scan(&decided); err != nil {
		return false, fmt.Errorf("read run.info: %w", err)
	}
	if decided.Valid {
		return decided.Bool, nil
	}
	// Deletions alone need the whole listing; with products they wait for the night that reads it anyway.
	full := j.Parts.Deletions && !j.Parts.Products || j.Parts.Products && j.Full
	for _, st := range j.listings() {
		if full || !j.Parts.Products {
			break
		}
		due, err := j.fullIsDue(ctx, st)
		if err != nil {
			return false, err
		}
		full = due // for one store is for all: a store that was added has no window to begin from
	}
	_, err := j.Run.DB.ExecContext(ctx, "UPDATE run.info SET products_full = ?", full)
	if err != nil {
		return false, fmt.Errorf("keep the kind of run: %w", err)
	}
	return full, nil
}

// fullIsDue tells whether full_every has passed since a store's products were last read whole for each part that needs it.
// Deletions count for themselves: a run --only products reads the listing whole and looks at no deletion.
func (j *Job) fullIsDue(ctx context.Context, s partition) (bool, error) {
	marks := []string{"products_full"}
	if j.Parts.Deletions && j.Config.Sync.SyncProductDeletions {
		marks = append(marks, "deletions_full")
	}
	every := j.Config.Magento.FullEvery
	for _, mark := range marks {
		last, err := j.bookmark(ctx, mark, s.code)
		if err != nil {
			return false, err
		}
		if every == 0 || last.IsZero() || j.shopNow.Sub(last) >= every-every/fullTolerance {
			return true, nil
		}
	}
	return false, nil
}

// bookmark is how far a stream of a store has got; zero where it never has. One that lies ahead of the shop's clock was
// made when that clock was wrong: what was read then ended when that run began.
func (j *Job) bookmark(ctx context.Context, stream, storeCode string) (time.Time, error) {
	var value time.Time
	var began sql.NullTime
	err := j.Run.DB.QueryRowContext(ctx, `SELECT b.value, r.started_at FROM state.bookmarks b LEFT JOIN state.runs r USING (run_id)
		WHERE b.stream = ? AND b.store_code = ?`, stream, storeCode).Scan(&value, &began)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("read the bookmark of %s: %w", stream, err)
	}
	if value.After(j.shopNow) && began.Valid && began.Time.Before(value) {
		value = began.Time
	}
	return value.UTC(), nil
}

// window is the time that a stream is read for: from the bookmark minus the overlap, or from start_date, up to now minus
// the lag. The overlap catches what was written late into a second that had passed, the lag what is being written.
func (j *Job) window(ctx context.Context, stream, storeCode string) (start, end time.Time, err error) {
	m := j.Config.Magento
	mark, err := j.bookmark(ctx, stream, storeCode)
	if err != nil {
		return start, end, err
	}
	start = m.StartDate
	if !mark.IsZero() {
		start = mark.Add(-m.Overlap)
	}
	end = j.shopNow.Add(-m.Lag).Truncate(time.Second)
	if !m.EndDate.IsZero() && m.EndDate.Before(end) {
		end = m.EndDate
	}
	return start, end, nil
}
