package commands

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"magento-optiply/report"
	"magento-optiply/store"
)

type reportOptions struct {
	runID, output string
	fleet         bool
	configs       string
}

func (a *app) reportCommand() *cli.Command {
	o := &reportOptions{}
	return &cli.Command{
		Name:  "report",
		Usage: "write the page that tells of a run, or of all shops, and print where it is",
		Description: "One HTML file that needs no network. Each run writes its own beside its run file; this makes it again. With --fleet it is one table\n" +
			"over all shops of data_dir, the worst first, each with a link to the page of its last run.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "run", Destination: &o.runID, Usage: "run `ID`; default the newest, finished or not"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &o.output, Usage: "write to `FILE`, whole or not at all; default beside the run file, or fleet.html in data_dir"},
			&cli.BoolFlag{Name: "fleet", Destination: &o.fleet, Usage: "all shops of data_dir, or of --config-dir"},
			&cli.StringFlag{Name: "config-dir", Destination: &o.configs, Usage: "with --fleet: the shops of the configurations in `DIR` (*.yaml)"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			switch {
			case o.fleet && o.runID != "":
				return usageError(errors.New("--fleet is about the last run of each shop: leave out --run"))
			case o.fleet:
				return a.reportFleet(c.Context, o)
			case o.configs != "":
				return usageError(errors.New("--config-dir goes with --fleet"))
			}
			return a.reportRun(c.Context, o)
		},
	}
}

// reportRun writes the page of one run.
func (a *app) reportRun(ctx context.Context, o *reportOptions) error {
	shop, err := a.shopToRead()
	if err != nil {
		return err
	}
	run, err := a.openToReport(ctx, shop, o.runID)
	if err != nil {
		return err
	}
	path := o.output
	if path == "" {
		path = shop.ReportPath(run.ID)
	}
	err = a.writeRunReport(ctx, shop, run, path)
	if err := errors.Join(err, run.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.env.Stdout, path)
	return err
}

// openToReport opens a run; without an id the newest, finished or not, that no other process has open.
func (a *app) openToReport(ctx context.Context, shop *store.Shop, id string) (*store.Run, error) {
	if id != "" {
		ref, err := shop.Find(id)
		if err != nil {
			return nil, err
		}
		return a.openRef(ctx, shop, ref)
	}
	refs, err := shop.Runs()
	if err != nil {
		return nil, err
	}
	slices.Reverse(refs)
	return a.openFirst(ctx, shop, refs)
}

func (a *app) writeRunReport(ctx context.Context, shop *store.Shop, run *store.Run, path string) error {
	s, err := a.summaryOf(ctx, shop, run)
	if err != nil {
		return err
	}
	history, err := historyOf(ctx, run)
	if err != nil {
		return err
	}
	s.Error = errorOf(history)
	r, err := reportOf(ctx, shop, run, s, history)
	if err != nil {
		return err
	}
	return a.writeReport(ctx, run, r, path)
}

func (a *app) writeReport(ctx context.Context, run *store.Run, r report.Run, path string) error {
	out, err := a.openOutput(path)
	if err != nil {
		return err
	}
	return out.close(report.Write(ctx, out, run, r, a.env.Now()))
}

// writeReport writes the page of the run that ends, beside its file. A page that cannot be written is no failure of the run.
func (n *night) writeReport(ctx context.Context, history store.History) {
	history.Command = n.command
	if n.summary.DryRun {
		history.Command += " --dry-run"
	}
	path := n.shop.ReportPath(n.run.ID)
	r, err := reportOf(ctx, n.shop, n.run, n.summary, history)
	if err == nil {
		err = n.app.writeReport(ctx, n.run, r, path)
	}
	if err != nil {
		n.app.log.Warn("the run's report is not written; `report --run "+n.run.ID+"` makes it", "error", sentence(err))
		return
	}
	n.app.log.Info("report", "file", path)
}

