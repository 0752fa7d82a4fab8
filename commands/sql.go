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

	"magento-optiply/store"
)

type sqlOptions struct {
	runID, format, output string
	runs                  int    // so many of the last runs together; 0: one
	named                 string // a named query instead of a text
	query                 string
}

// runSchemas are the schemas of a run that --runs has views for.
func runSchemas() []string { return []string{"raw", "stage", "model", "before", "diff", "plan", "run"} }

func (a *app) sqlCommand() *cli.Command {
	o := &sqlOptions{}
	return &cli.Command{
		Name:      "sql",
		Usage:     "read-only SQL over a run and the state, questions that are there by name, or a prompt",
		ArgsUsage: "[QUERY]",
		Description: "The run's tables are raw, stage, model, before, diff, plan and run.*; the state is attached as state.\n" +
			"With --runs every table holds the rows of the last runs, with run_id in front.\n" +
			"Without QUERY it is read from stdin; on a terminal there is a prompt (.help tells what it knows).",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "run", Destination: &o.runID, Usage: "run `ID`; default the latest that is finished"},
			&cli.IntFlag{Name: "runs", Destination: &o.runs, Usage: "the last `N` finished runs together"},
			&cli.StringFlag{Name: "named", Destination: &o.named, Usage: "ask the question of this `NAME`; without a name: list them"},
			&cli.StringFlag{Name: "format", Destination: &o.format, Value: "table", Usage: "`FORMAT`: " + strings.Join(answerFormats(), ", ")},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Destination: &o.output, Usage: "write to `FILE`, whole or not at all"},
		},
		Action: func(c *cli.Context) error {
			args, err := a.trailingOptions(c)
			if err != nil {
				return err
			}
			if len(args) > 1 {
				return usageError(errors.New("sql takes one query: put it in quotes"))
			}
			if len(args) == 1 {
				o.query = args[0]
			}
			if c.IsSet("runs") && o.runs < 1 {
				return usageError(fmt.Errorf("--runs %d: it is a number of runs, 1 or more", o.runs))
			}
			if c.IsSet("named") && o.named == "" {
				return listNamed(a.env.Stdout, min(terminalWidth(a.env), maxPage))
			}
			return a.runSQL(c.Context, o, len(args) == 1)
		},
	}
}

func (a *app) runSQL(ctx context.Context, o *sqlOptions, given bool) (err error) {
	if err := a.checkFormat(o.format, o.output, answerFormats()...); err != nil {
		return err
	}
	if o.named != "" {
		if err := o.takeNamed(given); err != nil {
			return err
		}
		given = true
	}
	if o.runs > 0 && o.runID != "" {
		return usageError(errors.New("--run is one run, and --runs the last ones: leave out one of the two"))
	}
	interactive := !given && isTerminal(a.env.Stdin)
	if !given && !interactive {
		text, err := io.ReadAll(a.env.Stdin)
		if err != nil {
			return fmt.Errorf("read the query from stdin: %w", err)
		}
		o.query = string(text)
	}
	if !interactive && blankSQL(o.query) {
		return usageError(errors.New("there is no query: give it as an argument, or on stdin"))
	}
	reading, export, err := a.openReading(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := reading.Close(); err == nil {
			err = cerr
		}
		if export != "" {
			_ = os.RemoveAll(filepath.Dir(export))
		}
	}()
	if interactive {
		return a.prompt(ctx, reading, o)
	}
	return a.answerAll(ctx, reading, o, export)
}

// openReading opens the files. For parquet, export is a temporary file that DuckDB may write to.
func (a *app) openReading(ctx context.Context, o *sqlOptions) (reading *store.Reading, export string, err error) {
	shop, err := a.shopToRead()
	if err != nil {
		return nil, "", err
	}
	if o.format == "parquet" {
		dir, err := os.MkdirTemp("", "magento-optiply-")
		if err != nil {
			return nil, "", err
		}
		defer func() {
			if reading == nil {
				_ = os.RemoveAll(dir)
			}
		}()
		export = filepath.Join(dir, "answer.parquet")
	}
	if o.runs > 0 {
		reading, err = a.openLast(ctx, shop, o.runs, export)
		return reading, export, err
	}
	run, err := a.openToRead(ctx, shop, o.runID)
	if err != nil {
		return nil, "", err
	}
	if reading, err = run.Reading(ctx, export); err != nil {
		return nil, "", errors.Join(err, run.Close())
	}
	return reading, export, nil
}

