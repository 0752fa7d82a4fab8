package commands

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"magento-optiply/replay"
	"magento-optiply/store"
	"magento-optiply/transform"
)

type replayOptions struct {
	sqlDir, format, output string
}

func (a *app) replayCommand() *cli.Command {
	o := &replayOptions{}
	return &cli.Command{
		Name:      "replay",
		Usage:     "make a run's plan again, with this program's SQL or your own, and show how it differs from what was planned and sent; nothing is changed",
		ArgsUsage: "RUN",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "sql", Destination: &o.sqlDir, Usage: "`DIR` with .sql files that take the place of those of the same name; default: transform.sql of the configuration"},
			&cli.StringFlag{Name: "format", Destination: &o.format, Value: "table", Usage: "`FORMAT`: " + strings.Join(answerFormats(), ", ")},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &o.output, Usage: "write to `FILE`, whole or not at all"},
		},
		Action: func(c *cli.Context) error {
			args, err := a.trailingOptions(c)
			if err != nil {
				return err
			}
			if len(args) > 1 {
				return usageError(errors.New("replay takes one run: `magento-optiply replay RUN`; without it the latest is taken"))
			}
			return a.replay(c.Context, strings.Join(args, ""), o)
		},
	}
}

// differences is what the formats for machines give; docs/change-a-mapping.md is the contract of its columns.
const differences = `SELECT entity, remote_id, sku, night_op, replay_op, attribute, night_sent, replay_sent, night_outcome FROM replay.differences`

func (a *app) replay(ctx context.Context, id string, o *replayOptions) (err error) {
	if err := a.checkFormat(o.format, o.output, answerFormats()...); err != nil {
		return err
	}
	cfg, shop, err := a.configToRead()
	if err != nil {
		return err
	}
	if o.sqlDir == "" {
		o.sqlDir = cfg.Transform.SQL
	}
	fsys, err := sqlFiles(o.sqlDir)
	if err != nil {
		return err
	}
	ref, err := findWhole(shop, id)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "magento-optiply-replay-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	run, result, err := a.replayIn(ctx, shop, ref, dir, fsys, o.sqlDir)
	if err != nil {
		return noRoom(err)
	}
	return a.showReplay(ctx, run, result, filepath.Join(dir, "differences.parquet"), o)
}

// replayIn copies a run into dir, makes its plan again there and compares the two.
func (a *app) replayIn(ctx context.Context, shop *store.Shop, ref store.RunRef, dir string, fsys fs.FS, sqlDir string) (*store.Run, *transform.Result, error) {
	run, err := shop.Replica(ctx, ref, dir)
	if err != nil {
		return nil, nil, err
	}
	result, err := transform.Run(ctx, run.DB, fsys, a.env.Now(), func(string, int, int) {})
	if err == nil {
		err = replay.Compare(ctx, run.DB, run.HasState())
	}
	var broken *transform.SQLError
	if errors.Is(err, replay.ErrNoPlan) {
		err = usageError(fmt.Errorf("run %s has no plan to compare with: `transform --run %s` makes it", ref.ID, ref.ID))
	} else if errors.As(err, &broken) && sqlDir != "" && !isFull(err) {
		err = usageError(fmt.Errorf("with the SQL of %s: %w", sqlDir, err))
	}
	if err != nil {
		return nil, nil, errors.Join(err, run.Close())
	}
	return run, result, nil
}

// noRoom is what a full disk means to a replay, which has no run to go on with.
func noRoom(err error) error {
	if !isFull(err) {
		return err
	}
	return fmt.Errorf("the disk of %s is full: a replay works there, in a copy of the run file, so it needs somewhat more room than that file has; set TMPDIR to a folder with room", os.TempDir())
}

