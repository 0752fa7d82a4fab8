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
