package commands

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"magento-optiply/adopt"
	"magento-optiply/optiply"
	"magento-optiply/store"
)

type reconcileOptions struct {
	sample, format, output string
	fix                    bool
}

func (a *app) reconcileCommand() *cli.Command {
	o := &reconcileOptions{}
	return &cli.Command{
		Name:  "reconcile",
		Usage: "read products back from Optiply, and tell where it is not as it is known to be",
		Description: "Compares what Optiply holds with what it is known to hold (the state), and sends nothing. Exit code 3 where they differ.\n" +
			"With --fix the state takes over what Optiply holds, so that the next run sends what must be. docs/reconcile.md tells more.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "sample", Destination: &o.sample, Usage: "only `N%` of the products, others each day, so that over the days all are seen; default all"},
			&cli.BoolFlag{Name: "fix", Destination: &o.fix, Usage: "correct the state, so that the next run sends what must be"},
			&cli.StringFlag{Name: "format", Destination: &o.format, Value: "table", Usage: "`FORMAT`: table, json or csv; table names the first rows"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &o.output, Usage: "write to `FILE`, whole or not at all"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return a.reconcile(c.Context, o)
		},
	}
}

// parseSample reads N%, as a part of all; 100 where it is empty.
func parseSample(option, text string) (float64, error) {
	if text == "" {
		return 100, nil
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(text), "%"), 64)
	if err != nil || !(percent >= 0.1 && percent <= 100) {
		return 0, usageError(fmt.Errorf("--%s %s: it is a part of the products such as 5%%, from 0.1%% to 100%%", option, text))
	}
	return percent, nil
}

func (a *app) reconcile(ctx context.Context, o *reconcileOptions) (err error) {
	if err := a.checkFormat(o.format, o.output, "table", "json", "csv"); err != nil {
		return err
	}
	percent, err := parseSample("sample", o.sample)
	if err != nil {
		return err
	}
	n, err := a.begin(ctx, "reconcile", needs{optiply: true})
	if err != nil {
		return err
	}
	defer n.endInto(&err)
	if o.fix {
		n.run, err = n.shop.OpenState(ctx, store.Write)
	} else {
		n.run, err = a.openStateToRead(ctx, n.shop) // a look changes nothing
	}
	if err != nil {
		return err
	}
	client, done, err := a.openOptiply(ctx, n.cfg, n.shop)
	if err != nil {
		return err
	}
	n.stop = append(n.stop, done)
	out, err := a.openOutput(o.output)
	if err != nil {
		return err
	}
	defer func() { err = out.close(err) }()
	r, err := n.compare(ctx, client, percent, o.fix)
	if err == nil {
		n.progress.Finish()
	}
	n.progress.Close()
	n.closeInto(&err) // the state is let go before it is told, which can last where a pager shows it
	if r == nil {
		return err
	}
	if perr := a.printReconciled(out, r, o.format); perr != nil {
		return errors.Join(err, perr)
	}
	if err == nil && r.drifted() > 0 {
		err = &exitError{code: exitIncomplete} // invariant 10
	}
	return err
}

// reconciled is what a reconciliation found.
type reconciled struct {
	*adopt.Reconciled
	Sample adopt.Sample
	Fix    bool
	rows   []adopt.Drift
}

// drifted is how many products are not as the state has them.
func (r *reconciled) drifted() int64 { return r.Drifted + r.Gone }

// compare reconciles a part of the products. The result is there also where correcting was refused.
func (n *night) compare(ctx context.Context, client *optiply.Client, percent float64, fix bool) (*reconciled, error) {
	n.progress.Phase("reconcile")
	r := &reconciled{Sample: adopt.SampleOf(percent, n.app.env.Now()), Fix: fix}
	job := adopt.Reconciliation{Run: n.run, Client: client, CouplingID: n.cfg.Optiply.CouplingID, Sample: r.Sample, Fix: fix, Recreate: n.cfg.Load.RecreateMissing,
		Now: n.app.env.Now, Progress: n.progress, Log: n.app.log, Found: func(d adopt.Drift) error { r.rows = append(r.rows, d); return nil }}
	var err error
	if r.Reconciled, err = job.Reconcile(ctx); r.Reconciled == nil {
		return nil, err
	}
	if errors.Is(err, adopt.ErrOtherAccount) {
		return r, &exitError{code: exitHeldBack, err: err}
	}
	return r, err
}

func (a *app) printReconciled(w io.Writer, r *reconciled, format string) error {
	switch format {
	case "csv":
		out := csv.NewWriter(w)
		_ = out.Write([]string{"kind", "remote_id", "optiply_id", "sku", "attribute", "state", "optiply"}) // its error comes back from Flush
		for _, d := range r.rows {
			_ = out.Write([]string{d.Kind, d.RemoteID, d.OptiplyID, d.SKU, d.Attribute, d.Here, d.There})
		}
		out.Flush()
		sayReconciled(a.env.Stderr, r)
		return out.Error()
	case "json":
		sayReconciled(a.env.Stderr, r)
		return r.json(w)
	}
	var b strings.Builder
	r.table(&b, !a.env.StdoutTerminal)
	sayReconciled(&b, r)
	_, err := io.WriteString(w, trimLines(b.String()))
	return err
}

