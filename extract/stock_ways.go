package extract

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"magento-optiply/config"
	"magento-optiply/magento"
)

//go:embed sql/stock_plan.sql
var stockPlanSQL string

// The short cuts to the stock, as run.stock_ways and run.stock_plan name them.
const (
	wayBulk    = "bulk"
	wayChanged = "changed"
)

// way is a short cut that was looked at: a row of run.stock_ways.
type way struct {
	used     bool
	website  string // whose stock the salable quantities are of; empty for physical ones
	products int    // that the pages of the export are cut from
	pageSize int    // of the export
	reason   string // why it is not used; empty also where it would only cost more requests

	first []byte // the export's first page, as the probe has read it
}

// salable tells whether the stock mode wants the salable quantity, which is a website's, or the physical one.
func (j *Job) salable() bool { return j.Config.Sync.StockMode() == config.StockSalable }

// planStock makes run.stock_plan: whose stock this run needs. It comes out the same in a resumed run.
func (j *Job) planStock(ctx context.Context) error {
	_, err := j.Run.DB.ExecContext(ctx, "DELETE FROM run.stock_plan")
	if err == nil {
		_, err = j.Run.DB.ExecContext(ctx, stockPlanSQL, j.Parts.Stocks, j.full)
	}
	if err != nil {
		return fmt.Errorf("find the products whose stock is needed: %w", err)
	}
	return nil
}

// shortCuts finds out which stock need not be asked for SKU by SKU: what cannot have changed (stock_refresh: changed), and what
// the bulk listings answer (stock_bulk: auto). Where the shop does not allow a short cut it is asked for SKU by SKU, which the
// note says.
func (j *Job) shortCuts(ctx context.Context) (note string, err error) {
	if j.OnlyStreams {
		return "", nil // what was named is read, and nothing else
	}
	var notes []string
	var changed, bulk way
	if j.Config.Sync.StockRefresh == config.StockRefreshChanged && j.Parts.Stocks {
		if changed, err = j.decide(ctx, wayChanged, j.seeChanges); err != nil {
			return "", err
		}
		notes = append(notes, changed.reason)
		if err := j.keepUnchanged(ctx, changed); err != nil {
			return "", err
		}
	}
	if j.Config.Sync.StockBulk == config.StockBulkAuto {
		if bulk, err = j.decide(ctx, wayBulk, j.probeBulk); err != nil {
			return "", err
		}
		if bulk.used {
			if bulk, err = j.takeBulk(ctx, bulk); err != nil {
				return "", err
			}
			if changed.used { // for what the listings lack
				err = j.keepUnchanged(ctx, changed)
			}
			if err != nil {
				return "", err
			}
		}
		notes = append(notes, bulk.reason)
	}
	return strings.TrimPrefix(strings.Join(notes, "; "), "; "), nil
}

// decide looks whether a short cut can be taken, once a run: a resumed one goes the way that was begun.
func (j *Job) decide(ctx context.Context, name string, find func(context.Context) (way, error)) (w way, err error) {
	err = j.Run.DB.QueryRowContext(ctx, `SELECT used, coalesce(website, ''), coalesce(products, 0), coalesce(page_size, 0), coalesce(reason, '')
		FROM run.stock_ways WHERE way = ?`, name).Scan(&w.used, &w.website, &w.products, &w.pageSize, &w.reason)
	if err == nil {
		return w, nil
	}
	if !errors.Is(err, sql.ErrNoRows) {
		return w, fmt.Errorf("read run.stock_ways: %w", err)
	}
	before, err := j.unaccounted(ctx)
	if err != nil {
		return w, err
	}
	if w, err = find(ctx); err != nil {
		return w, err
	}
	after, err := j.unaccounted(ctx)
	if err != nil {
		return w, err
	}
	j.probed.requests += after.requests - before.requests
	j.probed.retries += after.retries - before.retries
	return w, j.keepWay(ctx, name, w)
}

// probed are requests that no part of a stream has counted: those of a probe. The next part of stock_statuses takes them over.
type probed struct{ requests, retries int64 }

func (j *Job) unaccounted(ctx context.Context) (p probed, err error) {
	err = j.Run.DB.QueryRowContext(ctx, "SELECT coalesce(sum(requests), 0)::BIGINT, coalesce(sum(retries), 0)::BIGINT FROM run.streams").Scan(&p.requests, &p.retries)
	if err != nil {
		return p, fmt.Errorf("read run.streams: %w", err)
	}
	return probed{j.Requests.all.Load() - p.requests, j.Requests.retries.Load() - p.retries}, nil
}

