package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"magento-optiply/load"
	"magento-optiply/store"
)

func (a *app) runsShowCommand() *cli.Command {
	return &cli.Command{
		Name:      "show",
		Usage:     "one run: its streams, changes, and what was left out",
		ArgsUsage: "ID",
		Flags:     []cli.Flag{&cli.StringFlag{Name: "format", Value: "table", Usage: "`FORMAT`: table or json"}},
		Action: func(c *cli.Context) error {
			args, err := a.trailingOptions(c)
			if err != nil {
				return err
			}
			if len(args) != 1 {
				return usageError(errors.New("runs show takes one run id; `runs` lists them"))
			}
			if err := a.checkFormat(c.String("format"), "", "table", "json"); err != nil {
				return err
			}
			return a.showRun(c.Context, args[0], c.String("format"))
		},
	}
}

func (a *app) showRun(ctx context.Context, id, format string) error {
	shop, err := a.shopToRead()
	if err != nil {
		return err
	}
	ref, err := shop.Find(id)
	if err != nil {
		return err
	}
	run, err := a.openRef(ctx, shop, ref)
	if err != nil {
		return err
	}
	s, err := a.summaryOf(ctx, shop, run)
	if err := errors.Join(err, run.Close()); err != nil {
		return err
	}
	if format == "json" {
		_, err := fmt.Fprintln(a.env.Stdout, s.json())
		return err
	}
	width, plain := 0, !a.env.StdoutTerminal
	if !plain {
		width = terminalWidth(a.env)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Run %s%s\n", s.RunID, phaseTimes(s.Seconds))
	printStreams(&b, s.Streams, width, plain)
	printChanges(&b, s.Changes, width, plain)
	if width == 0 {
		width = 120
	}
	printIssues(&b, s.FirstIssues, s.leftOut(), width)
	if n := s.leftOut(); n > int64(len(s.FirstIssues)) {
		fmt.Fprintf(&b, "\nAll of them:\n    magento-optiply sql --run %s \"FROM run.issues\"\n", s.RunID)
	}
	_, err = fmt.Fprint(a.env.Stdout, trimLines(b.String()))
	return err
}

// summaryOf makes a run's summary again, from its file and the ledger. The exit code is that of the history, -1 where the run
// goes on or was killed.
func (a *app) summaryOf(ctx context.Context, shop *store.Shop, run *store.Run) (s summary, err error) {
	s.RunID, s.ExitCode = run.ID, -1
	if err := s.read(ctx, run); err != nil {
		return s, err
	}
	var transformed bool
	if err := run.DB.QueryRowContext(ctx, "SELECT transformed_at IS NOT NULL FROM run.info").Scan(&transformed); err != nil {
		return s, fmt.Errorf("read run.info: %w", err)
	}
	if transformed {
		released, err := load.Released(ctx, run)
		if err != nil {
			return s, err
		}
		if err := s.planned(ctx, run, released); err != nil {
			return s, err
		}
	}
	var hasState bool
	if err := run.DB.QueryRowContext(ctx, "SELECT count(*) > 0 FROM duckdb_databases() WHERE database_name = 'state'").Scan(&hasState); err != nil || !hasState {
		return s, err
	}
	if err := s.readLedger(ctx, run); err != nil {
		return s, err
	}
	histories, err := run.Histories(ctx)
	for _, h := range histories {
		if h.RunID == run.ID {
			s.ExitCode, s.DryRun = h.ExitCode, strings.Contains(h.Command, "--dry-run")
			s.Seconds = secondsOf(h)
		}
	}
	return s, err
}

// readLedger counts what became of the changes of this plan: the newest event of each.
func (s *summary) readLedger(ctx context.Context, run *store.Run) error {
	rows, err := run.DB.QueryContext(ctx, `SELECT entity, op, count(*) FILTER (state = 'acknowledged'), count(*) FILTER (state = 'rejected'), count(*) FILTER (state = 'held')
		FROM (FROM state.ledger WHERE run_id = ? AND plan_hash = ?
		      QUALIFY row_number() OVER (PARTITION BY entity, op, remote_id ORDER BY seq DESC) = 1) GROUP BY ALL`, s.RunID, s.PlanHash)
	if err != nil {
		return fmt.Errorf("read the ledger: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c changeSummary
		if err := rows.Scan(&c.Entity, &c.Op, &c.Done, &c.Rejected, &c.Held); err != nil {
			return fmt.Errorf("read the ledger: %w", err)
		}
		for i, p := range s.Changes {
			if p.Entity == c.Entity && p.Op == c.Op {
				c.Planned = p.Planned
				c.Unfinished = max(c.Planned-c.Done-c.Rejected-c.Held, 0)
				s.Changes[i] = c
			}
		}
	}
	return rows.Err()
}

// secondsOf are the seconds by phase that the history keeps of a run.
func secondsOf(h store.History) map[string]float64 {
	var kept summary
	if json.Unmarshal([]byte(h.Summary), &kept) != nil {
		return nil
	}
	return kept.Seconds
}
