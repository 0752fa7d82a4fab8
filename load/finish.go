package load

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

//go:embed sql/issues.sql
var issuesSQL string

//go:embed sql/waiting.sql
var waitingSQL string

//go:embed sql/park.sql
var parkSQL string

//go:embed sql/unpark_others.sql
var unparkOthersSQL string

//go:embed sql/stock_answers.sql
var stockAnswersSQL string

//go:embed sql/stock_unanswered.sql
var stockUnansweredSQL string

// finish ends a load whose every change is acknowledged, rejected or held: the rows that did not get through are named in
// run.issues and parked in the state, and only then the bookmarks move (section 6.3, invariant 1). The issues come first,
// because two files cannot be written in one transaction: a kill between the two leaves the bookmarks where they were.
func (j *Job) finish(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	err := j.finishOnce(ctx)
	for j.Run.MoreMemory(ctx, err) {
		err = j.finishOnce(ctx)
	}
	return err
}

func (j *Job) finishOnce(ctx context.Context) error {
	if err := j.nameWhatIsLeft(ctx); err != nil {
		return fmt.Errorf("name what was left out: %w", err)
	}
	return j.moveOn(ctx)
}

// nameWhatIsLeft writes the rows of phase load of run.issues, in one transaction of the run file.
func (j *Job) nameWhatIsLeft(ctx context.Context) error {
	late := []string{}
	for k := range j.late {
		if k.entity == "products" {
			late = append(late, k.remoteID)
		}
	}
	list, err := json.Marshal(late)
	if err != nil {
		return err
	}
	tx, err := j.Run.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	for _, q := range []struct {
		text string
		args []any
	}{
		{"DELETE FROM run.issues WHERE phase = 'load'", nil},
		{issuesSQL, []any{j.plan.RunID, j.plan.Hash, string(list)}},
		{"UPDATE run.info SET loaded_at = ?", []any{j.Now().UTC()}},
	} {
		if _, err := tx.ExecContext(ctx, q.text, q.args...); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// moveOn parks what waits, moves the bookmarks and takes over what Magento said of the stock, in one transaction of the state file.
func (j *Job) moveOn(ctx context.Context) error {
	waiting, windows, err := j.waitingAndWindows(ctx)
	if err != nil {
		return err
	}
	var answers, kept bool // the first not in a run of an earlier version
	err = j.Run.DB.QueryRowContext(ctx, `SELECT count(*) = 2, (SELECT count(*) = 0 FROM run.settings WHERE name = 'sync.stock_refresh' AND value = 'all')
		FROM duckdb_tables() WHERE database_name = current_database()
		AND (schema_name, table_name) IN (('model', 'stock_answers'), ('run', 'stock_plan'))`).Scan(&answers, &kept)
	if err != nil {
		return fmt.Errorf("find the stock answers: %w", err)
	}
	list, err := json.Marshal(waiting)
	if err != nil {
		return err
	}
	tx, err := j.Run.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	exec := func(query string, args ...any) {
		if err == nil {
			_, err = tx.ExecContext(ctx, query, args...)
		}
	}
	now := j.Now().UTC()
	exec(parkSQL, string(list), j.plan.RunID, now)
	for _, w := range windows {
		exec(unparkOthersSQL, string(list), w.entity)
		exec(`INSERT INTO state.bookmarks VALUES (?, ?, ?, ?, ?) ON CONFLICT (stream, store_code) DO UPDATE SET
			value = greatest(value, excluded.value), run_id = excluded.run_id, moved_at = excluded.moved_at`, w.stream, w.storeCode, w.end.UTC(), j.plan.RunID, now)
	}
	switch {
	case !kept: // Each night asks for all of them, and the bookmark of what was touched since has moved past an older answer.
		exec("DELETE FROM state.stock_answers")
	case answers:
		exec(stockUnansweredSQL)
		exec(stockAnswersSQL, j.plan.RunID)
	}
	if err != nil {
		return fmt.Errorf("move the bookmarks: %w", errors.Join(err, tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("move the bookmarks: %w", err)
	}
	return nil
}

// parked is a row that waits.
type parked struct {
	Entity   string `json:"entity"`
	RemoteID string `json:"remote_id"`
	SKU      string `json:"sku"`
	Kind     string `json:"kind"`
	Reason   string `json:"reason"`
	Cause    string `json:"cause"`
}

type window struct {
	entity, stream, storeCode string
	end                       time.Time
}

// waitingAndWindows reads from the run file which rows wait, and up to where each stream was read.
func (j *Job) waitingAndWindows(ctx context.Context) (waiting []parked, windows []window, err error) {
	rows, err := j.Run.DB.QueryContext(ctx, waitingSQL)
	if err != nil {
		return nil, nil, fmt.Errorf("find what waits: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var p parked
		if err := rows.Scan(&p.Entity, &p.RemoteID, &p.SKU, &p.Kind, &p.Reason, &p.Cause); err != nil {
			return nil, nil, fmt.Errorf("find what waits: %w", err)
		}
		waiting = append(waiting, p)
	}
	if err := rows.Err(); err != nil {
		return nil, nil, err
	}
	marks, err := j.Run.DB.QueryContext(ctx, `
		SELECT CASE stream WHEN 'orders' THEN 'sell_orders' ELSE stream END, stream, store_code, window_end
		FROM run.streams
		WHERE complete AND part IN ('full', 'window') AND window_end IS NOT NULL
		  AND (stream = 'products' AND (SELECT value = 'true' FROM run.settings WHERE name = 'run.products')
		    OR stream = 'orders' AND (SELECT value = 'true' FROM run.settings WHERE name = 'run.sell_orders')
		    OR stream NOT IN ('products', 'orders') AND part = 'window') -- what is only staged waits for nothing
		UNION ALL
		SELECT 'products', 'products_full', store_code, (SELECT shop_now FROM run.info)
		FROM run.streams
		WHERE complete AND stream = 'products' AND part = 'full' AND (SELECT value = 'true' FROM run.settings WHERE name = 'run.products')
		UNION ALL
		SELECT 'stocks', 'orders_touched', '', (SELECT shop_now FROM run.info)
		FROM run.streams
		WHERE complete AND stream = 'stock_statuses' AND part = 'skus' AND (SELECT value = 'true' FROM run.settings WHERE name = 'run.stocks')
		UNION ALL
		SELECT 'deletions', 'deletions_full', store_code, (SELECT shop_now FROM run.info)
		FROM run.streams
		WHERE complete AND stream = 'products' AND part = 'full' AND (SELECT value = 'true' FROM run.settings WHERE name = 'run.deletions')
		  AND NOT EXISTS (FROM run.issues WHERE reason LIKE 'not disabled: %')`) // held ones are looked at again in the next run
	if err != nil {
		return nil, nil, fmt.Errorf("find the windows: %w", err)
	}
	defer marks.Close()
	for marks.Next() {
		var w window
		if err := marks.Scan(&w.entity, &w.stream, &w.storeCode, &w.end); err != nil {
			return nil, nil, fmt.Errorf("find the windows: %w", err)
		}
		windows = append(windows, w)
	}
	return waiting, windows, marks.Err()
}
