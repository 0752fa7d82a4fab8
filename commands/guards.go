package commands

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"magento-optiply/load"
)

// guardSummary is a guard that holds the whole load, or held it and was released.
type guardSummary struct {
	Name     string `json:"name"` // by which load --release lets it pass
	Entity   string `json:"entity"`
	Op       string `json:"op"`
	Figure   int64  `json:"figure"`
	Low      *int64 `json:"low"`  // null: no lower edge
	High     *int64 `json:"high"` // null: no upper edge
	Reason   string `json:"reason"`
	Released bool   `json:"released"`
}

func (s *summary) guards(list []load.Guard) {
	s.Guards = nil
	for _, g := range list {
		s.Guards = append(s.Guards, guardSummary(g))
	}
}

// heldGuards are the guards that nothing was sent because of.
func (s *summary) heldGuards() (list []guardSummary) {
	for _, g := range s.Guards {
		if !g.Released {
			list = append(list, g)
		}
	}
	return list
}

// heldBack is the error of a run whose plan a guard holds, before its load begins: such a run is at its end, and is not gone
// on with by --resume, because the next one works everything out anew.
func (n *night) heldBack(ctx context.Context) error {
	guards, err := load.PassGuards(ctx, n.run, n.release)
	var held *load.HeldError
	if errors.As(err, &held) {
		if perr := n.summary.planned(ctx, n.run, n.release); perr != nil {
			return perr
		}
	}
	if err == nil {
		n.summary.guards(guards)
	}
	return loadError(err)
}

// guardRemarks say which guards hold the load, why, and what to do.
func (s *summary) guardRemarks() (list []remark) {
	held := s.heldGuards()
	if len(held) == 0 {
		return nil
	}
	t := s.total()
	what := "the load back: nothing was sent."
	if s.DryRun {
		what = "the load back."
	}
	who := "A guard holds "
	if len(held) > 1 {
		who = plural(int64(len(held)), "guard") + " hold "
	}
	list = append(list, remark{text: who + what})
	for _, g := range held {
		list = append(list, remark{text: g.Name + ": " + printable(g.Reason) + "."})
	}
	list = append(list, remark{"Look at " + plural(t.Planned, "change") + " with:", "magento-optiply plan --run " + s.RunID})
	return append(list, remark{"If that is right, send " + it(t.Planned) + " with the next line. Otherwise leave " + it(t.Planned) + ": nothing is lost, and the next run works it out anew.",
		releaseCommand(s.RunID, held)})
}

// releaseCommand is the command that sends what guards hold.
func releaseCommand(runID string, held []guardSummary) string {
	var b strings.Builder
	fmt.Fprintf(&b, "magento-optiply load --run %s", runID)
	for _, g := range held {
		b.WriteString(" --release " + g.Name)
	}
	return b.String()
}
