package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"magento-optiply/store"
)

type whyOptions struct {
	sku, remoteID, order string
	runID                string
	runs                 int
	format, output       string
}

func (a *app) whyCommand() *cli.Command {
	o := &whyOptions{}
	return &cli.Command{
		Name:      "why",
		Usage:     "why a product or an order is as it is: what was read, decided, sent and answered, and the last nights",
		ArgsUsage: "SKU",
		Description: "Tells the whole story of one SKU (or --remote-id, or --order) in one page: Magento's record, each step's row, the stock and where\n" +
			"it came from, the change and its cause, what was held or rejected, the requests and answers. Read-only; docs/why.md has the JSON.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "remote-id", Destination: &o.remoteID, Usage: "the product with this Magento `ID`"},
			&cli.StringFlag{Name: "order", Destination: &o.order, Usage: "the order with this `NUMBER`: its entity_id or its increment_id"},
			&cli.StringFlag{Name: "run", Destination: &o.runID, Usage: "as of run `ID`; default the latest that is finished"},
			&cli.IntFlag{Name: "runs", Destination: &o.runs, Value: 7, Usage: "a line for each of the last `N` nights"},
			&cli.StringFlag{Name: "format", Destination: &o.format, Value: "table", Usage: "`FORMAT`: table or json"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &o.output, Usage: "write to `FILE`, whole or not at all"},
		},
		Action: func(c *cli.Context) error {
			args, err := a.trailingOptions(c)
			if err != nil {
				return err
			}
			if len(args) > 1 {
				return usageError(errors.New("why takes one SKU: put one with spaces in quotes"))
			}
			if len(args) == 1 {
				o.sku = args[0]
			}
			return a.runWhy(c.Context, o)
		},
	}
}

// check refuses what names no record, or more than one.
func (o *whyOptions) check() error {
	given := 0
	for _, text := range []string{o.sku, o.remoteID, o.order} {
		if text != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return usageError(errors.New("why takes one SKU, or --remote-id ID, or --order NUMBER"))
	case o.runs < 1:
		return usageError(fmt.Errorf("--runs %d: it is a number of nights, 1 or more", o.runs))
	}
	return nil
}

// entity is what is asked for; it names the folder of its questions.
func (o *whyOptions) entity() string {
	if o.order != "" {
		return "sell_orders"
	}
	return "products"
}

// asked is what was asked for, in words.
func (o *whyOptions) asked() string {
	switch {
	case o.order != "":
		return "order " + o.order
	case o.remoteID != "":
		return "product " + o.remoteID
	}
	return "SKU " + o.sku
}

func (a *app) runWhy(ctx context.Context, o *whyOptions) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	if err := a.checkFormat(o.format, o.output, "table", "json"); err != nil {
		return err
	}
	shop, err := a.shopToRead()
	if err != nil {
		return err
	}
	refs, err := finishedRuns(shop, o.runID)
	if err != nil {
		return err
	}
	several, err := a.openSeveral(ctx, shop)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, several.reading.Close()) }()
	unfinished, err := unfinishedRun(shop)
	if err != nil {
		return err
	}
	s := &story{Entity: o.entity(), unfinished: unfinished, several: several, options: o, Sections: map[string]rows{}, Lacks: map[string]string{}}
	if err := s.tell(ctx, refs); err != nil {
		return err
	}
	s.sandbox = shop.SandboxDir()
	return a.writeStory(s, o)
}

func (a *app) writeStory(s *story, o *whyOptions) (err error) {
	out, err := a.openPaged(o.output)
	if err != nil {
		return err
	}
	defer func() { err = out.close(err) }()
	if o.format == "json" {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	p := page{plain: out.file != nil || !a.env.StdoutTerminal, width: min(terminalWidth(a.env), maxPage)}
	s.print(&p)
	_, err = fmt.Fprint(out, trimLines(p.String()))
	return err
}

// unfinishedRun is the newest run where its extraction goes on or was interrupted, which is not looked into; empty where it is whole.
func unfinishedRun(shop *store.Shop) (string, error) {
	refs, err := shop.Runs()
	if err != nil || len(refs) == 0 || !refs[len(refs)-1].Partial {
		return "", err
	}
	return refs[len(refs)-1].ID, nil
}

// unknown is the error of a record that nobody has: where it was looked for, and what is like it.
func (s *story) unknown(ctx context.Context) error {
	where := "the state"
	if n := len(s.several.Open); n > 0 {
		where = fmt.Sprintf("the %s that %s here (%s to %s) nor in the state", plural(int64(n), "run"), map[bool]string{true: "is", false: "are"}[n == 1],
			s.several.Open[n-1].ID, s.several.Open[0].ID)
		if n == 1 {
			where = fmt.Sprintf("the only run that is here (%s) nor in the state", s.several.Open[0].ID)
		}
	}
	text := fmt.Sprintf("%s is not in %s", s.options.asked(), where)
	if n := len(s.several.Skipped); n > 0 {
		text += fmt.Sprintf("; not looked into: %s", strings.Join(s.several.Skipped, ", "))
	}
	if s.unfinished != "" {
		text += fmt.Sprintf("; run %s has not read the whole shop: look again when it has ended, or when `run --resume` has gone on with it", s.unfinished)
	}
	near, err := s.near(ctx)
	if err != nil {
		return err
	}
	if near != "" {
		text += ". Like it: " + near
	}
	return usageError(errors.New(text))
}

// near names records that look like the one that was asked for, of the newest run that can tell.
func (s *story) near(ctx context.Context) (string, error) {
	text, err := readQuery("why/" + s.Entity + "/near.sql")
	if err != nil {
		return "", err
	}
	for _, ref := range s.several.Open {
		if err := s.several.reading.Use(ctx, runName(ref)); err != nil {
			return "", err
		}
		found, err := askRows(ctx, s.several.reading, text)
		if lacksTable(err) {
			continue
		}
		if err != nil {
			return "", err
		}
		var list []string
		for i := range found.Cells {
			name, also := found.at(i, "sku"), found.at(i, "name")
			if s.Entity == "sell_orders" {
				name, also = found.at(i, "increment_id"), "placed "+found.at(i, "placed")
			}
			list = append(list, fmt.Sprintf("%s (%s)", name, also))
		}
		return strings.Join(list, ", "), nil
	}
	return "", nil
}
