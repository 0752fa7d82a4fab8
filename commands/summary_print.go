package commands

import (
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// printSummary ends a run: two short tables, the rows that were left out, and a sentence. With --log-format json it is one
// line of JSON.
func (a *app) printSummary(s summary) {
	if a.logJSON {
		fmt.Fprintln(a.env.Stderr, s.json())
		return
	}
	width, plain := 80, !a.env.StderrTerminal
	if a.env.Width > 0 {
		width = a.env.Width
	}
	_, _ = io.WriteString(a.env.Stderr, "\n"+summaryText(s, width, plain))
}

// summaryText is a summary as people read it.
func summaryText(s summary, width int, plain bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Run %s%s\n", s.RunID, phaseTimes(s.Seconds))
	printStreams(&b, s.Streams, width, plain)
	printChanges(&b, s.Changes, width, plain)
	printIssues(&b, s.FirstIssues, s.leftOut(), width)
	fmt.Fprintln(&b)
	printRemarks(&b, s.verdict(), width)
	return trimLines(b.String())
}

// trimLines leaves out the spaces with which a wrapped text fills its lines.
func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

func phaseTimes(list map[string]float64) string {
	var parts []string
	for _, phase := range []string{"extract", "transform", "load"} {
		if s, ok := list[phase]; ok {
			parts = append(parts, phase+" "+seconds(duration(s)))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// printStreams prints what was read. Columns in which there is nothing to say are not there.
func printStreams(w io.Writer, streams []streamSummary, width int, plain bool) {
	if len(streams) == 0 {
		return
	}
	var stores, retries, quarantined bool
	for _, s := range streams {
		stores = stores || s.Store != streams[0].Store
		retries = retries || s.Retries > 0
		quarantined = quarantined || s.Quarantined > 0
	}
	all := []struct {
		column column
		shown  bool
		value  func(streamSummary) string
	}{
		{column{Name: "stream"}, true, func(s streamSummary) string { return s.Name }},
		{column{Name: "store"}, stores, func(s streamSummary) string { return s.Store }},
		{column{Name: "part", Spare: 1}, true, func(s streamSummary) string { return s.Part }},
		{column{Name: "rows", Right: true}, true, func(s streamSummary) string { return count(s.Rows) }},
		{column{Name: "pages", Right: true, Spare: 4}, true, func(s streamSummary) string { return count(s.Pages) }},
		{column{Name: "requests", Right: true, Spare: 3}, true, func(s streamSummary) string { return count(s.Requests) }},
		{column{Name: "retries", Right: true, Spare: 2}, retries, func(s streamSummary) string { return count(s.Retries) }},
		{column{Name: "quarantined", Right: true}, quarantined, func(s streamSummary) string { return count(s.Quarantined) }},
		{column{Name: "complete"}, true, func(s streamSummary) string { return yesNo(s.Complete) }},
	}
	g := grid{Width: width, Plain: plain, Rows: make([][]string, len(streams))}
	for _, c := range all {
		if !c.shown {
			continue
		}
		g.Columns = append(g.Columns, c.column)
		for i, s := range streams {
			g.Rows[i] = append(g.Rows[i], c.value(s))
		}
	}
	fmt.Fprintln(w)
	_ = g.print(w)
	for _, s := range streams {
		if !s.Complete && s.Reason != "" {
			fmt.Fprintf(w, "%s\n", text.WrapSoft(printable(s.Name+" is not complete: "+s.Reason), width))
		}
		if s.Note != "" {
			fmt.Fprintf(w, "%s\n", text.WrapSoft(printable(s.Name+": "+s.Note), width))
		}
	}
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// printChanges prints what was to be sent, and what became of it.
func printChanges(w io.Writer, changes []changeSummary, width int, plain bool) {
	if len(changes) == 0 {
		return
	}
	g := grid{Width: width, Plain: plain, Columns: []column{{Name: "entity"}, {Name: "operation"}, {Name: "planned", Right: true},
		{Name: "done", Right: true}, {Name: "rejected", Right: true}, {Name: "held", Right: true}}}
	waits := (&summary{Changes: changes}).total().Unfinished > 0
	if waits {
		g.Columns[2].Spare = 1 // it is the sum of the others then
		g.Columns = append(g.Columns, column{Name: "waiting", Right: true})
	}
	for _, c := range changes {
		row := []string{c.Entity, c.Op, count(c.Planned), count(c.Done), count(c.Rejected), count(c.Held)}
		if waits {
			row = append(row, count(c.Unfinished))
		}
		g.Rows = append(g.Rows, row)
	}
	fmt.Fprintln(w)
	_ = g.print(w)
}

// printIssues names the first rows that were left out, as a list: names and reasons are too long for columns, and must not
// be cut.
func printIssues(w io.Writer, issues []issue, all int64, width int) {
	if len(issues) == 0 {
		return
	}
	fmt.Fprintln(w, "\nLeft out:")
	for _, i := range issues {
		line := strings.TrimSpace(i.Kind + " " + i.Entity + " " + i.RemoteID)
		if i.SKU != "" {
			line += " (" + i.SKU + ")"
		}
		indented := text.WrapSoft(printable(line+": "+i.Reason), max(width-4, 20))
		fmt.Fprintln(w, "  "+strings.ReplaceAll(indented, "\n", "\n    "))
	}
	if more := all - int64(len(issues)); more > 0 {
		fmt.Fprintf(w, "  and %s more\n", count(more))
	}
}

// remark is a sentence of the verdict, with the command that it ends in, if any.
type remark struct{ text, command string }

// printRemarks prints sentences as one text. A command stands on a line of its own, whole, to be copied.
func printRemarks(w io.Writer, list []remark, width int) {
	line := ""
	for _, r := range list {
		line = strings.TrimSpace(line + " " + r.text)
		if r.command != "" {
			fmt.Fprintf(w, "%s\n    %s\n", text.WrapSoft(line, width), r.command)
			line = ""
		}
	}
	if line != "" {
		fmt.Fprintln(w, text.WrapSoft(line, width))
	}
}

// verdict is what a person reads first.
func (s *summary) verdict() []remark {
	list := s.guardRemarks()
	if len(list) == 0 {
		list = []remark{s.whatWasSent()}
	}
	for _, g := range s.Guards {
		if g.Released {
			list = append(list, remark{text: "The guard " + g.Name + " was released: " + printable(g.Reason) + "."})
		}
	}
	if n := s.DeletionsHeld; n > 0 {
		list = append(list, remark{text: fmt.Sprintf("A guard kept %s from being disabled.", plural(n, "product"))})
	}
	if n := s.total().Unfinished; n > 0 && !s.DryRun {
		list = append(list, remark{waits(n) + "; go on with:", s.again()})
	}
	if n := s.leftOut(); n > 0 {
		list = append(list, remark{was(n, "row") + " left out; see " + it(n) + " with:", `magento-optiply sql "FROM run.issues"`})
	}
	return list
}

func (s *summary) whatWasSent() remark {
	t := s.total()
	stopped := s.ExitCode == exitFailed || s.ExitCode == exitDeadline || s.ExitCode == exitInterrupted
	switch {
	case s.PlanHash == "" && stopped:
		return remark{"Stopped before there was a plan. What was read is kept; go on with:", s.again()}
	case s.PlanHash == "":
		return remark{was(s.rows(), "row") + " read. Work out what to send with:", "magento-optiply transform --run " + s.RunID}
	case t.Planned == 0 && s.leftOut() == 0 && s.complete() && !stopped:
		return remark{text: "Nothing to send: Optiply holds what it should."}
	case t.Planned == 0:
		return remark{text: "Nothing to send."}
	case s.DryRun:
		return remark{plural(t.Planned, "change") + " to send; nothing was sent. Send " + it(t.Planned) + " with:", "magento-optiply load --run " + s.RunID}
	case t.Done == t.Planned:
		return remark{text: plural(t.Done, "change") + " sent."}
	}
	return remark{text: fmt.Sprintf("%s of %s sent.", count(t.Done), plural(t.Planned, "change"))}
}

// again is the command that goes on where this one stopped, and does no more than this one: after a dry run nothing is sent.
func (s *summary) again() string {
	switch {
	case s.command == "load":
		return "magento-optiply load --run " + s.RunID
	case s.command == "extract":
		return "magento-optiply extract --resume"
	case s.DryRun:
		return "magento-optiply run --dry-run --resume"
	}
	return "magento-optiply run --resume"
}

// rows is what was read in all.
func (s *summary) rows() (n int64) {
	for _, st := range s.Streams {
		n += st.Rows
	}
	return n
}

func was(n int64, noun string) string {
	if n == 1 {
		return plural(n, noun) + " was"
	}
	return plural(n, noun) + " were"
}

func waits(n int64) string {
	if n == 1 {
		return "1 waits"
	}
	return count(n) + " wait"
}

func it(n int64) string {
	if n == 1 {
		return "it"
	}
	return "them"
}