// table counts by attribute, and names the first rows of each and what is gone.
func (r *reconciled) table(w io.Writer, plain bool) {
	g := grid{Plain: plain, Columns: []column{{Name: "attribute"}, {Name: "products", Right: true}}}
	for _, c := range r.Attributes {
		g.Rows = append(g.Rows, []string{c.Attribute, count(c.Products)})
	}
	if len(g.Rows) > 0 {
		_ = g.print(w)
	}
	shown := map[string]int{}
	for _, d := range r.rows {
		what := d.Kind + d.Attribute
		if shown[what]++; shown[what] > shownFindings {
			continue
		}
		line := fmt.Sprintf("  %s (%s), at Optiply %s: ", d.RemoteID, d.SKU, d.OptiplyID)
		if d.Kind == adopt.IsGone {
			line += "Optiply does not have it any more"
		} else {
			line += fmt.Sprintf("%s is %q, and was sent as %q", d.Attribute, d.There, d.Here)
		}
		fmt.Fprintln(w, printable(line))
	}
	for _, n := range shown {
		if n > shownFindings {
			fmt.Fprintln(w, "  and more; `reconcile --format csv` lists all")
			break
		}
	}
}

// sayReconciled is what came of it, in words.
func sayReconciled(w io.Writer, r *reconciled) {
	part := ""
	if r.Sample.Of > 1 {
		part = fmt.Sprintf(" (sample %d of %d, by the date)", r.Sample.Number+1, r.Sample.Of)
	}
	fmt.Fprintf(w, "%s of %s looked at%s: %s, %s gone from Optiply. At Optiply and not in the state: %s, %s of them with a remote id of this coupling.\n",
		count(r.LookedAt), plural(r.Products, "product"), part, differs(r.Drifted), count(r.Gone), count(r.UnknownThere), count(r.UnknownOurs))
	switch {
	case r.drifted() == 0:
	case r.Corrected > 0:
		fmt.Fprintf(w, "%s of the state corrected: the next diff sends what must be.\n", plural(r.Corrected, "row"))
	case !r.Fix:
		fmt.Fprintln(w, "Nothing was changed; --fix corrects the state, so that the next run sends what must be.")
	}
	if r.Fix && r.Corrected < r.drifted() {
		fmt.Fprintln(w, "What is gone is created again only with load.recreate_missing: true; else its next update is held by name.")
	}
}

func differs(n int64) string {
	if n == 1 {
		return "1 differs"
	}
	return count(n) + " differ"
}

// reconcileSummary is a reconciliation in the summary of a run.
type reconcileSummary struct {
	Sample       string            `json:"sample"` // 3/20: the third of twenty samples; 1/1: all
	Products     int64             `json:"products"`
	LookedAt     int64             `json:"looked_at"`
	Drifted      int64             `json:"drifted"`
	Gone         int64             `json:"gone"`
	UnknownThere int64             `json:"unknown_there"`
	UnknownOurs  int64             `json:"unknown_ours"`
	Corrected    int64             `json:"corrected"`
	Attributes   []attributeDrifts `json:"attributes"`
}

type attributeDrifts struct {
	Attribute string `json:"attribute"`
	Products  int64  `json:"drifts"`
}

func (r *reconciled) summary() *reconcileSummary {
	s := &reconcileSummary{Sample: fmt.Sprintf("%d/%d", r.Sample.Number+1, r.Sample.Of), Products: r.Products, LookedAt: r.LookedAt, Drifted: r.Drifted, Gone: r.Gone,
		UnknownThere: r.UnknownThere, UnknownOurs: r.UnknownOurs, Corrected: r.Corrected, Attributes: []attributeDrifts{}}
	for _, c := range r.Attributes {
		s.Attributes = append(s.Attributes, attributeDrifts(c))
	}
	return s
}

func (r *reconciled) json(w io.Writer) error {
	type row struct {
		Kind      string `json:"kind"`
		RemoteID  string `json:"remote_id"`
		OptiplyID string `json:"optiply_id"`
		SKU       string `json:"sku"`
		Attribute string `json:"attribute"`
		Here      string `json:"state"`
		There     string `json:"optiply"`
	}
	doc := struct {
		*reconcileSummary
		Rows []row `json:"rows"`
	}{r.summary(), []row{}}
	for _, d := range r.rows {
		doc.Rows = append(doc.Rows, row(d))
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}

// reconcileIn looks at a part of the products in a run, before its diff is made.
func (n *night) reconcileIn(ctx context.Context, client *optiply.Client, o *runOptions) error {
	if o.reconcile == "" {
		return nil
	}
	percent, err := parseSample("reconcile", o.reconcile)
	if err != nil {
		return err
	}
	r, err := n.compare(ctx, client, percent, o.fix)
	if r != nil {
		n.summary.Reconcile = r.summary()
		if !n.app.logJSON {
			n.reconciled = r // told with the summary
		}
	}
	return err
}
