package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// attached is a run file in a Reading, with the name of its database there.
type attached struct {
	ref  RunRef
	name string
}

// OpenReading opens the state for questions over several runs, which Attach adds. Where there is no state that can be read, an
// empty one stands in for it, so that the same questions can be asked; because says why, and is nil where there is one.
func (s *Shop) OpenReading(ctx context.Context) (q *Reading, because error, err error) {
	r := &Run{shop: s}
	err = r.open(ctx, Options{State: Read})
	if errors.Is(err, fs.ErrNotExist) || IsBusy(err) {
		because = err
		if err = r.open(ctx, Options{}); err == nil {
			err = s.emptyState(ctx, r.DB)
		}
	}
	if err != nil {
		return nil, because, err
	}
	r.DB.SetMaxOpenConns(1)
	conn, err := r.DB.Conn(ctx)
	if err != nil {
		return nil, because, errors.Join(fmt.Errorf("open for reading: %w", err), r.Close())
	}
	return &Reading{run: r, conn: conn}, because, nil
}

// emptyState makes a state without rows in memory.
func (s *Shop) emptyState(ctx context.Context, db *sql.DB) error {
	steps, err := migrations(s.schema(), "state")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	if err := exec(ctx, db, slices.Concat([]string{"ATTACH ':memory:' AS state", "USE state"}, steps, []string{"USE memory"})...); err != nil {
		return fmt.Errorf("make an empty state: %w", err)
	}
	return nil
}

// StateStale tells that a run is going on: the state is the copy that it published.
func (q *Reading) StateStale() bool { return q.run.StateStale }

// Attach adds a run's file under a name, read-only. One that another process has open for writing is a *BusyError.
func (q *Reading) Attach(ctx context.Context, ref RunRef, name string) error {
	path := q.run.shop.runPath(ref.ID, ref.Partial)
	if err := attach(ctx, q.conn, path, name, Read); err != nil {
		return err
	}
	steps, err := migrations(q.run.shop.schema(), "run")
	if err != nil {
		return err
	}
	var version int
	err = q.conn.QueryRowContext(ctx, "SELECT schema_version FROM "+name+".run.info").Scan(&version)
	switch {
	case err != nil && strings.HasPrefix(err.Error(), "Catalog Error"), errors.Is(err, sql.ErrNoRows):
		err = fmt.Errorf("%s holds no run: it was made by another program, or by a run that was killed in its first second; remove it", path)
	case err != nil:
		err = explain(path, err)
	case version > len(steps):
		err = &NewerError{Path: path, Has: version, Knows: len(steps)}
	}
	if err != nil {
		return errors.Join(err, exec(ctx, q.conn, "DETACH "+name))
	}
	q.runs = append(q.runs, attached{ref, name})
	return nil
}

// Use makes a run that was attached the one whose tables need no name in front.
func (q *Reading) Use(ctx context.Context, name string) error {
	if err := exec(ctx, q.conn, "USE "+name); err != nil {
		return fmt.Errorf("look into a run: %w", err)
	}
	return nil
}

// Union makes a view over all runs that were attached for every table and view of a run's schemas: what each holds, with
// run_id in front. A table that an older file lacks has no rows of it, a column that it lacks is NULL there, and a run_id of the
// table's own that says something else is its_run_id.
func (q *Reading) Union(ctx context.Context, schemas ...string) error {
	tables, err := q.tables(ctx, schemas)
	if err != nil {
		return fmt.Errorf("list the tables of the runs: %w", err)
	}
	statements := []string{"USE memory"}
	for _, schema := range schemas {
		statements = append(statements, "CREATE SCHEMA IF NOT EXISTS memory."+schema)
	}
	for _, t := range tables {
		parts := make([]string, len(t.in))
		for i, in := range t.in {
			columns := "*"
			switch {
			case in.hasRunID && t.schema == "run":
				columns = "* EXCLUDE (run_id)"
			case in.hasRunID:
				columns = "* RENAME (run_id AS its_run_id)"
			}
			parts[i] = fmt.Sprintf("SELECT %s AS run_id, %s FROM %s.%s.%s", quote(in.run), columns, in.database, t.schema, identifier(t.name))
		}
		statements = append(statements, fmt.Sprintf("CREATE VIEW memory.%s.%s AS %s", t.schema, identifier(t.name), strings.Join(parts, " UNION ALL BY NAME ")))
	}
	if err := exec(ctx, q.conn, statements...); err != nil {
		return fmt.Errorf("put the runs together: %w", err)
	}
	return nil
}

// unionTable is a table of a run, and the runs that have it.
type unionTable struct {
	schema, name string
	in           []unionPart
}

type unionPart struct {
	run, database string
	hasRunID      bool
}

func (q *Reading) tables(ctx context.Context, schemas []string) ([]unionTable, error) {
	ids := map[string]string{}
	for _, r := range q.runs {
		ids[r.name] = r.ref.ID
	}
	rows, err := q.conn.QueryContext(ctx, `SELECT database_name, schema_name, table_name, bool_or(column_name = 'run_id') FROM duckdb_columns()
		WHERE NOT internal AND list_contains(string_split(?, ','), schema_name) GROUP BY ALL ORDER BY schema_name, table_name, database_name`, strings.Join(schemas, ","))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []unionTable
	for rows.Next() {
		var database, schema, name string
		var hasRunID bool
		if err := rows.Scan(&database, &schema, &name, &hasRunID); err != nil {
			return nil, err
		}
		id, ok := ids[database]
		if !ok {
			continue
		}
		if n := len(list); n == 0 || list[n-1].schema != schema || list[n-1].name != name {
			list = append(list, unionTable{schema: schema, name: name})
		}
		last := &list[len(list)-1]
		last.in = append(last.in, unionPart{id, database, hasRunID})
	}
	return list, rows.Err()
}

// identifier quotes a name.
func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
