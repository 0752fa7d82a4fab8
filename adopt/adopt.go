// Package adopt takes over what Optiply holds already: a shop whose products an older program or another coupling brought
// there, or a state file that was put back from a backup and lags behind. It reads all products and sell orders of the
// account, finds out with SQL which of the shop's they are, and writes what it found into the state, where the next diff
// begins. It is no load, because it sends nothing, and no extraction, because it reads Optiply.
//
// Nothing is guessed. What could be two things is named, and held from being created until somebody has told (invariant 2).
package adopt

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"magento-optiply/optiply"
	"magento-optiply/store"
)

//go:embed tables.sql
var tablesSQL string

//go:embed sql/*.sql
var embedded embed.FS

// Progress hears what is read, to draw it.
type Progress interface {
	Begin(step string, total int64)
	Add(step string, rows int)
	End(step string)
}

// Job is one adoption.
type Job struct {
	// Run has the state open for writing and, where HasList is true, a run file: its products and orders are the shop's.
	Run     *store.Run
	HasList bool

	Client     *optiply.Client
	CouplingID int64 // whose remote ids count
	BySKU      bool  // match by SKU what has neither a remote id nor an article code
	Snapshot   []Row // of the notebook; it may choose among what remoteIdMap names
	DryRun     bool  // change nothing
	Lags       bool  // an older state was put back: that it was brought up is kept, also where nothing differs
	// Found hears every finding, in the order in which people read them, when all is written. An account can hold a million
	// orders, so they are not kept.
	Found    func(Finding) error
	Now      func() time.Time
	Progress Progress
	Log      *slog.Logger

	conn *sql.Conn
}

// Count is how many findings there are of one kind. Way is empty for those that have none.
type Count struct {
	Entity, Finding, Way string
	Rows                 int64
}

// Finding is one row of adopt.findings: a thing that was matched, or why it was not.
type Finding struct {
	Finding, Entity, Way, RemoteID, OptiplyID, SKU, Reason string
}

// The kinds of findings.
const (
	Matched        = "matched"
	Ambiguous      = "ambiguous"
	UnmatchedHere  = "unmatched here"
	UnmatchedThere = "unmatched there"
	Gone           = "gone" // the state or a snapshot names an id that Optiply does not have
)

// Result is what an adoption found and changed.
type Result struct {
	Adoption string // empty where nothing was written
	Counts   []Count
	Changed  int64 // rows of the state that are new or differ
	Held     int64 // things at Optiply whose like is not created, because they may be it
}

// Rows counts the findings of one kind.
func (r *Result) Rows(finding string) (n int64) {
	for _, c := range r.Counts {
		if c.Finding == finding {
			n += c.Rows
		}
	}
	return n
}

// Adopt does it. The state changes in one transaction, and not at all on an error.
func (j *Job) Adopt(ctx context.Context) (result *Result, err error) {
	// The database in memory belongs to all connections; what an adoption that failed left in it goes with the next.
	if j.conn, err = j.Run.DB.Conn(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.conn.Close()) }()
	if _, err := j.conn.ExecContext(ctx, tablesSQL); err != nil {
		return nil, fmt.Errorf("make room for what Optiply holds: %w", err)
	}
	if err := j.keepSnapshot(ctx); err != nil {
		return nil, err
	}
	for _, kind := range []struct{ entity, name string }{{"products", optiply.Products}, {"sell_orders", optiply.SellOrders}} {
		if err := j.readAll(ctx, kind.entity, kind.name); err != nil {
			return nil, err
		}
	}
	if err := j.match(ctx); err != nil {
		return nil, err
	}
	if result, err = j.count(ctx); err != nil {
		return nil, err
	}
	if !j.DryRun {
		ctx = context.WithoutCancel(ctx) // what is taken over is listed too
		if result.Adoption, err = j.write(ctx); err != nil {
			return nil, err
		}
	}
	return result, j.findings(ctx)
}

// match runs the SQL that compares both sides.
func (j *Job) match(ctx context.Context) error {
	if _, err := j.conn.ExecContext(ctx, fmt.Sprintf("SET VARIABLE by_sku = %t; SET VARIABLE state_lags = %t", j.BySKU, j.Lags)); err != nil {
		return err
	}
	names := []string{"110_products_there", "120_sell_orders_there"}
	if j.HasList {
		names = append(names, "130_products_here", "140_sell_orders_here")
	}
	for _, name := range append(names, "210_evidence", "220_pairs", "310_findings", "320_unadopted", "330_adopted") {
		if err := j.run(ctx, j.conn, name); err != nil {
			return err
		}
	}
	return nil
}

