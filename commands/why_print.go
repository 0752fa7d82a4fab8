package commands

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"

	"magento-optiply/store"
)

// maxPage is how wide a page is at most: longer lines are hard to read.
const maxPage = 110

// page is text under headings, no wider than width.
type page struct {
	strings.Builder
	width int
	plain bool
}

// heading begins a section.
func (p *page) heading(title, note string) {
	if note != "" {
		title += "  (" + note + ")"
	}
	p.WriteString("\n" + strings.ReplaceAll(text.WrapSoft(title, max(p.width-2, 20)), "\n", "\n  ") + "\n")
}

// line is one line of a section, wrapped under itself.
func (p *page) line(line string) {
	wrapped := text.WrapSoft(printable(line), max(p.width-4, 20))
	p.WriteString("  " + strings.ReplaceAll(wrapped, "\n", "\n    ") + "\n")
}

// table is a grid as a part of a section.
func (p *page) table(g grid) {
	g.Plain, g.Width = p.plain, p.width-2
	var b strings.Builder
	_ = g.print(&b) // a strings.Builder takes everything
	for line := range strings.Lines(b.String()) {
		p.WriteString("  " + line)
	}
}

// print writes the story as one page.
func (s *story) print(p *page) {
	s.printHead(p)
	s.printRaw(p)
	if s.Entity == "products" {
		s.printStock(p)
		s.printSteps(p, productSteps())
	} else {
		s.printItems(p)
		s.printLines(p)
		s.printSteps(p, orderSteps())
	}
	s.printChange(p)
	s.printLeftOut(p)
	s.printRequests(p)
	s.printOptiply(p)
	s.printNights(p)
	if len(s.Lacks) > 0 {
		p.WriteString("\n")
		p.line(fmt.Sprintf("Not told, because run %s was not transformed, or an older program wrote it: %s.", s.RunID, strings.Join(sortedKeys(s.Lacks), ", ")))
	}
}

func (s *story) printHead(p *page) {
	noun, title := "product", s.Name
	if s.Entity == "sell_orders" {
		noun, title = "order", "Order "+s.Name
		if s.Name == "" {
			title = "Order " + s.RemoteID
		}
	}
	if s.Title != "" {
		title += " - " + map[bool]string{true: "placed ", false: ""}[s.Entity == "sell_orders"] + s.Title
	}
	p.WriteString(printable(title) + "\n")
	id := noun + " " + s.RemoteID
	if s.RemoteID == "" {
		id = noun + " without an id that can be read"
	}
	switch s.RunID {
	case "":
		id += "; only the state knows it: no run that is here has it"
	case s.Latest:
		id += "; run " + s.RunID + ", the latest"
	default:
		id += fmt.Sprintf("; run %s, the newest that has something to say of it (the latest is %s)", s.RunID, s.Latest)
	}
	p.WriteString(text.WrapSoft(id, p.width) + "\n")
	if len(s.Others) > 0 {
		p.line("other products have this SKU too, see --remote-id: " + strings.Join(s.Others, ", "))
	}
	for i := range s.Nights.Cells {
		if s.Nights.at(i, "run_id") == s.RunID {
			p.WriteString("\n")
			p.line(s.nightText(i))
		}
	}
}

// nightText is what a night did, in words.
func (s *story) nightText(i int) string {
	line := s.Nights.at(i, "outcome")
	if op := s.Nights.at(i, "op"); op != "" {
		line = strings.TrimSuffix(op+": "+s.Nights.at(i, "change"), ": ") + "; " + line
	}
	return line
}

func (s *story) printRaw(p *page) {
	raw := s.Sections["raw"]
	if len(raw.Cells) == 0 {
		p.heading("Magento said", "")
		p.line("nothing in the runs that were looked into: none of them read it")
		return
	}
	stream := map[string]string{"products": "raw.products", "sell_orders": "raw.orders"}[s.Entity]
	for i := range raw.Cells {
		note := stream + " of run " + s.ReadIn + ", read at " + moment(raw.at(i, "fetched_at"))
		if store := raw.at(i, "store_code"); store != "" {
			note += ", store " + store
		}
		p.heading("Magento said", note)
		var fields []string
		for j, c := range raw.Columns {
			v := raw.Cells[i][j]
			switch c.Name {
			case "fetched_at", "store_code", "part", "items":
				continue
			case "custom_attributes":
				fields = append(fields, customAttributes(v.String)...)
				continue
			}
			if v.Valid {
				fields = append(fields, c.Name+" "+quoted(v.String))
			}
		}
		p.line(strings.Join(fields, ", "))
	}
	if problems := s.Sections["stage"].at(0, "problems"); problems != "" && problems != "[]" {
		for _, problem := range readProblems(problems) {
			p.line("not used: " + problem)
		}
	}
}

