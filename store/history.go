package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// History is one row of state.runs.
type History struct {
	RunID        string
	StartedAt    time.Time
	EndedAt      time.Time // zero while it runs, or when it was killed
	Command      string
	Phase        string
	ProductsFull bool
	ExitCode     int // -1 while it runs, or when it was killed
	PlanHash     string
	Summary      string // JSON
}

// BeginHistory notes that a command works on a run, or has come to a phase of it.
func (r *Run) BeginHistory(ctx context.Context, command, phase string, now time.Time) error {
	_, err := r.DB.ExecContext(ctx, `INSERT INTO state.runs (run_id, started_at, command, phase) VALUES (?, ?, ?, ?)
		ON CONFLICT (run_id) DO UPDATE SET command = excluded.command, phase = excluded.phase, ended_at = NULL, exit_code = NULL`,
		r.ID, now.UTC(), command, phase)
	if err != nil {
		return fmt.Errorf("note run %s in the history: %w", r.ID, err)
	}
	return nil
}

// EndHistory notes how a command ended.
func (r *Run) EndHistory(ctx context.Context, h History) error {
	_, err := r.DB.ExecContext(ctx, `UPDATE state.runs SET ended_at = ?, phase = ?, products_full = ?, exit_code = ?, plan_hash = nullif(?, ''), summary = nullif(?, '')
		WHERE run_id = ?`, h.EndedAt.UTC(), h.Phase, h.ProductsFull, h.ExitCode, h.PlanHash, h.Summary, r.ID)
	if err != nil {
		return fmt.Errorf("note the end of run %s in the history: %w", r.ID, err)
	}
	return nil
}

// Histories reads state.runs, oldest first.
func (r *Run) Histories(ctx context.Context) ([]History, error) {
	rows, err := r.DB.QueryContext(ctx, `SELECT run_id, started_at, ended_at, command, phase, coalesce(products_full, false), coalesce(exit_code, -1),
		coalesce(plan_hash, ''), coalesce(summary, '') FROM state.runs ORDER BY run_id`)
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	defer rows.Close()
	var list []History
	for rows.Next() {
		var h History
		var ended sql.NullTime
		if err := rows.Scan(&h.RunID, &h.StartedAt, &ended, &h.Command, &h.Phase, &h.ProductsFull, &h.ExitCode, &h.PlanHash, &h.Summary); err != nil {
			return nil, fmt.Errorf("read the history: %w", err)
		}
		h.EndedAt = ended.Time
		list = append(list, h)
	}
	return list, rows.Err()
}

// BeginLoad notes, before anything is sent, that a load of this run begins: in the state first, then in the run file. The two
// cannot be written in one transaction, and a kill between them must not look like a state that was put back.
func (r *Run) BeginLoad(ctx context.Context, now time.Time) error {
	began := now.UTC().Truncate(time.Microsecond)
	_, err := r.DB.ExecContext(ctx, "INSERT OR IGNORE INTO state.loads VALUES (?, ?)", r.ID, began)
	if err == nil {
		_, err = r.DB.ExecContext(ctx, "INSERT OR IGNORE INTO run.loads VALUES (?)", began)
	}
	if err != nil {
		return fmt.Errorf("note that the load of run %s begins: %w", r.ID, err)
	}
	return nil
}

// Load is a load of a run, as the run's file knows it.
type Load struct {
	Began time.Time
	Noted bool // the state had it too, before it began; false: it is of an earlier version, and Began is when it had ended
}

// Loads reads from the run file when loads of it began; none where it was never to be sent.
func (r *Run) Loads(ctx context.Context) (loads []Load, err error) {
	var marks bool // not in a run of an earlier version
	err = r.DB.QueryRowContext(ctx, `SELECT count(*) > 0 FROM duckdb_tables()
		WHERE database_name = current_database() AND schema_name = 'run' AND table_name = 'loads'`).Scan(&marks)
	if err != nil {
		return nil, fmt.Errorf("look for the loads of run %s: %w", r.ID, err)
	}
	query := "SELECT loaded_at, false FROM run.info WHERE loaded_at IS NOT NULL"
	if marks {
		query = "SELECT began_at, true FROM run.loads UNION ALL " + query + " AND NOT EXISTS (FROM run.loads)"
	}
	err = r.each(ctx, query, func(row func(...any) error) error {
		var l Load
		err := row(&l.Began, &l.Noted)
		loads = append(loads, l)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the loads of run %s: %w", r.ID, err)
	}
	return loads, nil
}

// LoadsKnown reads from the state when loads began, by run.
func (r *Run) LoadsKnown(ctx context.Context) (map[string][]time.Time, error) {
	known := map[string][]time.Time{}
	err := r.each(ctx, "SELECT run_id, began_at FROM state.loads", func(row func(...any) error) error {
		var id string
		var began time.Time
		err := row(&id, &began)
		known[id] = append(known[id], began)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the loads that began: %w", err)
	}
	return known, nil
}

func (r *Run) each(ctx context.Context, query string, scan func(row func(...any) error) error) error {
	rows, err := r.DB.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}
