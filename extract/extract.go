// Package extract reads a shop's streams into a run file: page by page as Magento sent them, with a proof of what was
// read (run.streams, run.coverage) and the name of every record that was not (run.issues).
//
// A window in time is fixed before its first request, by the shop's own clock, and kept in the run file, so that a killed
// extraction goes on with the same window (DESIGN.md section 6.2 and 6.10).
package extract

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"magento-optiply/config"
	"magento-optiply/magento"
	"magento-optiply/store"
)

// Parts are what a run is for (--only). A run without --only is for all of them.
type Parts struct{ Products, Stocks, Deletions, SellOrders bool }

// All is a run for everything.
func All() Parts { return Parts{true, true, true, true} }

// Progress hears what is read, to draw it. Its methods are called from several goroutines.
type Progress interface {
	Begin(stream string, total int64) // total rows, -1 where it is not known
	Add(stream string, rows int)
	End(stream string)
}

// Job is one extraction.
type Job struct {
	Run    *store.Run
	Client *magento.Client
	Config *config.Config
	Parts  Parts
	Full   bool // read all products whatever full_every says, and what is only staged from start_date on
	// Streams are read beyond what the parts need; with OnlyStreams nothing else is.
	Streams     []string
	OnlyStreams bool
	Recorded    bool // the shop is a fixture set, whose clock stands at the night it was recorded
	Now         func() time.Time
	Progress    Progress
	Log         *slog.Logger
	// Whole hears which streams have been read to their end, as far as this run reads them. It may be nil.
	Whole func(streams ...string)
	// Requests counts every attempt of Client, retries included; its OnRequest feeds it.
	Requests *RequestCount

	shopNow time.Time
	full    bool
	stores  []partition // those of magento.store_id
	views   []storeView // all that the shop has
	probed  probed
}

// RequestCount counts attempts.
type RequestCount struct{ all, retries atomic.Int64 }

// Count is for magento.Config.OnRequest.
func (c *RequestCount) Count(info magento.RequestInfo) {
	c.all.Add(1)
	if info.Attempt > 1 {
		c.retries.Add(1)
	}
}

// Result is what an extraction read.
type Result struct {
	ProductsFull bool
	Streams      []Stream
}

// Stream is one row of run.streams.
type Stream struct {
	Stream, StoreCode, Part string
	Rows, Pages, Requests   int64
	Retries, Quarantined    int64
	Bytes                   int64
	Seconds                 float64
	Complete                bool
	Reason                  string
	Note                    string
}

// UsageError is a setting that does not fit the shop, such as a store that it does not have.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// Extract reads what the parts need, in the order in which one depends on another. It may be called again on the same
// run file after a kill or an error: what is complete is left, the rest goes on where it stopped.
func (j *Job) Extract(ctx context.Context) (*Result, error) {
	steps := []struct {
		read  func(context.Context) error
		whole []string
	}{
		{j.readStores, nil},   // who sells, and what time it is there
		{j.readProducts, nil}, // all, which are whole then, or those that changed
		{j.readOrders, []string{"orders"}},
		{j.readProductsByID, []string{"products"}}, // rows that wait for another try, and products that only orders know
		{j.lookAgain, nil},                         // products that seem to be gone
		{j.readStock, []string{"sources", "source_items", "stock_items", "stock_statuses"}},
		{j.readMore, nil}, // what was named beyond that
	}
	j.shopNow = time.Time{}
	for _, step := range steps {
		if err := step.read(ctx); err != nil {
			return nil, j.refusesStores(ctx, err)
		}
		j.whole(step.whole...)
	}
	if _, err := j.Run.DB.ExecContext(ctx, "UPDATE run.info SET extracted_at = ?", j.Now().UTC()); err != nil {
		return nil, fmt.Errorf("finish the extraction: %w", err)
	}
	streams, err := Streams(ctx, j.Run.DB)
	return &Result{ProductsFull: j.full, Streams: streams}, err
}

func (j *Job) whole(streams ...string) {
	if j.Whole != nil && len(streams) > 0 {
		j.Whole(streams...)
	}
}

// Streams reads run.streams.
func Streams(ctx context.Context, db *sql.DB) ([]Stream, error) {
	rows, err := db.QueryContext(ctx, `SELECT stream, store_code, part, rows, pages, requests, retries, quarantined, bytes, seconds, complete,
		coalesce(reason, ''), coalesce(note, '') FROM run.streams ORDER BY rowid`)
	if err != nil {
		return nil, fmt.Errorf("read run.streams: %w", err)
	}
	defer rows.Close()
	var list []Stream
	for rows.Next() {
		var s Stream
		if err := rows.Scan(&s.Stream, &s.StoreCode, &s.Part, &s.Rows, &s.Pages, &s.Requests, &s.Retries, &s.Quarantined, &s.Bytes,
			&s.Seconds, &s.Complete, &s.Reason, &s.Note); err != nil {
			return nil, fmt.Errorf("read run.streams: %w", err)
		}
		list = append(list, s)
	}
	return list, rows.Err()
}