// customAttributes are the attributes of magento.product_attributes.
func customAttributes(list string) (fields []string) {
	var attributes []struct {
		Code  string          `json:"attribute_code"`
		Value json.RawMessage `json:"value"`
	}
	if json.Unmarshal([]byte(list), &attributes) != nil {
		return nil
	}
	for _, a := range attributes {
		fields = append(fields, a.Code+" "+string(a.Value))
	}
	return fields
}

// readProblems are the problems of a staged row, in words.
func readProblems(list string) (lines []string) {
	var problems []struct{ Attribute, Value, Reason string }
	if json.Unmarshal([]byte(list), &problems) != nil {
		return []string{list}
	}
	for _, problem := range problems {
		lines = append(lines, problem.Attribute+" "+problem.Reason+": "+quoted(problem.Value))
	}
	return lines
}

// quoted puts a text into quotes where it would not be seen as one value otherwise.
func quoted(s string) string {
	if s == "" || strings.ContainsAny(s, " ,") && !strings.HasPrefix(s, "[") && !strings.HasPrefix(s, "{") {
		return `"` + s + `"`
	}
	return s
}

// moment is a time to the second.
func moment(s string) string {
	short, _, _ := strings.Cut(s, ".")
	return short
}

func (s *story) printStock(p *page) {
	stock := s.Sections["stock"]
	p.heading("Stock", "model.stock_levels")
	if len(stock.Cells) == 0 {
		p.line("not asked for: only that of enabled simple products is" + s.stockOfOthers())
		return
	}
	level := stock.at(0, "stock_level")
	switch {
	case stock.at(0, "is_gone") == "true":
		p.line("none: the shop answers that the product is gone")
	case stock.at(0, "unknown_because") != "":
		p.line("not known: " + stock.at(0, "unknown_because"))
	case stock.at(0, "mode") == "off":
		p.line("not sent: map_stockLevel is false")
	default:
		p.line(fmt.Sprintf("%s, from %s = %s", level, stock.at(0, "came_from"), trimZeros(stock.at(0, "quantity"))))
	}
	ways := map[string]string{"skus": "asked for by its SKU", "bulk": "taken from the bulk listings", "kept": "kept from an earlier run: it cannot have changed"}
	about := []string{"mode " + stock.at(0, "mode")}
	if way := ways[stock.at(0, "way")]; way != "" {
		about = append(about, way)
	}
	if at := stock.at(0, "asked_at"); at != "" {
		about = append(about, "answered at "+moment(at))
	}
	for _, name := range []string{"salable_qty", "physical_qty", "manage_stock"} {
		if v := stock.at(0, name); v != "" {
			about = append(about, name+" "+trimZeros(v))
		}
	}
	p.line(strings.Join(about, ", "))
	if why := stock.at(0, "no_answer_because"); why != "" {
		p.line("asked by SKU: " + why)
	}
	sources := s.Sections["sources"]
	for i := range sources.Cells {
		counts := "does not count"
		if sources.at(i, "counts") == "true" {
			counts = "counts"
		}
		p.line(fmt.Sprintf("source %s: %s, %s", sources.at(i, "source_code"), trimZeros(sources.at(i, "quantity")), counts))
	}
}

// stockOfOthers tells what a product without a stock of its own is.
func (s *story) stockOfOthers() string {
	stage := s.Sections["stage"]
	switch {
	case stage.at(0, "type_id") != "" && stage.at(0, "type_id") != "simple":
		return "; its type_id is " + stage.at(0, "type_id") + ", so it is unlimited"
	case stage.at(0, "status") == "2":
		return "; this one is disabled"
	}
	return ""
}