// write brings what was found into the state.
func (j *Job) write(ctx context.Context) (adoption string, err error) {
	now := j.Now().UTC()
	// No id of a run: an adoption does not overtake one (section 9.6).
	adoption = "adopt-" + now.Format("20060102T150405.000000Z")
	tx, err := j.conn.BeginTx(ctx, nil)
	if err != nil {
		return "", fmt.Errorf("write the state: %w", err)
	}
	for _, name := range []string{"410_ledger", "420_state_products", "430_state_sell_orders", "440_state_unadopted", "450_state_adoptions"} {
		args := []any{adoption, now}
		if name == "440_state_unadopted" {
			args = nil
		}
		if err := j.run(ctx, tx, name, args...); err != nil {
			return "", errors.Join(err, tx.Rollback())
		}
	}
	if err := tx.Commit(); err != nil {
		return "", fmt.Errorf("write the state: %w", err)
	}
	return adoption, nil
}

// SQL returns the embedded files.
func SQL() fs.FS {
	fsys, err := fs.Sub(embedded, "sql")
	if err != nil {
		panic(err) // the folder is compiled in
	}
	return fsys
}

func (j *Job) run(ctx context.Context, on interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}, name string, args ...any) error {
	text, err := fs.ReadFile(SQL(), name+".sql")
	if err != nil {
		return err
	}
	if _, err := on.ExecContext(ctx, string(text), args...); err != nil {
		return fmt.Errorf("adopt/sql/%s.sql: %w", name, err)
	}
	return nil
}

// count reads how much the SQL has found.
func (j *Job) count(ctx context.Context) (*Result, error) {
	rows, err := j.conn.QueryContext(ctx, `SELECT entity, finding, by_way, count(*) AS rows
		FROM (SELECT entity, finding, CASE finding WHEN 'matched' THEN way ELSE '' END AS by_way FROM adopt.findings) GROUP BY entity, finding, by_way
		ORDER BY entity, list_position(['matched', 'ambiguous', 'unmatched here', 'unmatched there', 'gone'], finding), by_way`)
	if err != nil {
		return nil, fmt.Errorf("count what was found: %w", err)
	}
	defer rows.Close()
	r := &Result{}
	for rows.Next() {
		var c Count
		if err := rows.Scan(&c.Entity, &c.Finding, &c.Way, &c.Rows); err != nil {
			return nil, fmt.Errorf("count what was found: %w", err)
		}
		r.Counts = append(r.Counts, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("count what was found: %w", err)
	}
	err = j.conn.QueryRowContext(ctx, "SELECT (SELECT count(*) FROM adopt.adopted), (SELECT count(DISTINCT (entity, optiply_id)) FROM adopt.unadopted)").
		Scan(&r.Changed, &r.Held)
	if err != nil {
		return nil, fmt.Errorf("count what was found: %w", err)
	}
	return r, nil
}

// findings tells what the SQL has found.
func (j *Job) findings(ctx context.Context) error {
	rows, err := j.conn.QueryContext(ctx, `SELECT finding, entity, coalesce(way, ''), coalesce(remote_id, ''), coalesce(optiply_id, ''), coalesce(sku, ''), coalesce(reason, '')
		FROM adopt.findings`)
	if err != nil {
		return fmt.Errorf("read what was found: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var f Finding
		if err := rows.Scan(&f.Finding, &f.Entity, &f.Way, &f.RemoteID, &f.OptiplyID, &f.SKU, &f.Reason); err != nil {
			return fmt.Errorf("read what was found: %w", err)
		}
		if err := j.Found(f); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Needed tells whether a shop has to adopt before it may write to an account that is not empty: its state knows of nothing
// at Optiply, nothing was ever sent, and nobody has looked what is there.
func Needed(ctx context.Context, run *store.Run) (needed bool, err error) {
	err = run.DB.QueryRowContext(ctx, `SELECT NOT EXISTS (FROM state.products) AND NOT EXISTS (FROM state.sell_orders)
		AND NOT EXISTS (FROM state.ledger) AND NOT EXISTS (FROM state.adoptions)`).Scan(&needed)
	if err != nil {
		return false, fmt.Errorf("look whether the state is empty: %w", err)
	}
	return needed, nil
}

// stepName is how progress calls the reading of an entity.
func stepName(entity string) string { return strings.ReplaceAll(entity, "_", " ") + " at Optiply" }
