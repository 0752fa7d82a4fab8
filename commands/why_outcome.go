package commands

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// sortedKeys are the keys of a map in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// printChange tells the request that was planned, and its cause.
func (s *story) printChange(p *page) {
	plan, deletion := s.Sections["plan"], s.Sections["deletion"]
	p.heading("Change", "plan.candidates")
	if len(plan.Cells) == 0 {
		p.line("none")
	} else {
		c := planned{Op: plan.at(0, "op"), Reason: plan.at(0, "reason")}
		for name, into := range map[string]any{"changed": &c.Changed, "before": &c.Before, "after": &c.After, "lines": &c.Lines} {
			_ = json.Unmarshal([]byte(plan.at(0, name)), into) // a part that is not there stays empty
		}
		p.line(c.Op + ": " + c.Reason)
		if c.Op == "create" {
			p.line(strings.Join(c.created(), ", "))
		} else {
			for _, attribute := range c.Changed {
				p.line(fmt.Sprintf("%s %s -> %s", attribute, shown(attribute, c.Before[attribute]), shown(attribute, c.After[attribute])))
			}
		}
		if withheld := plan.at(0, "withheld"); withheld != "" {
			p.line("withheld (" + withheld + "): " + plan.at(0, "withheld_because"))
		} else {
			p.line(fmt.Sprintf("number %s of plan %s", plan.at(0, "seq"), plan.at(0, "plan_hash")))
		}
	}
	if len(deletion.Cells) > 0 {
		p.line("gone from the listing; verdict " + deletion.at(0, "verdict") + ": " + deletion.at(0, "reason"))
	}
}

// printLeftOut tells what the run says of it, and what of it waits.
func (s *story) printLeftOut(p *page) {
	issues, waiting, orders := s.Sections["issues"], s.Sections["waiting"], s.Sections["orders"]
	if len(issues.Cells)+len(waiting.Cells)+len(orders.Cells) == 0 {
		return
	}
	p.heading("Held, rejected or dropped", "run.issues, state.parked")
	for i := range issues.Cells {
		what := issues.at(i, "kind")
		if issues.at(i, "entity") == "sell_order_lines" {
			what += " line (" + issues.at(i, "sku") + ")"
		}
		p.line(what + " in " + issues.at(i, "phase") + ": " + issues.at(i, "reason"))
	}
	for i := range waiting.Cells {
		line := fmt.Sprintf("on the list of `rejects` (%s) since %s, %s: %s", cmp.Or(waiting.at(i, "cause"), "waiting"), moment(waiting.at(i, "first_at")),
			times(waiting.at(i, "times")), waiting.at(i, "reason"))
		if decision := waiting.at(i, "decision"); decision != "" {
			line += "; decided: " + decision
		}
		p.line(line)
	}
	for i := range orders.Cells {
		p.line(fmt.Sprintf("order %s (%s): %s: %s", orders.at(i, "order_remote_id"), orders.at(i, "increment_id"), orders.at(i, "verdict"), orders.at(i, "reason")))
	}
}

func times(n string) string {
	if n == "1" {
		return "once"
	}
	return n + " times"
}

// printRequests tells what was sent and answered, the newest first.
func (s *story) printRequests(p *page) {
	requests := s.Sections["requests"]
	p.heading("Requests and answers", "state.ledger, over all runs, the newest first")
	if len(requests.Cells) == 0 {
		p.line("none")
	}
	for i := range requests.Cells {
		line := fmt.Sprintf("%s %s %s", moment(requests.at(i, "happened_at")), requests.at(i, "op"), requests.at(i, "state"))
		if status := requests.at(i, "status"); status != "" {
			line += " (HTTP " + status + ")"
		}
		if body := requests.at(i, "body"); body != "" {
			line += ": " + bodyText(body)
		}
		if answer := requests.at(i, "answer"); answer != "" {
			line += ": " + answer
		}
		p.line(line)
	}
}

// printOptiply tells what Optiply is known to hold, and where to look it up.
func (s *story) printOptiply(p *page) {
	now := s.Sections["optiply"]
	p.heading("At Optiply", "state."+s.Entity)
	if len(now.Cells) == 0 {
		p.line("it is not known to be there")
		return
	}
	id := "id " + now.at(0, "optiply_id")
	if uuid := now.at(0, "uuid"); uuid != "" {
		id += ", uuid " + uuid
	}
	p.line(fmt.Sprintf("%s; as run %s left it, acknowledged at %s", id, now.at(0, "run_id"), moment(now.at(0, "acknowledged_at"))))
	if s.Entity == "products" {
		p.line(fmt.Sprintf("price %s, stockLevel %s, unlimitedStock %s, status %s", cmp.Or(now.at(0, "price"), "none"), now.at(0, "stock_level"),
			now.at(0, "unlimited_stock"), now.at(0, "status")))
	}
	p.line("look it up: " + s.lookUp())
}

// printNights prints a line a night.
func (s *story) printNights(p *page) {
	if len(s.Nights.Cells) == 0 {
		return
	}
	p.heading(fmt.Sprintf("The last %s", plural(int64(len(s.Nights.Cells)), "run")), "")
	g := grid{Columns: []column{{Name: "run"}, {Name: "read"}}}
	seen := []string{"stock_level", "price"}
	heads := []string{"stock", "price"}
	if s.Entity == "sell_orders" {
		seen, heads = []string{"state"}, []string{"state"}
	}
	for i, name := range heads {
		g.Columns = append(g.Columns, column{Name: name, Right: seen[i] != "state"})
	}
	g.Columns = append(g.Columns, column{Name: "what became of it", Wrap: true})
	for i := range s.Nights.Cells {
		cells := []string{s.Nights.at(i, "run_id"), s.Nights.at(i, "read")}
		for _, name := range seen {
			cells = append(cells, s.Nights.at(i, name))
		}
		g.Rows = append(g.Rows, append(cells, s.nightText(i)))
	}
	p.table(g)
}

// bodyText is a request's body without the signs of JSON, in its order.
func bodyText(body string) string {
	d := json.NewDecoder(strings.NewReader(body))
	var list []string
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return body
	}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return body
		}
		attribute := fmt.Sprint(name)
		list = append(list, attribute+" "+quoted(shown(attribute, value)))
	}
	return strings.Join(list, ", ")
}
