package commands

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"magento-optiply/adopt"
)

// adoption is what `adopt` prints. In csv each finding is printed as it is told; in json and as a table they follow the
// counts, so that the table keeps the first of each kind and json all of them but the matches.
type adoption struct {
	Run    string
	DryRun bool
	Result *adopt.Result

	format string
	out    io.Writer
	csv    *csv.Writer
	kept   map[string][]adopt.Finding // by kind, of both entities
}

// shownFindings is how many findings of a kind the table names. Those that are ambiguous are all named.
const shownFindings = 10

func (p *adoption) add(f adopt.Finding) error {
	if p.format == "csv" {
		if p.csv == nil {
			p.begin()
		}
		return p.csv.Write([]string{f.Finding, f.Entity, f.Way, f.RemoteID, f.OptiplyID, f.SKU, f.Reason})
	}
	if f.Finding == adopt.Matched || p.format == "table" && f.Finding != adopt.Ambiguous && len(p.kept[f.Finding]) >= shownFindings {
		return nil
	}
	if p.kept == nil {
		p.kept = map[string][]adopt.Finding{}
	}
	p.kept[f.Finding] = append(p.kept[f.Finding], f)
	return nil
}

func (p *adoption) begin() {
	p.csv = csv.NewWriter(p.out)
	_ = p.csv.Write([]string{"finding", "entity", "way", "remote_id", "optiply_id", "sku", "reason"}) // its error comes back from Flush
}

// kinds is the order in which people read: what they have to do something about comes first.
func kinds() []string {
	return []string{adopt.Ambiguous, adopt.Gone, adopt.UnmatchedThere, adopt.UnmatchedHere}
}

func (a *app) printAdoption(p *adoption) error {
	switch p.format {
	case "csv":
		if p.csv == nil {
			p.begin()
		}
		p.csv.Flush()
		a.sayAdoption(a.env.Stderr, p)
		return p.csv.Error()
	case "json":
		a.sayAdoption(a.env.Stderr, p)
		return p.json()
	}
	width := a.env.Width
	if width == 0 {
		width = 80
	}
	var b strings.Builder
	g := grid{Plain: !a.env.StdoutTerminal, Columns: []column{{Name: "entity"}, {Name: "finding"}, {Name: "by"}, {Name: "rows", Right: true}}}
	for _, c := range p.Result.Counts {
		g.Rows = append(g.Rows, []string{c.Entity, c.Finding, c.Way, count(c.Rows)})
	}
	if len(g.Rows) > 0 {
		_ = g.print(&b)
		fmt.Fprintln(&b)
	}
	for _, kind := range kinds() {
		p.list(&b, kind, width)
	}
	a.sayAdoption(&b, p)
	_, err := io.WriteString(p.out, trimLines(b.String()))
	return err
}

// list names the findings of a kind.
func (p *adoption) list(w io.Writer, kind string, width int) {
	if len(p.kept[kind]) == 0 {
		return
	}
	fmt.Fprintf(w, "%s%s:\n", strings.ToUpper(kind[:1]), kind[1:])
	for _, f := range p.kept[kind] {
		line := f.Entity
		if f.RemoteID != "" {
			line += " " + f.RemoteID
		}
		if f.SKU != "" {
			line += " (" + f.SKU + ")"
		}
		if f.OptiplyID != "" {
			line += ", at Optiply " + f.OptiplyID
		}
		if f.Way != "" {
			line += " by " + f.Way
		}
		if f.Reason != "" {
			line += ": " + f.Reason
		}
		indented := text.WrapSoft(printable(line), max(width-4, 20))
		fmt.Fprintln(w, "  "+strings.ReplaceAll(indented, "\n", "\n    "))
	}
	if more := p.Result.Rows(kind) - int64(len(p.kept[kind])); more > 0 {
		fmt.Fprintf(w, "  and %s more; --format csv lists all\n", count(more))
	}
	fmt.Fprintln(w)
}

// sayAdoption is what came of it, in words.
func (a *app) sayAdoption(w io.Writer, p *adoption) {
	r := p.Result
	switch {
	case p.DryRun && r.Changed == 0:
		fmt.Fprintln(w, "The state would not change.")
	case p.DryRun:
		fmt.Fprintf(w, "%s of the state would be taken from Optiply; nothing was changed.\n", plural(r.Changed, "row"))
	case r.Changed == 0:
		fmt.Fprintln(w, "The state holds all that could be matched.")
	default:
		fmt.Fprintf(w, "%s taken from Optiply into the state.\n", was(r.Changed, "row"))
	}
	if r.Held > 0 {
		fmt.Fprintf(w, "Held: what may be one of %s at Optiply that could not be matched is not created.\n", plural(r.Held, "record"))
	}
}

// json prints all but the matches, which are counted.
func (p *adoption) json() error {
	type row struct {
		Finding   string `json:"finding"`
		Entity    string `json:"entity"`
		Way       string `json:"way"`
		RemoteID  string `json:"remote_id"`
		OptiplyID string `json:"optiply_id"`
		SKU       string `json:"sku"`
		Reason    string `json:"reason"`
	}
	type counted struct {
		Entity  string `json:"entity"`
		Finding string `json:"finding"`
		Way     string `json:"way"`
		Rows    int64  `json:"rows"`
	}
	doc := struct {
		Adoption string    `json:"adoption"` // as in state.ledger; empty in a dry run
		Run      string    `json:"run"`      // the run that has read the shop; empty where there is none
		DryRun   bool      `json:"dry_run"`
		Changed  int64     `json:"changed"`  // rows of the state
		Held     int64     `json:"held"`     // records at Optiply whose like is not created
		Counts   []counted `json:"counts"`   //
		Findings []row     `json:"findings"` // all but the matches, which --format csv lists too
	}{p.Result.Adoption, p.Run, p.DryRun, p.Result.Changed, p.Result.Held, []counted{}, []row{}}
	for _, c := range p.Result.Counts {
		doc.Counts = append(doc.Counts, counted(c))
	}
	for _, kind := range kinds() {
		for _, f := range p.kept[kind] {
			doc.Findings = append(doc.Findings, row(f))
		}
	}
	e := json.NewEncoder(p.out)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}