// showReplay prints the two plans' heads and the differences.
func (a *app) showReplay(ctx context.Context, run *store.Run, result *transform.Result, export string, o *replayOptions) (err error) {
	w := a.env.Stderr
	if o.format == "table" && o.output == "" {
		w = a.env.Stdout
	}
	herr := a.printReplayHead(ctx, w, run, result)
	if o.format != "parquet" {
		export = ""
	}
	reading, err := run.Reading(ctx, export)
	if err != nil {
		return errors.Join(err, herr, run.Close())
	}
	defer func() { err = errors.Join(err, reading.Close()) }()
	if herr != nil {
		return herr
	}
	answer, err := reading.Ask(ctx, differences)
	if err != nil {
		return err
	}
	out, err := a.openOutput(o.output)
	if err != nil {
		return err
	}
	defer func() { err = out.close(err) }()
	if o.format == "table" {
		err = writeDifferences(ctx, out, answer)
	} else {
		err = a.writeAnswer(ctx, out, answer, &sqlOptions{format: o.format}, export)
	}
	if err == nil {
		err = brokenChecks(result)
	}
	return err
}

// printReplayHead says what the night's plan was and what became of it, and how many requests differ.
func (a *app) printReplayHead(ctx context.Context, w io.Writer, run *store.Run, result *transform.Result) error {
	var hash string
	var planned, acknowledged, differ, onlyNight, onlyReplay int64
	err := run.DB.QueryRowContext(ctx, `SELECT (SELECT hash FROM night.plan.summary), (SELECT changes FROM night.plan.summary),
		(SELECT count(*) FROM replay.outcomes WHERE state = 'acknowledged'), count(DISTINCT (entity, remote_id)) FILTER (night_op = replay_op),
		count(*) FILTER (replay_op IS NULL), count(*) FILTER (night_op IS NULL) FROM replay.differences`).
		Scan(&hash, &planned, &acknowledged, &differ, &onlyNight, &onlyReplay)
	if err != nil {
		return fmt.Errorf("read replay.differences: %w", err)
	}
	fmt.Fprintf(w, "Run %s\n  then: plan %s, %s, %s acknowledged by Optiply\n  now:  plan %s, %s\n", run.ID, hash, plural(planned, "change"), count(acknowledged), result.PlanHash, plural(result.Changes, "change"))
	if hash == result.PlanHash {
		fmt.Fprintln(w, "The plan is the same, byte for byte.")
		return nil
	}
	if differ+onlyNight+onlyReplay == 0 {
		fmt.Fprintln(w, "The plan is written down in another form, and would send the same.")
		return nil
	}
	fmt.Fprintf(w, "%s with other values, %s only in the night, %s only in the replay\n\n", plural(differ, "change"), count(onlyNight), count(onlyReplay))
	return nil
}

// writeDifferences prints a line for each attribute that differs, and one for each request that only one plan has.
func writeDifferences(ctx context.Context, w io.Writer, answer *store.Answer) error {
	b := bufio.NewWriter(w)
	err := answer.Each(ctx, -1, func(row []sql.NullString) error {
		text := func(i int) string { return row[i].String }
		name := text(0) + " " + text(1)
		if text(2) != "" {
			name += " (" + text(2) + ")"
		}
		value := func(i int) string {
			if !row[i].Valid {
				return "(none)"
			}
			return shown(text(5), json.RawMessage(text(i)))
		}
		line := fmt.Sprintf("%s %s %s %s -> %s", text(4), name, text(5), value(6), value(7))
		switch {
		case !row[4].Valid:
			line = fmt.Sprintf("%s %s: only in the night", text(3), name)
		case !row[3].Valid:
			line = fmt.Sprintf("%s %s: only in the replay", text(4), name)
		case !row[5].Valid:
			line = fmt.Sprintf("%s %s: %s in the night", text(4), name, text(3))
		}
		if row[8].Valid {
			line += " [" + text(8) + "]"
		}
		_, _ = b.WriteString(printable(line) + "\n") // a bufio.Writer keeps its first error for Flush
		return nil
	})
	return errors.Join(err, b.Flush())
}
