package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"magento-optiply/load"
	"magento-optiply/store"
)

type planOptions struct {
	runID, entity, format, output string
}

func (a *app) planCommand() *cli.Command {
	o := &planOptions{}
	return &cli.Command{
		Name:  "plan",
		Usage: "show what load would send, with before and after",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "run", Destination: &o.runID, Usage: "run `ID`; default the latest that is finished"},
			&cli.StringFlag{Name: "entity", Destination: &o.entity, Usage: "only this `ENTITY`: products or sell_orders"},
			&cli.StringFlag{Name: "format", Destination: &o.format, Value: "table", Usage: "`FORMAT`: table, csv, json, parquet"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &o.output, Usage: "write to `FILE`, whole or not at all"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return a.runPlan(c.Context, o)
		},
	}
}

// planRows is what the formats for machines give: one row a request, in the order in which load sends them.
// docs/plan.md is the contract of its fields.
const planRows = `SELECT seq, entity, op, remote_id, optiply_id, sku, changed, before, attributes AS after, lines, reason,
	(SELECT run_id FROM run.info) AS run_id, (SELECT hash FROM plan.summary) AS plan_hash
FROM plan.changes WHERE entity LIKE '%s' ORDER BY seq`

// plan is the head of a run's plan.
type plan struct {
	RunID   string
	Hash    string
	Changes []changeSummary
	Held    map[string]int64 // rows of run.issues of kind held, by entity
	Broken  []string         // checks that found something: load refuses such a plan
	deletions
	Guards []guardSummary // that hold the whole plan until it is released
}

func (a *app) runPlan(ctx context.Context, o *planOptions) (err error) {
	if o.entity != "" && o.entity != "products" && o.entity != "sell_orders" {
		return usageError(fmt.Errorf("--entity %s: it is products or sell_orders", o.entity))
	}
	if err := a.checkFormat(o.format, o.output, "table", "csv", "json", "parquet"); err != nil {
		return err
	}
	run, err := a.openPlanned(ctx, o.runID)
	if err != nil {
		return err
	}
	head, err := readPlanHead(ctx, run, o.entity)
	if err != nil {
		return errors.Join(err, run.Close())
	}
	export := ""
	if o.format == "parquet" {
		dir, err := os.MkdirTemp("", "magento-optiply-")
		if err != nil {
			return errors.Join(err, run.Close())
		}
		defer os.RemoveAll(dir)
		export = filepath.Join(dir, "plan.parquet")
	}
	reading, err := run.Reading(ctx, export)
	if err != nil {
		return errors.Join(err, run.Close())
	}
	err = a.writePlan(ctx, reading, head, o, export)
	return errors.Join(err, reading.Close())
}

// openPlanned opens a run that has a plan.
func (a *app) openPlanned(ctx context.Context, id string) (*store.Run, error) {
	shop, err := a.shopToRead()
	if err != nil {
		return nil, err
	}
	ref, err := findRun(shop, id)
	if err != nil {
		return nil, err
	}
	run, err := a.openRef(ctx, shop, ref)
	if err != nil {
		return nil, err
	}
	var transformed bool
	err = run.DB.QueryRowContext(ctx, "SELECT transformed_at IS NOT NULL FROM run.info").Scan(&transformed)
	switch {
	case err != nil:
		err = fmt.Errorf("read run.info: %w", err)
	case !transformed && ref.Partial:
		err = usageError(fmt.Errorf("run %s is not read whole, so it has no plan: go on with `extract --resume`, then `transform`", ref.ID))
	case !transformed:
		err = usageError(fmt.Errorf("run %s has no plan yet: make it with `transform --run %s`", ref.ID, ref.ID))
	}
	if err != nil {
		return nil, errors.Join(err, run.Close())
	}
	return run, nil
}