// trimZeros takes the zeros from the end of a decimal number.
func trimZeros(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// step is an attribute at Optiply and its column in each table; "" where a table has none.
type step struct{ attribute, stage, model, before string }

func productSteps() []step {
	return []step{{"name", "name", "name", "name"}, {"skuCode", "sku", "sku_code", "sku_code"}, {"articleCode", "remote_id", "article_code", "article_code"},
		{"price", "price", "price", "price"}, {"unlimitedStock", "", "unlimited_stock", "unlimited_stock"}, {"stockLevel", "", "stock_level", "stock_level"},
		{"status", "status", "status", "status"}, {"createdAtRemote", "created_at", "created_at_remote", "created_at_remote"}}
}

func orderSteps() []step {
	return []step{{"placed", "created_at", "placed", "placed"}, {"completed", "updated_at", "completed", "completed"},
		{"totalValue", "subtotal", "total_value", "total_value"}, {"state", "effective_state", "state", ""}}
}

// printSteps sets the tables side by side.
func (s *story) printSteps(p *page, steps []step) {
	after := members(s.Sections["plan"].at(0, "after"))
	p.heading("Step by step", "")
	g := grid{Columns: []column{{Name: "attribute"}, {Name: "stage", Wrap: true}, {Name: "model", Wrap: true}, {Name: "before", Wrap: true}, {Name: "plan", Wrap: true}}}
	for _, st := range steps {
		sent := ""
		if raw, ok := after[st.attribute]; ok {
			sent = shown(st.attribute, raw)
		}
		g.Rows = append(g.Rows, []string{st.attribute, s.stepCell("stage", st.stage), s.stepCell("model", st.model), s.stepCell("before", st.before), sent})
	}
	extra, before := members(s.Sections["extra"].at(0, "attributes")), members(s.Sections["before"].at(0, "extra"))
	for _, name := range sortedKeys(extra) {
		sent := ""
		if raw, ok := after[name]; ok {
			sent = shown(name, raw)
		}
		g.Rows = append(g.Rows, []string{name, "", shown(name, extra[name]), shown(name, before[name]), sent})
	}
	p.table(g)
	p.line("stage: as Magento said it; model: as Optiply should hold it; before: as Optiply was known to hold it; plan: what is to be sent; -: no row")
	if s.ReadIn != "" && s.ReadIn != s.RunID {
		p.line("stage is of run " + s.ReadIn + ", the newest that read it")
	}
	model := s.Sections["model"]
	for _, name := range []string{"held_because", "stock_unchanged_because"} {
		if why := model.at(0, name); why != "" {
			p.line(name + ": " + why)
		}
	}
	if s.Entity == "sell_orders" && model.at(0, "verdict") != "" && model.at(0, "verdict") != "send" {
		p.line("verdict: " + model.at(0, "verdict") + ": " + model.at(0, "reason"))
	}
}

// members are the members of a JSON object; none where the text is none.
func members(object string) map[string]json.RawMessage {
	var list map[string]json.RawMessage
	_ = json.Unmarshal([]byte(object), &list)
	return list
}

// stepCell is a cell of a section; "-" where the table has no row for the record, and "" where it is NULL.
func (s *story) stepCell(section, name string) string {
	switch {
	case len(s.Sections[section].Cells) == 0:
		return "-"
	case section == "stage" && (name == "price" || name == "subtotal"):
		return trimZeros(s.Sections[section].at(0, name))
	case name == "":
		return ""
	}
	return s.Sections[section].at(0, name)
}

func (s *story) printItems(p *page) {
	items := s.Sections["items"]
	if len(items.Cells) == 0 {
		return
	}
	p.heading("Items", "stage.order_lines, as Magento lists them")
	names := []string{"item_id", "parent_item_id", "product_id", "sku", "product_type", "qty_ordered", "base_row_total"}
	p.table(sectionGrid(items, names, []string{"item", "parent", "product", "sku", "type", "quantity", "row total"}))
}

func (s *story) printLines(p *page) {
	lines := s.Sections["lines"]
	if len(lines.Cells) == 0 {
		return
	}
	p.heading("Lines", "model.merged_lines, one a product")
	names := []string{"product_remote_id", "sku", "quantity", "subtotal_value", "verdict", "optiply_product_id", "reason"}
	p.table(sectionGrid(lines, names, []string{"product", "sku", "quantity", "value", "verdict", "at Optiply", "because"}))
}

// sectionGrid is a section as a table: these columns under these heads.
func sectionGrid(r rows, names, heads []string) (g grid) {
	for i, name := range names {
		c := column{Name: heads[i], Wrap: true}
		for _, own := range r.Columns {
			if own.Name == name && own.Kind == store.Number {
				c = column{Name: heads[i], Right: true}
			}
		}
		g.Columns = append(g.Columns, c)
	}
	for i := range r.Cells {
		cells := make([]string, len(names))
		for j, name := range names {
			if cells[j] = r.at(i, name); g.Columns[j].Right && name != "subtotal_value" {
				cells[j] = trimZeros(cells[j])
			}
		}
		g.Rows = append(g.Rows, cells)
	}
	return g
}
