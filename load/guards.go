package load

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"magento-optiply/store"
)

// Guard is a row of plan.guards that holds the whole load.
type Guard struct {
	Name       string // by which --release lets it pass
	Entity, Op string
	Figure     int64  // what it has compared
	Low, High  *int64 // the edges; nil where there is none
	Reason     string
	Released   bool // this load was told to pass it
}

// HeldError means that guards hold the load, so that nothing was sent: a person has to look at the plan first. Nothing is
// lost, because no bookmark has moved (section 6.3): the next run works all of it out anew.
type HeldError struct {
	RunID  string
	Guards []Guard // those that were not released
}

func (e *HeldError) Error() string {
	var reasons []string
	for _, g := range e.Guards {
		reasons = append(reasons, g.Name+": "+g.Reason)
	}
	return fmt.Sprintf("nothing is sent, because a guard holds the plan of run %s (%s)", e.RunID, strings.Join(reasons, "; "))
}

// GuardNames are the guards that --release can name, as transform/sql/540_plan_guards.sql makes them.
func GuardNames() []string {
	return []string{"band_product_creates", "band_product_updates", "band_sell_orders", "max_product_creates", "max_product_updates", "max_sell_orders"}
}

// Guards reads the guards that hold a run's plan. A plan that was made before there were guards has none. release names
// those that may be passed.
func Guards(ctx context.Context, run *store.Run, release []string) ([]Guard, error) {
	if known, err := hasTable(ctx, run, "plan", "guards"); err != nil || !known {
		return nil, err
	}
	rows, err := run.DB.QueryContext(ctx, "SELECT name, entity, op, figure, low, high, reason FROM plan.guards WHERE holds ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("read plan.guards: %w", err)
	}
	defer rows.Close()
	var list []Guard
	for rows.Next() {
		var g Guard
		var low, high sql.NullInt64
		if err := rows.Scan(&g.Name, &g.Entity, &g.Op, &g.Figure, &low, &high, &g.Reason); err != nil {
			return nil, fmt.Errorf("read plan.guards: %w", err)
		}
		g.Low, g.High = edge(low), edge(high)
		g.Released = slices.Contains(release, g.Name)
		list = append(list, g)
	}
	return list, rows.Err()
}

func hasTable(ctx context.Context, run *store.Run, schema, table string) (known bool, err error) {
	err = run.DB.QueryRowContext(ctx, `SELECT count(*) > 0 FROM duckdb_tables()
		WHERE database_name = current_database() AND schema_name = ? AND table_name = ?`, schema, table).Scan(&known)
	if err != nil {
		return false, fmt.Errorf("look for %s.%s: %w", schema, table, err)
	}
	return known, nil
}

// Released are the guards that a load of this run's plan was told to pass.
func Released(ctx context.Context, run *store.Run) ([]string, error) {
	if known, err := hasTable(ctx, run, "run", "releases"); err != nil || !known {
		return nil, err
	}
	rows, err := run.DB.QueryContext(ctx, "SELECT name FROM run.releases WHERE plan_hash = (SELECT hash FROM plan.summary) ORDER BY name")
	if err != nil {
		return nil, fmt.Errorf("read run.releases: %w", err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("read run.releases: %w", err)
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// PassGuards returns the guards that hold the plan and are all released, or a HeldError. A plan that was released and sent to
// its end is not held again: there is nothing left to send of it.
func PassGuards(ctx context.Context, run *store.Run, release []string) ([]Guard, error) {
	guards, err := Guards(ctx, run, release)
	if err != nil || len(guards) == 0 {
		return nil, err
	}
	var loaded bool
	if err := run.DB.QueryRowContext(ctx, "SELECT loaded_at IS NOT NULL FROM run.info").Scan(&loaded); err != nil {
		return nil, fmt.Errorf("read run.info: %w", err)
	}
	if loaded {
		before, err := Released(ctx, run)
		if err != nil {
			return nil, err
		}
		for i, g := range guards {
			guards[i].Released = g.Released || slices.Contains(before, g.Name)
		}
	}
	held := slices.DeleteFunc(slices.Clone(guards), func(g Guard) bool { return g.Released })
	if len(held) > 0 {
		return nil, &HeldError{RunID: run.ID, Guards: held}
	}
	return guards, nil
}

// pass stops a load that a guard holds, before anything leaves, and keeps in the run file which guards were passed, for
// this plan.
func (j *Job) pass(ctx context.Context) error {
	guards, err := PassGuards(ctx, j.Run, j.Release)
	if err != nil {
		return err
	}
	for _, g := range guards {
		if !slices.Contains(j.Release, g.Name) {
			continue // sent to its end before
		}
		if err := j.released(ctx, g, j.Now()); err != nil {
			return fmt.Errorf("note that %s was released: %w", g.Name, err)
		}
	}
	return nil
}

func (j *Job) released(ctx context.Context, g Guard, now time.Time) error {
	_, err := j.Run.DB.ExecContext(ctx, `INSERT INTO run.releases VALUES (?, ?, ?)
		ON CONFLICT (name, plan_hash) DO UPDATE SET released_at = excluded.released_at`, g.Name, j.plan.Hash, now.UTC())
	return err
}

// CheckReleases refuses names that no guard has.
func CheckReleases(names []string) error {
	for _, name := range names {
		if !slices.Contains(GuardNames(), name) {
			return errors.New("there is no guard " + name + ": they are " + strings.Join(GuardNames(), ", "))
		}
	}
	return nil
}

func edge(n sql.NullInt64) *int64 {
	if !n.Valid {
		return nil
	}
	return &n.Int64
}