func readPlanHead(ctx context.Context, run *store.Run, entity string) (p plan, err error) {
	p = plan{RunID: run.ID, Held: map[string]int64{}}
	if p.Changes, p.Hash, err = planCounts(ctx, run.DB, entity); err != nil {
		return p, err
	}
	if entity != "sell_orders" {
		if p.deletions, err = readDeletions(ctx, run.DB); err != nil {
			return p, err
		}
	}
	guards, err := load.Guards(ctx, run, nil)
	if err != nil {
		return p, err
	}
	for _, g := range guards {
		p.Guards = append(p.Guards, guardSummary(g))
	}
	rows, err := run.DB.QueryContext(ctx, `SELECT entity, count(*), '' FROM run.issues WHERE kind = 'held' AND ? IN ('', entity) GROUP BY entity
		UNION ALL SELECT file, rows, coalesce(sample, '') FROM run.steps WHERE checked AND rows > 0 ORDER BY ALL`, entity)
	if err != nil {
		return p, fmt.Errorf("read what the plan leaves out: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, sample string
		var n int64
		if err := rows.Scan(&name, &n, &sample); err != nil {
			return p, fmt.Errorf("read what the plan leaves out: %w", err)
		}
		if strings.HasSuffix(name, ".sql") {
			p.Broken = append(p.Broken, fmt.Sprintf("%s found %s (%s)", name, plural(n, "row"), sample))
		} else {
			p.Held[name] = n
		}
	}
	return p, rows.Err()
}

func (a *app) writePlan(ctx context.Context, reading *store.Reading, head plan, o *planOptions, export string) (err error) {
	pattern := o.entity
	if pattern == "" {
		pattern = "%"
	}
	answer, err := reading.Ask(ctx, fmt.Sprintf(planRows, pattern))
	if err != nil {
		return err
	}
	out, err := a.openOutput(o.output)
	if err != nil {
		return err
	}
	defer func() { err = out.close(err) }()
	if o.format != "table" {
		a.printPlanHead(a.env.Stderr, head, a.env.StderrTerminal)
		return a.writeAnswer(ctx, out, answer, &sqlOptions{format: o.format}, export)
	}
	a.printPlanHead(out, head, out.file == nil && a.env.StdoutTerminal)
	if err := writeChanges(ctx, out, answer); err != nil || len(head.Verdicts) == 0 {
		return err
	}
	return writeKept(ctx, out, reading)
}

// printPlanHead prints the counts and the hash.
func (a *app) printPlanHead(w io.Writer, p plan, terminal bool) {
	var all int64
	g := grid{Plain: !terminal, Columns: []column{{Name: "entity"}, {Name: "operation"}, {Name: "planned", Right: true}}}
	for _, c := range p.Changes {
		all += c.Planned
		g.Rows = append(g.Rows, []string{c.Entity, c.Op, count(c.Planned)})
	}
	fmt.Fprintf(w, "Plan %s of run %s: %s to send\n", p.Hash, p.RunID, plural(all, "change"))
	if len(p.Changes) > 0 {
		fmt.Fprintln(w)
		_ = g.print(w)
	}
	var held []string
	for _, entity := range []string{"products", "sell_orders", "sell_order_lines"} {
		if n := p.Held[entity]; n > 0 {
			held = append(held, count(n)+" "+entity)
		}
	}
	if len(held) > 0 {
		fmt.Fprintf(w, "\nHeld: %s; see why with: magento-optiply sql \"FROM run.issues WHERE kind = 'held'\"\n", strings.Join(held, ", "))
	}
	p.deletions.print(w)
	for _, g := range p.Guards {
		fmt.Fprintf(w, "\nA guard holds this plan: %s: %s\n", g.Name, printable(g.Reason))
	}
	if len(p.Guards) > 0 {
		fmt.Fprintf(w, "If it is right, send it with:\n    %s\n", releaseCommand(p.RunID, p.Guards))
	}
	for _, b := range p.Broken {
		fmt.Fprintf(w, "\nload refuses this plan: %s\n", printable(b))
	}
	fmt.Fprintln(w)
}
