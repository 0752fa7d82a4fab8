package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"magento-optiply/store"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// plainQuery is the floor of a transformation: DuckDB alone runs a file of bench/sql over a run's page files and tables, as one
// process with the program's own limits.
func plainQuery(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("plain-query", flag.ContinueOnError)
	dir := f.String("data", "", "the data folder")
	name := f.String("file", "", "a file of bench/sql")
	if err := f.Parse(args); err != nil {
		return err
	}
	return onLatest(ctx, *dir, store.Options{Run: store.Read}, func(run *store.Run) error {
		floor := filepath.Join(*dir, "floor.duckdb")
		defer os.Remove(floor)
		return execute(ctx, run, *name, "ATTACH '"+floor+"' AS floor", "DETACH floor")
	})
}

// seed makes the state what a load of the latest run would have made of it, without sending a million requests.
func seed(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("seed", flag.ContinueOnError)
	dir := f.String("data", "", "the data folder")
	ids := f.Int("ids", 0, "only so many products, by their ids")
	if err := f.Parse(args); err != nil {
		return err
	}
	return onLatest(ctx, *dir, store.Options{Run: store.Read, State: store.Write}, func(run *store.Run) error {
		if *ids > 0 {
			return execute(ctx, run, "seed_ids.sql", "", "", "{ids}", strconv.Itoa(*ids))
		}
		return execute(ctx, run, "seed.sql", "", "")
	})
}

func onLatest(ctx context.Context, dir string, options store.Options, f func(*store.Run) error) (err error) {
	shop, err := store.Open(dir, "bench")
	if err != nil {
		return err
	}
	ref, err := shop.Latest()
	if err != nil {
		return err
	}
	run, err := shop.OpenRun(ctx, ref, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	return f(run)
}

func execute(ctx context.Context, run *store.Run, name, before, after string, values ...string) error {
	text, err := sqlFiles.ReadFile("sql/" + name)
	if err != nil {
		return err
	}
	conn, err := run.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, statements := range []string{before, strings.NewReplacer(append(values, "{pages}", run.ID+".pages")...).Replace(string(text)), after} {
		if statements == "" {
			continue
		}
		if _, err := conn.ExecContext(ctx, statements); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// weight is how much a night takes on the disk, in bytes.
type weight struct {
	RunFile   int64 `json:"run_file"`
	Pages     int64 `json:"pages"`
	Parquet   int64 `json:"parquet"` // the rows of the run file's tables
	State     int64 `json:"state"`
	Rows      int64 `json:"rows"`
	PageFiles int64 `json:"page_files"`
}

// weigh prints the sizes of the latest run, and of its rows as Parquet.
func weigh(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("weigh", flag.ContinueOnError)
	dir := f.String("data", "", "the data folder")
	if err := f.Parse(args); err != nil {
		return err
	}
	var w weight
	err := onLatest(ctx, *dir, store.Options{Run: store.Read}, func(run *store.Run) error {
		parquet := filepath.Join(*dir, "parquet")
		if err := os.MkdirAll(parquet, 0o750); err != nil {
			return err
		}
		defer os.RemoveAll(parquet)
		rows, err := run.DB.QueryContext(ctx, `SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = 'runfile'`)
		if err != nil {
			return err
		}
		defer rows.Close()
		var tables []string
		for rows.Next() {
			var table string
			if err := rows.Scan(&table); err != nil {
				return err
			}
			tables = append(tables, table)
		}
		for _, table := range tables {
			if _, err := run.DB.ExecContext(ctx, "COPY "+table+" TO '"+filepath.Join(parquet, table)+".parquet' (FORMAT parquet, COMPRESSION zstd)"); err != nil {
				return err
			}
		}
		err = run.DB.QueryRowContext(ctx, "SELECT coalesce(sum(rows), 0)::BIGINT, coalesce(sum(bytes), 0)::BIGINT, count(*) FROM run.pages").Scan(&w.Rows, &w.Pages, &w.PageFiles)
		return errors.Join(err, rows.Err(), add(&w.Parquet, parquet, "*.parquet"), add(&w.RunFile, filepath.Join(*dir, "bench", "runs"), run.ID+".duckdb"))
	})
	if err == nil {
		err = add(&w.State, filepath.Join(*dir, "bench"), "state.duckdb")
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(w)
}

// add adds the sizes of files.
func add(to *int64, dir, pattern string) error {
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		return err
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		*to += info.Size()
	}
	return nil
}
