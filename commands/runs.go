package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"magento-optiply/store"
)

func (a *app) runsCommand() *cli.Command {
	format := &cli.StringFlag{Name: "format", Value: "table", Usage: "`FORMAT`: table or json"}
	return &cli.Command{
		Name:        "runs",
		Usage:       "the history of the runs",
		Flags:       []cli.Flag{format},
		Subcommands: []*cli.Command{a.runsShowCommand(), a.runsDiffCommand(), a.runsPruneCommand(), a.runsExportCommand()},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usageError(fmt.Errorf("there is no command runs %q: it is show, diff, prune or export", c.Args().First()))
			}
			if err := a.checkFormat(c.String("format"), "", "table", "json"); err != nil {
				return err
			}
			return a.listRuns(c.Context, c.String("format"))
		},
	}
}

// pastRun is one line of the history. Its JSON is a contract.
type pastRun struct {
	RunID       string     `json:"run_id"`
	StartedAt   *time.Time `json:"started_at"`
	EndedAt     *time.Time `json:"ended_at"`     // null while it goes on, or when it was killed
	Command     string     `json:"command"`      // empty where the state knows nothing of it
	Phase       string     `json:"phase"`        // extract, transform, load, done
	Verdict     string     `json:"verdict"`      //
	ChangesSent *int64     `json:"changes_sent"` // null where it is not known
	ExitCode    *int       `json:"exit_code"`    // null while it goes on, or when it was killed
	OnDisk      bool       `json:"on_disk"`      // its run file has not been pruned
	Partial     bool       `json:"partial"`      // its extraction did not end
	Bytes       int64      `json:"bytes"`        // the run file and its pages
	RowsRead    *int64     `json:"rows_read"`    // records of all streams; null where it is not known, as the two below
	LeftOut     *int64     `json:"left_out"`     // rows that were rejected, quarantined, dropped or held
	Seconds     *float64   `json:"seconds"`      // that its phases took, together
}

func (a *app) listRuns(ctx context.Context, format string) error {
	shop, err := a.shopToRead()
	if err != nil {
		return err
	}
	list, err := a.pastRuns(ctx, shop)
	if err != nil {
		return err
	}
	if format == "json" {
		return json.NewEncoder(a.env.Stdout).Encode(list)
	}
	if len(list) == 0 {
		return store.ErrNoRun
	}
	g := grid{Plain: !a.env.StdoutTerminal, Columns: []column{{Name: "run"}, {Name: "started (UTC)", Spare: 3}, {Name: "command", Spare: 1}, {Name: "verdict"},
		{Name: "read", Right: true}, {Name: "sent", Right: true}, {Name: "left out", Right: true}, {Name: "seconds", Right: true}, {Name: "exit", Right: true},
		{Name: "size", Right: true, Spare: 2}}}
	if a.env.StdoutTerminal {
		g.Width = terminalWidth(a.env)
	}
	for _, r := range list {
		g.Rows = append(g.Rows, r.cells())
	}
	return g.print(a.env.Stdout)
}

func (r pastRun) cells() []string {
	cells := []string{r.RunID, "", r.Command, r.Verdict, "", "", "", "", "", ""}
	if r.StartedAt != nil {
		cells[1] = r.StartedAt.Format("2006-01-02 15:04")
	}
	for i, n := range []*int64{r.RowsRead, r.ChangesSent, r.LeftOut} {
		if n != nil {
			cells[4+i] = count(*n)
		}
	}
	if r.Seconds != nil {
		cells[7] = fmt.Sprintf("%.1f", *r.Seconds)
	}
	if r.ExitCode != nil {
		cells[8] = fmt.Sprint(*r.ExitCode)
	}
	if r.OnDisk {
		cells[9] = size(r.Bytes)
	}
	return cells
}

// pastRuns joins the history in the state with the run files on disk, the newest first. Either may know a run that the other
// does not: files are pruned, and a state can be lost.
func (a *app) pastRuns(ctx context.Context, shop *store.Shop) ([]pastRun, error) {
	refs, err := shop.Runs()
	if err != nil {
		return nil, err
	}
	histories, err := a.histories(ctx, shop)
	if err != nil {
		return nil, err
	}
	byID := map[string]*pastRun{}
	for _, h := range histories {
		byID[h.RunID] = fromHistory(h)
	}
	for _, ref := range refs {
		r := byID[ref.ID]
		if r == nil {
			r = &pastRun{RunID: ref.ID}
			if t, err := time.Parse(store.RunIDLayout, ref.ID); err == nil {
				r.StartedAt = &t
			}
			byID[ref.ID] = r
		}
		r.OnDisk, r.Partial, r.Bytes = true, ref.Partial, runBytes(shop, ref)
	}
	list := []pastRun{}
	for _, r := range byID {
		r.Verdict = r.verdict()
		list = append(list, *r)
	}
	slices.SortFunc(list, func(x, y pastRun) int { return strings.Compare(y.RunID, x.RunID) })
	return list, nil
}

// histories reads state.runs; nothing where there is no state yet.
func (a *app) histories(ctx context.Context, shop *store.Shop) ([]store.History, error) {
	state, err := shop.OpenState(ctx, store.Read)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a.noteStale(state)
	list, err := state.Histories(ctx)
	return list, errors.Join(err, state.Close())
}

func fromHistory(h store.History) *pastRun {
	r := &pastRun{RunID: h.RunID, StartedAt: &h.StartedAt, Command: h.Command, Phase: h.Phase}
	if !h.EndedAt.IsZero() {
		r.EndedAt = &h.EndedAt
	}
	if h.ExitCode >= 0 {
		r.ExitCode = &h.ExitCode
	}
	var s summary
	if json.Unmarshal([]byte(h.Summary), &s) != nil {
		return r
	}
	if s.PlanHash != "" || len(s.Changes) > 0 {
		sent := s.total().Done
		r.ChangesSent = &sent
	}
	left := s.leftOut()
	r.LeftOut = &left
	if len(s.Streams) > 0 {
		r.RowsRead = new(int64)
		for _, st := range s.Streams {
			*r.RowsRead += st.Rows
		}
	}
	if len(s.Seconds) > 0 {
		r.Seconds = new(float64)
		for _, took := range s.Seconds {
			*r.Seconds += took
		}
	}
	return r
}

// verdict is how a run ended, in words.
func (r *pastRun) verdict() string {
	if r.ExitCode == nil {
		switch {
		case r.Phase == "" && r.Partial:
			return "not read whole"
		case r.Phase == "":
			return "unknown"
		}
		return "unfinished: " + r.Phase
	}
	switch *r.ExitCode {
	case exitDone:
		return "done"
	case exitUsage:
		return "wrong usage"
	case exitIncomplete:
		return "done, rows left out"
	case exitHeldBack:
		return "held back"
	case exitDeadline:
		return "deadline: " + r.Phase
	case exitInterrupted:
		return "interrupted: " + r.Phase
	}
	return "failed: " + r.Phase
}

// runBytes is the room that a run takes. What goes away meanwhile counts nothing.
func runBytes(shop *store.Shop, ref store.RunRef) int64 {
	total := ref.Bytes
	_ = filepath.WalkDir(shop.PagesDir(ref.ID), func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	return total
}
