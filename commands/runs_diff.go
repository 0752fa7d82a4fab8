package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"magento-optiply/store"
)

func (a *app) runsDiffCommand() *cli.Command {
	o := &sqlOptions{}
	return &cli.Command{
		Name:      "diff",
		Usage:     "what changed between two nights: products, stock and orders",
		ArgsUsage: "RUN1 RUN2",
		Description: "Compares what Optiply should hold after each run. What a run did not read is as Optiply held it, so that a night that read only\n" +
			"what changed compares with a full one. As a table: counts; csv and json: every row.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Destination: &o.format, Value: "table", Usage: "`FORMAT`: table, csv or json"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &o.output, Usage: "write to `FILE`, whole or not at all"},
		},
		Action: func(c *cli.Context) error {
			list, err := a.trailingOptions(c)
			if err != nil {
				return err
			}
			if len(list) != 2 || list[0] == list[1] {
				return usageError(errors.New("runs diff takes two run ids, RUN1 and RUN2; `runs` lists them"))
			}
			if err := a.checkFormat(o.format, o.output, "table", "csv", "json"); err != nil {
				return err
			}
			return a.diffRuns(c.Context, list[0], list[1], o)
		},
	}
}

func (a *app) diffRuns(ctx context.Context, id1, id2 string, o *sqlOptions) (err error) {
	shop, err := a.shopToRead()
	if err != nil {
		return err
	}
	reading, _, err := shop.OpenReading(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reading.Close()) }()
	for i, id := range []string{id1, id2} {
		if err := attachPlanned(ctx, shop, reading, id, fmt.Sprintf("run%d", i+1)); err != nil {
			return err
		}
	}
	text, err := diffQuery(ctx, reading)
	if err != nil {
		return err
	}
	out, err := a.openPaged(o.output)
	if err != nil {
		return err
	}
	defer func() { err = out.close(err) }()
	if o.format == "table" {
		return a.countDiff(ctx, out, reading, text, id1, id2)
	}
	answer, err := reading.Ask(ctx, text)
	if err != nil {
		return err
	}
	return a.writeAnswer(ctx, out, answer, o, "")
}

// diffQuery is the question for the rows. Runs of an older program have no attributes of the shop's own mapping.
func diffQuery(ctx context.Context, reading *store.Reading) (string, error) {
	rows, err := readQuery("diff/rows.sql")
	if err != nil {
		return "", err
	}
	extra, err := readQuery("diff/extra.sql")
	if err != nil {
		return "", err
	}
	tables, err := askRows(ctx, reading, "SELECT count(*) AS n FROM duckdb_tables() WHERE database_name IN ('run1', 'run2') AND schema_name = 'model' AND table_name = 'extra_attributes'")
	if err != nil || tables.at(0, "n") != "2" {
		return rows, err
	}
	return "FROM (FROM (\n" + strings.TrimSuffix(rows, ";") + "\n) UNION ALL FROM (\n" + strings.TrimSuffix(extra, ";") +
		"\n)) ORDER BY entity, change, try_cast(remote_id AS BIGINT), remote_id, attribute", nil
}

// attachPlanned adds a run that was transformed.
func attachPlanned(ctx context.Context, shop *store.Shop, reading *store.Reading, id, name string) error {
	ref, err := shop.Find(id)
	if err != nil {
		return err
	}
	if ref.Partial {
		return usageError(fmt.Errorf("run %s is not read whole: go on with `extract --resume`, then `transform`", id))
	}
	if err := reading.Attach(ctx, ref, name); err != nil {
		return err
	}
	found, err := askRows(ctx, reading, "SELECT transformed_at FROM "+name+".run.info")
	if err == nil && found.at(0, "transformed_at") == "" {
		err = usageError(fmt.Errorf("run %s has nothing to compare yet: make it with `transform --run %s`", id, id))
	}
	return err
}

// countDiff prints the counts, and what besides the shop is another.
func (a *app) countDiff(ctx context.Context, out *output, reading *store.Reading, text, id1, id2 string) error {
	counts, err := askRows(ctx, reading, "SELECT entity, change, attribute, count(*) AS rows, min(coalesce(sku, remote_id)) AS example FROM (\n"+
		strings.TrimSuffix(text, ";")+"\n) GROUP BY ALL ORDER BY entity, change, rows DESC, attribute")
	if err != nil {
		return err
	}
	why, err := readQuery("diff/reasons.sql")
	if err != nil {
		return err
	}
	reasons, err := askRows(ctx, reading, why)
	if err != nil {
		return err
	}
	p := page{plain: out.file != nil || !a.env.StdoutTerminal, width: min(terminalWidth(a.env), maxPage)}
	fmt.Fprintf(&p, "From run %s to run %s\n\n", id1, id2)
	if len(counts.Cells) == 0 {
		p.line("nothing is another")
	} else {
		p.table(sectionGrid(counts, []string{"entity", "change", "attribute", "rows", "example"}, []string{"entity", "change", "attribute", "rows", "example"}))
	}
	if len(reasons.Cells) > 0 {
		p.heading("Not the shop, but the runs", "settings and rules that are others")
		for i := range reasons.Cells {
			p.line(fmt.Sprintf("%s %s: %s -> %s", reasons.at(i, "kind"), reasons.at(i, "name"), quoted(reasons.at(i, "before")), quoted(reasons.at(i, "after"))))
		}
	}
	fmt.Fprintf(&p, "\nEvery row:\n    magento-optiply runs diff --format csv %s %s\n", id1, id2)
	_, err = fmt.Fprint(out, trimLines(p.String()))
	return err
}
