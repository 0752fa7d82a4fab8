package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"magento-optiply/store"
)

type exportOptions struct {
	dir, format string
	raw         bool
}

func (a *app) runsExportCommand() *cli.Command {
	o := &exportOptions{}
	return &cli.Command{
		Name:      "export",
		Usage:     "a run's tables as files: one a table",
		ArgsUsage: "RUN --to DIR",
		Description: "Writes stage, model, before, diff, plan and run.* to a new or empty folder, all of it or nothing. With --raw the records too, as the shop\n" +
			"sent them; those of streams such as customers hold personal data.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "to", Destination: &o.dir, Usage: "the `DIR`, which must be new or empty"},
			&cli.StringFlag{Name: "format", Destination: &o.format, Value: "parquet", Usage: "`FORMAT`: parquet or csv"},
			&cli.BoolFlag{Name: "raw", Destination: &o.raw, Usage: "raw.<stream> too: the records as the shop sent them"},
		},
		Action: func(c *cli.Context) error {
			list, err := a.trailingOptions(c)
			if err != nil {
				return err
			}
			if len(list) != 1 || o.dir == "" {
				return usageError(errors.New("runs export takes one run id and --to DIR; `runs` lists the ids"))
			}
			if err := a.checkFormat(o.format, o.dir, "parquet", "csv"); err != nil {
				return err
			}
			return a.exportRun(c.Context, list[0], o)
		},
	}
}

// exportRun writes into a folder beside the one that is wanted, which takes its name when all is there.
func (a *app) exportRun(ctx context.Context, id string, o *exportOptions) (err error) {
	target, err := emptyFolder(o.dir)
	if err != nil {
		return err
	}
	shop, err := a.shopToRead()
	if err != nil {
		return err
	}
	ref, err := shop.Find(id)
	if err != nil {
		return err
	}
	reading, _, err := shop.OpenReading(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reading.Close()) }()
	if err := reading.Attach(ctx, ref, "run1"); err != nil {
		return err
	}
	if err := reading.Use(ctx, "run1"); err != nil {
		return err
	}
	if err := removeHalves(target, a.env.Now()); err != nil {
		return err
	}
	half, err := os.MkdirTemp(filepath.Dir(target), "."+filepath.Base(target)+".*.tmp")
	if err != nil {
		return usageError(fmt.Errorf("--to %s: %w", o.dir, errors.Unwrap(err)))
	}
	defer os.RemoveAll(half)
	g, err := exportTables(ctx, reading, half, o)
	if err == nil {
		err = os.Chmod(half, 0o755)
	}
	if err == nil {
		// It takes an empty folder away, and nothing else.
		if err = os.Remove(target); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = os.Rename(half, target)
	}
	if err != nil {
		return fmt.Errorf("export run %s: %w", id, err)
	}
	g.Plain = !a.env.StdoutTerminal
	return g.print(a.env.Stdout)
}

// deadHalf is how long nobody must have written to a half export for it to be that of a process that was killed.
const deadHalf = time.Hour

// removeHalves takes away what exports to the same folder left when they were killed. A folder's time is that of its newest table.
func removeHalves(target string, now time.Time) error {
	entries, err := os.ReadDir(filepath.Dir(target))
	if err != nil {
		return nil // the next step tells it better
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), "."+filepath.Base(target)+".") || !strings.HasSuffix(e.Name(), ".tmp") {
			continue
		}
		dir := filepath.Join(filepath.Dir(target), e.Name())
		if age, err := sinceWritten(dir, now); err != nil || age < deadHalf {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove what an export that was killed left: %w", err)
		}
	}
	return nil
}

// sinceWritten is how long ago anything in a folder was written.
func sinceWritten(dir string, now time.Time) (time.Duration, error) {
	var newest time.Time
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
		return err
	})
	return now.Sub(newest), err
}

// emptyFolder is the path of a folder that is not there, or has nothing in it.
func emptyFolder(dir string) (string, error) {
	target, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(target)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return target, nil
	case err != nil:
		return "", usageError(fmt.Errorf("--to %s: it is no folder that can be used: %w", dir, errors.Unwrap(err)))
	case len(entries) > 0:
		return "", usageError(fmt.Errorf("--to %s: the folder is not empty: name a new one", dir))
	}
	return target, nil
}

// exportTables writes each table to a file of its own, and lists them with their rows.
func exportTables(ctx context.Context, reading *store.Reading, dir string, o *exportOptions) (g grid, err error) {
	g.Columns = []column{{Name: "table"}, {Name: "rows", Right: true}, {Name: "file"}}
	schemas := runSchemas()
	if !o.raw {
		schemas = slices.DeleteFunc(schemas, func(s string) bool { return s == "raw" })
	}
	tables, err := askRows(ctx, reading, `SELECT schema_name || '.' || table_name AS name, schema_name || '."' || table_name || '"' AS quoted
		FROM (SELECT database_name, schema_name, table_name FROM duckdb_tables() UNION ALL SELECT database_name, schema_name, view_name FROM duckdb_views())
		WHERE database_name = 'run1' AND schema_name IN `+sqlList(schemas)+` ORDER BY ALL`)
	if err != nil {
		return g, err
	}
	for i := range tables.Cells {
		name := tables.at(i, "name")
		answer, err := reading.Ask(ctx, "FROM "+tables.at(i, "quoted"))
		if err != nil {
			return g, fmt.Errorf("%s: %w", name, err)
		}
		file := name + "." + o.format
		if err := exportAnswer(ctx, answer, filepath.Join(dir, file), o.format); err != nil {
			return g, fmt.Errorf("%s: %w", name, err)
		}
		g.Rows = append(g.Rows, []string{name, count(answer.Rows), filepath.Join(o.dir, file)})
	}
	return g, nil
}

func exportAnswer(ctx context.Context, answer *store.Answer, path, format string) error {
	if format == "parquet" {
		return answer.ExportParquet(ctx, path)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = answerWriter{Format: format, Limit: -1, Plain: true}.write(ctx, file, answer)
	return errors.Join(err, file.Close())
}
