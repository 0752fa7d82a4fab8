package commands

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"

	"magento-optiply/store"
)

// deletions are the verdicts on the products that Optiply holds as enabled and the shop does not list (diff.deletions).
type deletions struct {
	Verdicts []verdict
	NotAsked string // why there is no set; empty where there is one, or where none is wanted
}

// verdict counts the rows that were decided alike.
type verdict struct {
	Verdict, Reason string
	Rows            int64
}

// readDeletions reads what was decided, and why.
func readDeletions(ctx context.Context, db *sql.DB) (d deletions, err error) {
	var wanted, full bool
	err = db.QueryRowContext(ctx, `SELECT (SELECT count(*) FILTER (name IN ('sync.sync_product_deletions', 'run.deletions') AND value = 'true') = 2 FROM run.settings),
		coalesce(products_full, false) FROM run.info`).Scan(&wanted, &full)
	if err != nil {
		return d, fmt.Errorf("read what the run was for: %w", err)
	}
	if wanted && !full {
		d.NotAsked = "this run did not read the whole products listing, so nothing is known to be gone"
	}
	rows, err := db.QueryContext(ctx, `SELECT verdict, reason, count(*) FROM diff.deletions GROUP BY verdict, reason
		ORDER BY list_position(['disable', 'held', 'kept', 'off'], verdict), count(*) DESC, reason`)
	if err != nil {
		return d, fmt.Errorf("read diff.deletions: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var v verdict
		if err := rows.Scan(&v.Verdict, &v.Reason, &v.Rows); err != nil {
			return d, fmt.Errorf("read diff.deletions: %w", err)
		}
		d.Verdicts = append(d.Verdicts, v)
	}
	return d, rows.Err()
}

// print prints the verdicts and their reasons; nothing where there are none.
func (d deletions) print(w io.Writer) {
	if d.NotAsked != "" {
		fmt.Fprintf(w, "\nDeletions: %s\n", d.NotAsked)
	}
	if len(d.Verdicts) == 0 {
		return
	}
	var all int64
	for _, v := range d.Verdicts {
		all += v.Rows
	}
	fmt.Fprintf(w, "\nDeletions: %s in Optiply that the shop does not list\n", plural(all, "product"))
	for _, v := range d.Verdicts {
		fmt.Fprintf(w, "  %s %s: %s\n", v.Verdict, count(v.Rows), printable(v.Reason))
	}
}

// keptProducts are those of the set that stay as they are; the others are changes of the plan.
const keptProducts = "SELECT verdict, remote_id, sku_code, reason FROM diff.deletions WHERE verdict <> 'disable' ORDER BY try_cast(remote_id AS BIGINT), remote_id"

// writeKept prints a line for each product that seems to be gone and is not disabled.
func writeKept(ctx context.Context, w io.Writer, reading *store.Reading) error {
	answer, err := reading.Ask(ctx, keptProducts)
	if err != nil {
		return err
	}
	b := bufio.NewWriter(w)
	err = answer.Each(ctx, -1, func(row []sql.NullString) error {
		name := row[0].String + " products " + row[1].String
		if row[2].String != "" {
			name += " (" + row[2].String + ")"
		}
		_, _ = b.WriteString(printable(name+" status stays enabled: "+row[3].String) + "\n") // a bufio.Writer keeps its first error for Flush
		return nil
	})
	if ferr := b.Flush(); err == nil {
		err = ferr
	}
	return err
}
