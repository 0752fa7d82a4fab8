package commands

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"magento-optiply/recording"
	"magento-optiply/transform"
)

// sqlFiles are the files of transform/sql, or those of a folder over them.
func sqlFiles(dir string) (fs.FS, error) {
	if dir == "" {
		return transform.SQL(), nil
	}
	fsys, err := transform.Overlay(dir)
	if err != nil {
		return nil, usageError(err)
	}
	return fsys, nil
}

// chooseSQL decides which SQL a run is transformed with, before anything is read: that of --sql, else that of
// transform.sql, else, where a recorded night is run by its own settings, what was recorded with it.
func (n *night) chooseSQL(given string) (err error) {
	dir := given
	if dir == "" {
		dir = n.cfg.Transform.SQL
	}
	if n.recorded != nil && exists(filepath.Join(n.fixtures, recording.SQLFolder)) {
		switch recorded := filepath.Join(n.fixtures, recording.SQLFolder); {
		case dir != "":
			n.app.log.Warn("this night was recorded with SQL of its own, which is not used, so the diff can be another", "recorded", recorded, "used", dir)
		case n.app.configGiven || exists(n.app.configPath):
			n.app.log.Warn("this night was recorded with SQL of its own, which is not used, so the diff can be another: --sql or transform.sql would name it", "recorded", recorded)
		default:
			dir = recorded
		}
	}
	n.sqlDir = dir
	n.sql, err = sqlFiles(dir)
	return err
}

// transform runs the SQL, and notes in the run which folder of a shop's own was laid over it.
func (n *night) transform(ctx context.Context) (*transform.Result, error) {
	start := n.app.env.Now()
	n.progress.Phase("transform")
	began := false
	lean := 0
	once := func() (*transform.Result, error) {
		report := func(file string, _, all int) {
			if mb := leanMB[file]; mb != lean {
				lean = mb
				_ = n.run.Lean(ctx, lean) // where that fails, it only takes more
			}
			if !began {
				n.progress.Begin("sql", int64(all))
				began = true
			} else {
				n.progress.Add("sql", 1)
			}
		}
		if n.staging == nil {
			if err := n.stage(ctx); err != nil {
				return nil, err
			}
			if err := n.staging.Again(ctx); err != nil {
				return nil, err
			}
		}
		return n.staging.Run(ctx, n.app.env.Now(), report)
	}
	result, err := once()
	for n.run.MoreMemory(ctx, err) {
		n.app.log.Info("the transformation needs more memory than a night does as a rule, and is made again with it")
		result, err = once()
	}
	n.progress.End("sql")
	n.summary.seconds("transform", n.app.env.Now().Sub(start))
	if err == nil {
		err = n.run.PutSettings(ctx, map[string]string{"transform.sql": n.sqlDir})
	}
	var broken *transform.SQLError
	if errors.As(err, &broken) && n.sqlDir != "" {
		err = usageError(fmt.Errorf("with the SQL of %s: %w", n.sqlDir, err))
	}
	return result, err
}

// leanMB are the files that write the texts of what is sent, a gigabyte where a million products are created, and what DuckDB gets for
// them: of such texts it has 150 MB in hand that it does not count.
var leanMB = map[string]int{"505_plan_candidates.sql": 200, "510_plan_changes.sql": 170}

// stage finds what can be run early.
func (n *night) stage(ctx context.Context) (err error) {
	if n.staging, err = transform.NewStaging(ctx, n.run.DB, n.sql); err == nil {
		n.staging.Free = n.run.FreeMemory
	}
	return err
}

// storedSQL takes the SQL that the run was transformed with.
func (n *night) storedSQL(ctx context.Context) (err error) {
	if n.sqlDir, err = ownSQLDir(ctx, n.run.DB); err != nil {
		return err
	}
	n.sql, err = transform.Stored(ctx, n.run.DB)
	return err
}

// ownSQLDir is the folder of a shop's own SQL that a run was transformed with; empty where there was none.
func ownSQLDir(ctx context.Context, db *sql.DB) (dir string, err error) {
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(value), '') FROM run.settings WHERE name = 'transform.sql'").Scan(&dir)
	if err != nil {
		return "", fmt.Errorf("read run.settings: %w", err)
	}
	return dir, nil
}

// ownSQL are the files that a run was transformed with and that are not this program's; none where the run had no SQL of its
// shop's own.
func ownSQL(ctx context.Context, db *sql.DB) (map[string][]byte, error) {
	dir, err := ownSQLDir(ctx, db)
	if err != nil || dir == "" {
		return nil, err
	}
	stored, err := transform.Stored(ctx, db)
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(stored, "*.sql")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range names {
		text, err := fs.ReadFile(stored, name)
		if err != nil {
			return nil, err
		}
		if embedded, err := fs.ReadFile(transform.SQL(), name); err != nil || !bytes.Equal(embedded, text) {
			files[name] = text
		}
	}
	return files, nil
}
