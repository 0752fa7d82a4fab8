package adopt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"magento-optiply/optiply"
	"magento-optiply/store"
)

// Reconciliation reads products back from Optiply and compares them with the state. It sends nothing: where it is asked to
// correct, the state takes over what Optiply holds, so that the next diff plans what must be sent (invariant 2, section 9).
type Reconciliation struct {
	Run        *store.Run // the state, open for writing where Fix is true
	Client     *optiply.Client
	CouplingID int64
	Sample     Sample
	Fix        bool
	Recreate   bool // load.recreate_missing: what is gone is forgotten, and so created again
	Found      func(Drift) error
	Now        func() time.Time
	Progress   Progress
	Log        *slog.Logger
}

// Sample is which part of the products is looked at: the Number-th, from 0, of Of parts; all where Of is 1.
type Sample struct{ Of, Number int }

// SampleOf is the sample of a day, of about so many percent. As many days as there are samples see all products; the number of
// samples is no multiple of 7, so that one who looks once a week comes round too.
func SampleOf(percent float64, day time.Time) Sample {
	of := max(int(math.Ceil(100/percent-1e-9)), 1)
	if of%7 == 0 {
		of++
	}
	return Sample{Of: of, Number: int(day.UTC().Unix()/86400) % of}
}

// Drift is a row of adopt.drift: an attribute that differs, or a product that is gone.
type Drift struct {
	Kind, RemoteID, OptiplyID, SKU, Attribute, Here, There string
}

// The kinds of drift.
const (
	Differs = "drift"
	IsGone  = "gone"
)

// Reconciled is what a reconciliation found and changed.
type Reconciled struct {
	Products int64 // in the state
	LookedAt int64
	Drifted  int64 // products that differ
	Gone     int64
	// UnknownThere are products at Optiply, among those that were read, that the state does not know; UnknownOurs those of them with
	// a remote id of our coupling.
	UnknownThere, UnknownOurs int64
	Corrected                 int64 // rows of the state
	Attributes                []AttributeCount
}

// AttributeCount is how many products differ in an attribute.
type AttributeCount struct {
	Attribute string
	Products  int64
}

// ErrOtherAccount keeps a state from being corrected by an account that it is not of.
var ErrOtherAccount = errors.New("most of the products that were looked at are not in this Optiply account, so nothing is corrected: is optiply.account_id the one that this state is of? If it is, and somebody emptied it, use `adopt`")

// mostGone is how many products may be gone before it is asked whether the account is the right one.
const mostGone = 10

// Reconcile does it. The state changes in one transaction, and not at all on an error or without Fix.
func (r *Reconciliation) Reconcile(ctx context.Context) (found *Reconciled, err error) {
	j := &Job{Run: r.Run, Client: r.Client, CouplingID: r.CouplingID, Now: r.Now, Progress: r.Progress, Log: r.Log}
	if j.conn, err = r.Run.DB.Conn(ctx); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.conn.Close()) }()
	variables := fmt.Sprintf("SET VARIABLE sample_of = %d; SET VARIABLE sample_number = %d; SET VARIABLE recreate_missing = %t", r.Sample.Of, r.Sample.Number, r.Recreate)
	for _, text := range []string{tablesSQL, variables} {
		if _, err := j.conn.ExecContext(ctx, text); err != nil {
			return nil, fmt.Errorf("make room for what Optiply holds: %w", err)
		}
	}
	if err := j.run(ctx, j.conn, "505_looked_at"); err != nil {
		return nil, err
	}
	if err := r.read(ctx, j); err != nil {
		return nil, err
	}
	for _, name := range []string{"110_products_there", "510_drift", "520_corrected"} {
		if err := j.run(ctx, j.conn, name); err != nil {
			return nil, err
		}
	}
	if found, err = r.count(ctx, j); err != nil {
		return nil, err
	}
	if err := r.findings(ctx, j); err != nil || !r.Fix {
		return found, err
	}
	if found.Gone >= mostGone && 2*found.Gone > found.LookedAt {
		return found, ErrOtherAccount
	}
	return found, r.correct(context.WithoutCancel(ctx), j, found)
}

// read reads what is to be looked at: everything, or the blocks of the sample, each by as many pages as it has.
func (r *Reconciliation) read(ctx context.Context, j *Job) error {
	if r.Sample.Of <= 1 {
		return j.readAll(ctx, "products", optiply.Products)
	}
	blocks, err := r.blocks(ctx, j)
	if err != nil {
		return err
	}
	var all int64
	for _, b := range blocks {
		all += b.products
	}
	name := stepName("products")
	r.Progress.Begin(name, all)
	defer r.Progress.End(name)
	for _, b := range blocks {
		if err := r.readBlock(ctx, j, b); err != nil {
			return fmt.Errorf("read Optiply's products: %w", err)
		}
		r.Progress.Add(name, int(b.products))
	}
	return nil
}

