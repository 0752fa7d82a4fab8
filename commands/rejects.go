package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"magento-optiply/load"
	"magento-optiply/store"
)

// rejectFilter chooses rows of the list of what was rejected or is held.
type rejectFilter struct{ entity, cause, remoteID string }

func (f *rejectFilter) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "entity", Destination: &f.entity, Usage: "only this `ENTITY`: products or sell_orders"},
		&cli.StringFlag{Name: "cause", Destination: &f.cause, Usage: "only these `CAUSES`, comma separated: " + strings.Join(load.Causes(), ", ")},
		&cli.StringFlag{Name: "remote-id", Destination: &f.remoteID, Usage: "only these Magento `IDS`, comma separated"},
	}
}

// where is the filter as a condition on state.parked, true where everything is chosen.
func (f *rejectFilter) where() (string, error) {
	conditions := []string{"true"}
	if f.entity != "" {
		if f.entity != "products" && f.entity != "sell_orders" {
			return "", usageError(fmt.Errorf("--entity %s: it is products or sell_orders", f.entity))
		}
		conditions = append(conditions, "entity = '"+f.entity+"'")
	}
	causes := commaList(f.cause)
	for _, cause := range causes {
		if !slices.Contains(load.Causes(), cause) {
			return "", usageError(fmt.Errorf("--cause %s: the causes are %s", cause, strings.Join(load.Causes(), ", ")))
		}
	}
	if len(causes) > 0 {
		conditions = append(conditions, "cause IN "+sqlList(causes))
	}
	if ids := commaList(f.remoteID); len(ids) > 0 {
		conditions = append(conditions, "remote_id IN "+sqlList(ids))
	}
	return strings.Join(conditions, " AND "), nil
}

func commaList(text string) (list []string) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

func sqlList(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return "(" + strings.Join(quoted, ", ") + ")"
}

func (a *app) rejectsCommand() *cli.Command {
	f, o := &rejectFilter{}, &sqlOptions{}
	var ignored bool
	return &cli.Command{
		Name:        "rejects",
		Usage:       "the rows that Optiply refused or that are held: what was sent, the answer, since when",
		Description: "A row leaves the list by itself when it is sent, or when it does not differ any more. docs/rejects.md explains the causes.",
		Flags: append(f.flags(),
			&cli.BoolFlag{Name: "ignored", Destination: &ignored, Usage: "the rows that `rejects ignore` took off the list"},
			&cli.StringFlag{Name: "format", Destination: &o.format, Value: "table", Usage: "`FORMAT`: table, csv, json"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &o.output, Usage: "write to `FILE`, whole or not at all"}),
		Subcommands: []*cli.Command{a.decideCommand("retry", "let the next run send rows again as they are"),
			a.decideCommand("ignore", "take rows off the list: not sent and not counted until they change")},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usageError(fmt.Errorf("there is no command rejects %q: it is retry or ignore", c.Args().First()))
			}
			if err := a.checkFormat(o.format, o.output, "table", "csv", "json"); err != nil {
				return err
			}
			return a.listRejects(c.Context, f, ignored, o)
		},
	}
}

// rejectRows is the list. Its columns are a contract (docs/rejects.md): programs outside read them.
const rejectRows = `SELECT coalesce(cause, 'waiting') AS cause, entity, remote_id, sku, kind, op, status, reason AS answer, first_at AS first_seen, last_at AS last_seen, times,
	CASE WHEN decision = 'ignore' THEN 'ignored' WHEN decision = 'retry' THEN 'sent again: retry' WHEN cause IN ('refused', 'value') THEN 'when it changes' ELSE 'sent again' END AS next,
	body::JSON AS request
FROM state.parked WHERE %s AND decision IS %s 'ignore'
ORDER BY list_position(%s, cause), entity, try_cast(remote_id AS BIGINT), remote_id`

func (a *app) listRejects(ctx context.Context, f *rejectFilter, ignored bool, o *sqlOptions) (err error) {
	where, err := f.where()
	if err != nil {
		return err
	}
	shop, err := a.shopToRead()
	if err != nil {
		return err
	}
	state, err := a.openStateToRead(ctx, shop)
	if err != nil {
		return err
	}
	reading, err := state.Reading(ctx, "")
	if err != nil {
		return errors.Join(err, state.Close())
	}
	defer func() { err = errors.Join(err, reading.Close()) }()
	which := "DISTINCT FROM"
	if ignored {
		which = "NOT DISTINCT FROM"
	}
	causes := strings.NewReplacer("(", "[", ")", "]").Replace(sqlList(load.Causes()))
	answer, err := reading.Ask(ctx, fmt.Sprintf(rejectRows, where, which, causes))
	if err != nil {
		return err
	}
	out, err := a.openOutput(o.output)
	if err != nil {
		return err
	}
	defer func() { err = out.close(err) }()
	return a.writeAnswer(ctx, out, answer, o, "")
}

// decideCommand is `rejects retry` or `rejects ignore`.
func (a *app) decideCommand(name, usage string) *cli.Command {
	f := &rejectFilter{}
	return &cli.Command{
		Name: name, Usage: usage, Flags: f.flags(),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return a.decide(c.Context, name, f)
		},
	}
}

// decide writes a decision down. The next plan goes by it; a plan that is there stays what it is.
func (a *app) decide(ctx context.Context, name string, f *rejectFilter) (err error) {
	where, err := f.where()
	if err != nil {
		return err
	}
	_, shop, err := a.openShop(needs{})
	if err != nil {
		return err
	}
	lock, err := shop.Lock("rejects "+name, a.env.Now())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	state, err := shop.OpenState(ctx, store.Write)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, state.Close()) }()
	d, err := load.Decide(ctx, state, name, where, a.env.Now())
	if err != nil {
		return err
	}
	if d.Decided+d.Others == 0 && where != "true" {
		return usageError(errors.New("no row on the list is like that: look at it with `rejects`, or `rejects --ignored`"))
	}
	switch name {
	case "retry":
		fmt.Fprintf(a.env.Stdout, "%s will be sent again by the next run.\n", plural(d.Decided, "row"))
		if d.Others > 0 {
			fmt.Fprintf(a.env.Stdout, "%s would have been sent again anyway.\n", plural(d.Others, "more row"))
		}
	case "ignore":
		fmt.Fprintf(a.env.Stdout, "%s ignored from now on, until what would be sent changes; see them with: magento-optiply rejects --ignored\n", plural(d.Decided, "row"))
		if d.Others > 0 {
			fmt.Fprintf(a.env.Stdout, "%s cannot be ignored: what became of a request must be found out first, and what the shop does not answer for must be mended there.\n",
				plural(d.Others, "row"))
		}
	}
	return nil
}
