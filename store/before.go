package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// CopyBefore copies what Optiply is known to hold from the state into before.*, so that the run file holds all that its
// diff is made from, and the figures of the nights before, which the guards compare its plan with (invariant 5). Bookmarks,
// parked rows and the last stock answers are what the shop is asked by, so they are copied as long as it is being read: a load
// moves them. Stock answers are not where the run asks for all stock anyway (stock_refresh: all).
func (r *Run) CopyBefore(ctx context.Context, now time.Time) error {
	const reading = " (SELECT extracted_at IS NULL FROM run.info)"
	since := timestamp(now.Add(-historyKept))
	err := r.inTransaction(ctx,
		"DELETE FROM before.products",
		`INSERT INTO before.products BY NAME SELECT remote_id, optiply_id, uuid, name, sku_code, article_code, price, unlimited_stock,
			stock_level, status, created_at_remote, extra, change FROM state.products`,
		"DELETE FROM before.sell_orders",
		`INSERT INTO before.sell_orders BY NAME SELECT remote_id, optiply_id, uuid, placed, completed, total_value, change
			FROM state.sell_orders`,
		"DELETE FROM before.bookmarks WHERE"+reading,
		`INSERT INTO before.bookmarks BY NAME SELECT b.stream, b.store_code, b.value, b.run_id, r.started_at AS began
			FROM state.bookmarks b LEFT JOIN state.runs r USING (run_id) WHERE`+reading+" ORDER BY ALL",
		"DELETE FROM before.parked WHERE"+reading,
		"INSERT INTO before.parked BY NAME SELECT entity, remote_id, sku, kind, reason FROM state.parked WHERE decision IS DISTINCT FROM 'ignore' AND"+reading+" ORDER BY ALL",
		"UPDATE run.info SET bookmarks_at = "+timestamp(now)+" WHERE extracted_at IS NULL",
		"DELETE FROM before.unadopted",
		"INSERT INTO before.unadopted BY NAME FROM state.unadopted ORDER BY ALL",
		"DELETE FROM before.rejects",
		`INSERT INTO before.rejects BY NAME SELECT entity, remote_id, cause, change_hash, status, reason, decision FROM state.parked ORDER BY entity, remote_id`,
		"DELETE FROM before.stock_answers WHERE"+reading,
		`INSERT INTO before.stock_answers BY NAME SELECT remote_id, sku, store_code, salable_qty, physical_qty, manage_stock, source, asked_at,
			fingerprint FROM state.stock_answers WHERE`+reading+" AND NOT EXISTS (FROM run.settings WHERE name = 'sync.stock_refresh' AND value = 'all') ORDER BY remote_id",
		"DELETE FROM before.history",
		`INSERT INTO before.history BY NAME
			WITH past AS (
				SELECT run_id, started_at, exit_code, phase = 'done' AND command IN ('run', 'load') AND exit_code IN (0, 3, 5) AS loaded,
					from_json(summary, '{"changes":[{"entity":"VARCHAR","op":"VARCHAR","planned":"BIGINT"}],"streams":[{"name":"VARCHAR","rows":"BIGINT"}]}') AS told
				FROM state.runs
				WHERE summary IS NOT NULL AND exit_code IS NOT NULL AND command NOT LIKE '%--dry-run%'
				  AND started_at >= `+since+` AND run_id < (SELECT run_id FROM run.info)),
			figure AS (
				SELECT run_id, c.entity, c.op, c.planned AS changes FROM (SELECT run_id, unnest(told.changes) AS c FROM past)
				UNION ALL
				SELECT run_id, s.name, 'read', s.rows FROM (SELECT run_id, unnest(told.streams) AS s FROM past)
				UNION ALL -- a night without a change is a night, too
				SELECT run_id, entity, op, 0 FROM past, (VALUES ('products', 'disable'), ('products', 'create'), ('products', 'update'), ('sell_orders', 'create')) o(entity, op))
			SELECT run_id, started_at, exit_code, loaded, entity, op, sum(changes)::BIGINT AS changes
			FROM past JOIN figure USING (run_id) WHERE entity IS NOT NULL AND op IS NOT NULL GROUP BY ALL ORDER BY ALL`,
		"UPDATE run.info SET before_at = "+timestamp(now)+", state_changes = (SELECT coalesce(max(seq), 0) FROM state.ledger)")
	if err != nil {
		return fmt.Errorf("copy what Optiply holds into run %s: %w", r.ID, err)
	}
	return nil
}

// historyKept is how far back a run's copy of the history goes: ten of each weekday.
const historyKept = 70 * 24 * time.Hour

// PutSettings keeps the run's settings, without secrets, in run.settings.
func (r *Run) PutSettings(ctx context.Context, settings map[string]string) error {
	var rows []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		rows = append(rows, "("+quote(name)+", "+quote(settings[name])+")")
	}
	if len(rows) == 0 {
		return nil
	}
	if err := exec(ctx, r.DB, "INSERT OR REPLACE INTO run.settings VALUES "+strings.Join(rows, ", ")); err != nil {
		return fmt.Errorf("keep the settings of run %s: %w", r.ID, err)
	}
	return nil
}

// timestamp writes a time as a SQL literal, in UTC.
func timestamp(t time.Time) string {
	return "TIMESTAMP " + quote(t.UTC().Format("2006-01-02 15:04:05.999999"))
}

// inTransaction runs statements on one connection, all or none. They may write to one attached file only.
func (r *Run) inTransaction(ctx context.Context, statements ...string) error {
	conn, err := r.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := exec(ctx, conn, "BEGIN"); err != nil {
		return err
	}
	if err := exec(ctx, conn, append(statements, "COMMIT")...); err != nil {
		// Where DuckDB has rolled back by itself, as after a failed COMMIT, this fails and says nothing new.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return err
	}
	return nil
}
