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
	query                 string
}

func (a *app) sqlCommand() *cli.Command {
	o := &sqlOptions{}
	return &cli.Command{
		Name:      "sql",
		Usage:     "read-only SQL over a run and the state, or a prompt for it",
		ArgsUsage: "[QUERY]",
		Description: "The run's tables are raw, stage, model, before, diff, plan and run.*; the state is attached as state.\n" +
			"Without QUERY it is read from stdin; on a terminal there is a prompt (.tables, .schema NAME, .quit).",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "run", Destination: &o.runID, Usage: "run `ID`; default the latest that is finished"},
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
			return a.runSQL(c.Context, o, len(args) == 1)
		},
	}
}

func (a *app) runSQL(ctx context.Context, o *sqlOptions, given bool) (err error) {
	if err := a.checkFormat(o.format, o.output, answerFormats()...); err != nil {
		return err
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
func (a *app) openReading(ctx context.Context, o *sqlOptions) (_ *store.Reading, export string, err error) {
	shop, err := a.shopToRead()
	if err != nil {
		return nil, "", err
	}
	run, err := a.openToRead(ctx, shop, o.runID)
	if err != nil {
		return nil, "", err
	}
	if o.format == "parquet" {
		dir, err := os.MkdirTemp("", "magento-optiply-")
		if err != nil {
			return nil, "", errors.Join(err, run.Close())
		}
		export = filepath.Join(dir, "answer.parquet")
	}
	reading, err := run.Reading(ctx, export)
	if err != nil {
		return nil, "", errors.Join(err, run.Close())
	}
	return reading, export, nil
}

// answerAll answers the statements of a text, one after another.
func (a *app) answerAll(ctx context.Context, reading *store.Reading, o *sqlOptions, export string) (err error) {
	statements, rest, _ := splitSQL(o.query)
	if !blankSQL(rest) {
		statements = append(statements, rest)
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