// openLast opens the last finished runs that can be opened, with views over all of them.
func (a *app) openLast(ctx context.Context, shop *store.Shop, runs int, export string) (_ *store.Reading, err error) {
	refs, err := finishedRuns(shop, "")
	if err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return nil, store.ErrNoRun
	}
	several, err := a.openSeveral(ctx, shop)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, several.reading.Close())
		}
	}()
	for _, ref := range refs {
		if len(several.Open) == runs {
			break
		}
		if _, err := several.add(ctx, ref); err != nil {
			return nil, err
		}
	}
	n := len(several.Open)
	if n == 0 {
		return nil, fmt.Errorf("no finished run can be looked into now: %s", strings.Join(several.Skipped, ", "))
	}
	a.log.Info("the last finished runs", "runs", n, "from", several.Open[n-1].ID, "to", several.Open[0].ID)
	if err := several.reading.Union(ctx, runSchemas()...); err != nil {
		return nil, err
	}
	return several.reading, several.reading.Lock(ctx, export)
}

// answerAll answers the statements of a text, one after another.
func (a *app) answerAll(ctx context.Context, reading *store.Reading, o *sqlOptions, export string) (err error) {
	statements, rest, _ := splitSQL(o.query)
	if !blankSQL(rest) {
		statements = append(statements, rest)
	}
	if err := reading.Check(statements...); err != nil { // all of them before the first is answered
		return asUsage(err)
	}
	out, err := a.openPaged(o.output)
	if err != nil {
		return err
	}
	defer func() { err = out.close(err) }()
	printed := false
	for _, text := range statements {
		answer, err := reading.Ask(ctx, text)
		if err != nil {
			return asUsage(err)
		}
		if len(answer.Columns) == 0 {
			continue
		}
		if printed && o.format != "table" && o.format != "markdown" {
			return usageError(fmt.Errorf("more than one statement gives rows: with --format %s ask one at a time", o.format))
		}
		if printed {
			fmt.Fprintln(out)
		}
		printed = true
		if err := a.writeAnswer(ctx, out, answer, o, export); err != nil {
			return asUsage(err)
		}
	}
	return nil
}

func (a *app) writeAnswer(ctx context.Context, out *output, answer *store.Answer, o *sqlOptions, export string) error {
	if o.format == "parquet" {
		return copyParquet(ctx, out, answer, export)
	}
	f := answerWriter{Format: o.format, Limit: -1, Plain: true}
	if out.file == nil && a.env.StdoutTerminal {
		f.Width, f.Limit, f.Plain = terminalWidth(a.env), tableRows, false
		if out.pager != nil {
			f.Limit, f.Widen = pagedRows, out.pager.widen
		}
	}
	leftOut, err := f.write(ctx, out, answer)
	if err == nil && leftOut > 0 {
		a.log.Warn(fmt.Sprintf("%s not shown: ask for fewer with WHERE or LIMIT, or write all to a file with --output", was(leftOut, "more row")))
	}
	return err
}

// copyParquet lets DuckDB write the file that it may write, and copies it to its place.
func copyParquet(ctx context.Context, out io.Writer, answer *store.Answer, export string) error {
	if err := answer.ExportParquet(ctx, export); err != nil {
		return err
	}
	file, err := os.Open(export)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(out, file)
	return err
}

// asUsage makes a question that cannot be answered an error of its asker.
func asUsage(err error) error {
	var question *store.QuestionError
	if errors.As(err, &question) {
		return usageError(question)
	}
	return err
}

func terminalWidth(env Env) int {
	if env.Width > 0 {
		return env.Width
	}
	return 80
}