// block is a range of ids at Optiply.
type block struct {
	after, upto string
	products    int64
}

func (r *Reconciliation) blocks(ctx context.Context, j *Job) (list []block, err error) {
	rows, err := j.conn.QueryContext(ctx, `SELECT coalesce((arg_min(struct_pack(id := after_id), optiply_id::BIGINT)).id, ''), arg_max(optiply_id, optiply_id::BIGINT), count(*)
		FROM adopt.looked_at GROUP BY block ORDER BY block`)
	if err != nil {
		return nil, fmt.Errorf("choose a sample: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var b block
		if err := rows.Scan(&b.after, &b.upto, &b.products); err != nil {
			return nil, fmt.Errorf("choose a sample: %w", err)
		}
		list = append(list, b)
	}
	return list, rows.Err()
}

func (r *Reconciliation) readBlock(ctx context.Context, j *Job, b block) error {
	var batch []resource
	for p, err := range r.Client.Above(ctx, optiply.Products, b.after) {
		if err != nil {
			return err
		}
		if optiply.LessID(b.upto, p.ID) {
			break
		}
		if batch = append(batch, j.resource(p)); len(batch) == batchRows {
			if err := j.keep(ctx, "products", batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
		if p.ID == b.upto {
			break
		}
	}
	return j.keep(ctx, "products", batch)
}

// count reads how much the SQL has found.
func (r *Reconciliation) count(ctx context.Context, j *Job) (*Reconciled, error) {
	f := &Reconciled{}
	err := j.conn.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM state.products), (SELECT count(*) FROM adopt.looked_at),
			(SELECT count(DISTINCT remote_id) FROM adopt.drift WHERE kind = 'drift'), (SELECT count(*) FROM adopt.drift WHERE kind = 'gone'),
			count(*), count(*) FILTER (remote_id_there IS NOT NULL)
		FROM adopt.products_there WHERE optiply_id NOT IN (SELECT optiply_id FROM state.products)`).
		Scan(&f.Products, &f.LookedAt, &f.Drifted, &f.Gone, &f.UnknownThere, &f.UnknownOurs)
	if err != nil {
		return nil, fmt.Errorf("count what differs: %w", err)
	}
	rows, err := j.conn.QueryContext(ctx, "SELECT attribute, count(*) FROM adopt.drift WHERE kind = 'drift' GROUP BY attribute ORDER BY count(*) DESC, attribute")
	if err != nil {
		return nil, fmt.Errorf("count what differs: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var a AttributeCount
		if err := rows.Scan(&a.Attribute, &a.Products); err != nil {
			return nil, fmt.Errorf("count what differs: %w", err)
		}
		f.Attributes = append(f.Attributes, a)
	}
	return f, rows.Err()
}

// findings tells what the SQL has found.
func (r *Reconciliation) findings(ctx context.Context, j *Job) error {
	rows, err := j.conn.QueryContext(ctx, `SELECT kind, remote_id, optiply_id, coalesce(sku, ''), coalesce(attribute, ''), coalesce(here, ''), coalesce(there, '')
		FROM adopt.drift ORDER BY kind, remote_id::BIGINT, attribute`)
	if err != nil {
		return fmt.Errorf("read what differs: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var d Drift
		if err := rows.Scan(&d.Kind, &d.RemoteID, &d.OptiplyID, &d.SKU, &d.Attribute, &d.Here, &d.There); err != nil {
			return fmt.Errorf("read what differs: %w", err)
		}
		if err := r.Found(d); err != nil {
			return err
		}
	}
	return rows.Err()
}

// correct brings what was found into the state, in one transaction.
func (r *Reconciliation) correct(ctx context.Context, j *Job, found *Reconciled) error {
	if err := j.conn.QueryRowContext(ctx, "SELECT count(*) FROM adopt.corrected").Scan(&found.Corrected); err != nil || found.Corrected == 0 {
		return err
	}
	now := r.Now().UTC()
	tx, err := j.conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("correct the state: %w", err)
	}
	// No id of a run: a reconciliation does not overtake one (section 9.6).
	args := []any{"reconcile-" + now.Format("20060102T150405.000000Z"), now}
	for _, name := range []string{"610_corrected_ledger", "620_corrected_products", "630_corrected_parked"} {
		if err := j.run(ctx, tx, name, args...); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	if err := j.run(ctx, tx, "640_corrected_gone"); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("correct the state: %w", err)
	}
	return nil
}