// historyOf is what the state knows of a run; empty where it knows nothing, or is not open.
func historyOf(ctx context.Context, run *store.Run) (store.History, error) {
	h := store.History{ExitCode: -1}
	var hasState bool
	err := run.DB.QueryRowContext(ctx, "SELECT count(*) > 0 FROM duckdb_databases() WHERE database_name = 'state'").Scan(&hasState)
	if err != nil || !hasState {
		return h, err
	}
	histories, err := run.Histories(ctx)
	for _, past := range histories {
		if past.RunID == run.ID {
			h = past
		}
	}
	return h, err
}

// reportOf is what the commands know of a run, for its page.
func reportOf(ctx context.Context, shop *store.Shop, run *store.Run, s summary, h store.History) (report.Run, error) {
	r := report.Run{Shop: shop.Name, ID: run.ID, Command: h.Command, EndedAt: h.EndedAt, ExitCode: s.ExitCode, PlanHash: s.PlanHash, Rows: s.rows(), Error: s.Error}
	var began time.Time
	if err := run.DB.QueryRowContext(ctx, "SELECT started_at FROM run.info").Scan(&began); err != nil {
		return r, fmt.Errorf("read run.info: %w", err)
	}
	r.StartedAt = began
	r.Tone, r.Verdict, r.Remarks = s.headline(h.Phase)
	for _, st := range s.Streams {
		r.Streams = append(r.Streams, report.Stream{Name: st.Name, Store: st.Store, Part: st.Part, Rows: st.Rows, Pages: st.Pages, Requests: st.Requests,
			Retries: st.Retries, Quarantined: st.Quarantined, Complete: st.Complete, Reason: st.Reason, Note: st.Note})
	}
	for _, c := range s.Changes {
		r.Changes = append(r.Changes, report.Change(c))
	}
	for _, g := range s.Guards {
		r.Guards = append(r.Guards, report.Guard{Name: g.Name, Reason: g.Reason, Released: g.Released})
	}
	for _, phase := range []string{"extract", "transform", "load"} {
		if seconds, ok := s.Seconds[phase]; ok {
			r.Phases = append(r.Phases, report.Phase{Name: phase, Seconds: seconds})
		}
	}
	if s.PlanHash != "" {
		r.Planned = map[string]int64{"product_creates": 0, "product_updates": 0, "sell_orders": 0}
		for _, c := range s.Changes {
			switch c.Entity + " " + c.Op {
			case "products create":
				r.Planned["product_creates"] = c.Planned
			case "products update":
				r.Planned["product_updates"] = c.Planned
			case "sell_orders create":
				r.Planned["sell_orders"] = c.Planned
			}
		}
	}
	r.Loaded = h.Phase == "done" && !s.DryRun
	return r, nil
}

// headline is the verdict as one sentence, with the sentences that go with it.
func (s *summary) headline(phase string) (tone report.Tone, sentence string, rest []report.Remark) {
	list := s.verdict()
	first := list[0]
	said := map[int]string{exitDone: "All is well", exitIncomplete: "Done, but some rows were left out", exitHeldBack: "Held back",
		exitDeadline: "Stopped at the deadline", exitInterrupted: "Interrupted", -1: "Not at its end"}[s.ExitCode]
	switch s.ExitCode {
	case exitDone:
		tone = report.Good
	case exitIncomplete, exitDeadline, -1:
		tone = report.Warn
	default:
		tone = report.Bad
	}
	if said == "" {
		said = "Failed"
		if phase != "" && phase != "done" {
			said += " in the phase " + phase
		}
	}
	text := strings.TrimSpace(first.text)
	sentence = said + ": " + lowerFirst(text)
	if first.command != "" { // the sentence ends in its command
		rest = append(rest, report.Remark{Command: first.command})
	}
	for _, r := range list[1:] {
		rest = append(rest, report.Remark{Text: r.text, Command: r.command})
	}
	return tone, sentence, rest
}

func lowerFirst(text string) string {
	r, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToLower(r)) + text[n:]
}
