// Package replay compares the plan of a night that was transformed again, in a copy of its run file, with the plan that the
// night had and with what became of that. It is no part of transform, which knows one run file and nothing beside it.
package replay

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed sql/*.sql
var files embed.FS

// ErrNoPlan means that a run was never transformed, so that there is no plan to compare with.
var ErrNoPlan = errors.New("the run has no plan of its own")

// Compare fills replay.differences in a replica (store.Shop.Replica) that was transformed: how its plan differs from that of
// the night, which is attached as "night". With the state attached it tells what became of the night's requests, too.
func Compare(ctx context.Context, db *sql.DB, withState bool) error {
	var planned bool
	if err := db.QueryRowContext(ctx, "SELECT transformed_at IS NOT NULL FROM night.run.info").Scan(&planned); err != nil {
		return fmt.Errorf("read the night's run.info: %w", err)
	}
	if !planned {
		return ErrNoPlan
	}
	names, err := fs.Glob(files, "sql/*.sql")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		query := string(text)
		if name == "sql/110_outcomes.sql" && !withState {
			query = "CREATE SCHEMA IF NOT EXISTS replay; CREATE OR REPLACE TABLE replay.outcomes (entity VARCHAR, remote_id VARCHAR, state VARCHAR)"
		}
		if _, err := db.ExecContext(ctx, query); err != nil {
			return fmt.Errorf("compare the plans: replay/%s: %w", name, err)
		}
	}
	return nil
}