// takeOver counts the requests of the probes as this part's.
func (p *part) takeOver() {
	p.requests -= p.job.probed.requests
	p.retries -= p.job.probed.retries
	p.job.probed = probed{}
}

func (j *Job) keepWay(ctx context.Context, name string, w way) error {
	if w.reason != "" {
		j.Log.Warn("the stock is asked for one SKU after another", "because", w.reason)
	}
	_, err := j.Run.DB.ExecContext(ctx, "INSERT OR REPLACE INTO run.stock_ways VALUES (?, ?, nullif(?, ''), ?, ?, nullif(?, ''))",
		name, w.used, w.website, w.products, w.pageSize, w.reason)
	if err != nil {
		return fmt.Errorf("keep the way to the stock: %w", err)
	}
	return nil
}

// refused tells whether the shop does not answer a short cut, so that the stock has to be asked for SKU by SKU: it lacks the
// endpoint or the permission, or fails at it. A shop that is away or overloaded fails at everything.
func refused(ctx context.Context, err error) *magento.Error {
	var e *magento.Error
	if ctx.Err() != nil || !errors.As(err, &e) {
		return nil
	}
	switch e.Kind {
	case magento.Unreachable, magento.RateLimited, magento.Maintenance:
		return nil
	}
	return e
}

// why says what the shop answered, and what would help, in one line.
func why(what string, e *magento.Error) string {
	text := what + ": "
	if e.Status != 0 {
		text += fmt.Sprintf("HTTP %d: ", e.Status)
	}
	text += e.Message
	if hint := e.Hint(); hint != "" {
		text += "; " + hint
	}
	return text
}

// listForShortCut reads a listing that only a short cut needs. reason is why the shop does not give it, whole; then it is as if it
// had never been asked for, because nothing is missing without it.
func (j *Job) listForShortCut(ctx context.Context, stream, storeCode, name string, read func() error) (reason string, e *magento.Error, err error) {
	err = read()
	var short sql.NullString
	var moving movingError
	if err == nil {
		err = j.Run.DB.QueryRowContext(ctx, "SELECT max(reason) FROM run.streams WHERE stream = ? AND store_code = ? AND part = ? AND NOT complete",
			stream, storeCode, name).Scan(&short)
		if err != nil || !short.Valid {
			return "", nil, err
		}
		reason = stream + " is not whole: " + short.String
	} else if e = refused(ctx, err); e != nil {
		reason = why(strings.TrimPrefix(e.Path, "/"), e)
	} else if errors.As(err, &moving) {
		reason = err.Error()
	} else {
		return "", nil, err
	}
	for _, table := range []string{"run.pages", "run.ranges", "run.streams"} {
		if _, err := j.Run.DB.ExecContext(ctx, "DELETE FROM "+table+" WHERE stream = ? AND store_code = ? AND part = ?", stream, storeCode, name); err != nil {
			return "", nil, fmt.Errorf("forget %s: %w", stream, err)
		}
	}
	// What is broken in a list that is not needed is missing nowhere.
	_, err = j.Run.DB.ExecContext(ctx, "DELETE FROM run.issues WHERE phase = 'extract' AND kind = 'quarantined' AND entity = ? AND value = ?", stream, storeCode)
	if err != nil {
		return "", nil, fmt.Errorf("forget what is quarantined of %s: %w", stream, err)
	}
	return reason, e, nil
}

// left is how many products are still to be asked for one by one.
func (j *Job) left(ctx context.Context) (n int, err error) {
	if err = j.Run.DB.QueryRowContext(ctx, "SELECT count(*) FROM run.stock_plan WHERE way = 'skus'").Scan(&n); err != nil {
		err = fmt.Errorf("count the products whose stock is asked for: %w", err)
	}
	return n, err
}

// isComplete tells whether a part was read to its end, before a kill.
func (j *Job) isComplete(ctx context.Context, stream, name string) (done bool, err error) {
	err = j.Run.DB.QueryRowContext(ctx, "SELECT count(*) > 0 FROM run.streams WHERE stream = ? AND store_code = '' AND part = ? AND complete", stream, name).Scan(&done)
	if err != nil {
		err = fmt.Errorf("read run.streams: %w", err)
	}
	return done, err
}
