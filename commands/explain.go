package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"magento-optiply/store"
	"magento-optiply/transform"
)

// explainTransform prints the chain of tables, by the headers of the files: what each reads, what it makes, and, where there
// is a run that was transformed, how many rows it made and how long that took.
func (a *app) explainTransform(ctx context.Context, id, dir string) error {
	cfg, shop, err := a.configToRead()
	if err != nil {
		return err
	}
	if dir == "" {
		dir = cfg.Transform.SQL
	}
	fsys, err := sqlFiles(dir)
	if err != nil {
		return err
	}
	chain, err := transform.Explain(fsys)
	if err != nil {
		return err
	}
	steps, err := a.stepsOf(ctx, shop, id)
	if err != nil {
		return err
	}
	if steps.run != "" {
		fmt.Fprintf(a.env.Stdout, "Rows and seconds are those of run %s.\n\n", steps.run)
	}
	width := 100
	if a.env.StdoutTerminal {
		width = terminalWidth(a.env)
	}
	for _, link := range chain {
		printLink(a.env.Stdout, link, steps.by[link.File], width)
	}
	return nil
}

// ranSteps are the steps of a run that was transformed, in words; run is empty where there is none.
type ranSteps struct {
	run string
	by  map[string]string
}

func (a *app) stepsOf(ctx context.Context, shop *store.Shop, id string) (ranSteps, error) {
	steps := ranSteps{by: map[string]string{}}
	ref, err := findRun(shop, id)
	if errors.Is(err, store.ErrNoRun) && id == "" {
		return steps, nil
	}
	if err != nil {
		return steps, err
	}
	run, err := a.openRef(ctx, shop, ref)
	if err != nil {
		return steps, err
	}
	rows, err := run.DB.QueryContext(ctx, "SELECT file, checked, rows, seconds FROM run.steps")
	if err != nil {
		return steps, errors.Join(fmt.Errorf("read run.steps: %w", err), run.Close())
	}
	for rows.Next() {
		var file string
		var checked bool
		var n int64
		var took float64
		if err := rows.Scan(&file, &checked, &n, &took); err != nil {
			return steps, errors.Join(fmt.Errorf("read run.steps: %w", err), rows.Close(), run.Close())
		}
		steps.run = ref.ID
		steps.by[file] = fmt.Sprintf("%s in %.2f s", plural(n, "row"), took)
		if checked {
			steps.by[file] = fmt.Sprintf("found %s in %.2f s", plural(n, "row"), took)
		}
	}
	return steps, errors.Join(rows.Err(), rows.Close(), run.Close())
}

func printLink(w io.Writer, link transform.Link, ran string, width int) {
	head := link.File
	if !link.Check {
		head += "  ->  " + link.Output
	}
	if link.Own {
		head += "  (the shop's own)"
	}
	if ran != "" && text.StringWidth(head+"  "+ran) > width {
		head += "\n    " + ran
	} else if ran != "" {
		head += "  " + ran
	}
	fmt.Fprintln(w, head)
	for _, part := range []struct{ word, says string }{{"", link.Purpose}, {"reads ", link.Inputs}, {"grain: ", link.Grain}} {
		if part.says == "" || link.Check && part.word != "" {
			continue
		}
		for _, line := range strings.Split(text.WrapSoft(part.word+part.says, width-4), "\n") {
			fmt.Fprintln(w, "    "+strings.TrimSpace(line))
		}
	}
	fmt.Fprintln(w)
}
