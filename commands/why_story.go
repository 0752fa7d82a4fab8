package commands

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"magento-optiply/store"
)

// story is all that is known of one product or order. Its JSON is a contract (docs/why.md).
type story struct {
	Entity   string // products, sell_orders
	RemoteID string // the Magento id; empty where it cannot be read
	Name     string // the SKU, or the order's number
	Title    string // the product's name, or when the order was placed
	RunID    string // the run that the sections are of; empty where only the state knows it
	ReadIn   string // the run that raw and stage are of: the newest that read the record
	Latest   string // the newest run there is
	Others   []string
	Sections map[string]rows
	Lacks    map[string]string // why a section cannot be told
	Nights   rows

	unfinished string // the newest run, where it is not read whole; empty where it is

	several *severalRuns
	options *whyOptions
	baseURL string // Optiply's, as the run's settings have it
	sandbox string // where the sandbox keeps its writes
}

// sections are the files of a story in the order of the work: first those of the run, then those of the state.
func sections(entity string) (ofRun, ofState []string) {
	ofState = []string{"requests", "waiting", "optiply"}
	if entity == "sell_orders" {
		return []string{"raw", "stage", "items", "lines", "model", "before", "diff", "plan", "issues"}, ofState
	}
	return []string{"raw", "stage", "stock", "sources", "model", "extra", "before", "diff", "deletion", "plan", "issues", "orders"}, ofState
}

// tell finds the record and reads its sections and its nights.
func (s *story) tell(ctx context.Context, refs []store.RunRef) error {
	told, readIn, err := s.find(ctx, refs)
	if err != nil {
		return err
	}
	if err := s.readSections(ctx, told, readIn); err != nil {
		return err
	}
	return s.readNights(ctx)
}

// farthestRun is how many runs back the record itself is looked for, where newer runs know it and did not read it.
const farthestRun = 100

// find opens the runs, the newest first, until as many as were asked for are open and the record is found. told is the newest
// that has something to say of it, readIn the newest that read it; nil where there is none.
func (s *story) find(ctx context.Context, refs []store.RunRef) (told, readIn *store.RunRef, err error) {
	if err := s.ask(ctx, s.options.sku, s.options.remoteID); err != nil {
		return nil, nil, err
	}
	var known *store.RunRef
	for i := range refs {
		if n := len(s.several.Open); n >= s.options.runs && (readIn != nil || known != nil && n >= farthestRun) {
			break
		}
		ok, err := s.several.add(ctx, refs[i])
		if err != nil {
			return nil, nil, err
		}
		if !ok || readIn != nil {
			continue
		}
		found, err := s.section(ctx, runName(refs[i]), "find")
		if err != nil {
			return nil, nil, err
		}
		row := s.identify(found)
		if row < 0 {
			continue
		}
		if known == nil {
			known = &refs[i]
		}
		if told == nil && found.at(row, "in_run") == "true" {
			told = &refs[i]
		}
		if found.at(row, "in_listing") == "true" {
			readIn = &refs[i]
		}
	}
	if known == nil {
		found, err := s.section(ctx, "memory", "find_state")
		if err != nil {
			return nil, nil, err
		}
		if s.identify(found) < 0 {
			return nil, nil, s.unknown(ctx)
		}
	}
	if told == nil {
		told = known
	}
	sku := s.Name
	if s.Entity == "sell_orders" {
		sku = ""
	}
	return told, readIn, s.ask(ctx, sku, s.RemoteID)
}

// identify takes over who the record is from the first answer that has it, and returns its row in this one; -1 where it is not
// there. Other products with the same SKU are remembered by their ids.
func (s *story) identify(found rows) int {
	if len(found.Cells) == 0 {
		return -1
	}
	if s.Name == "" && s.RemoteID == "" {
		s.RemoteID = found.at(0, "remote_id")
		s.Name, s.Title = found.at(0, "sku"), found.at(0, "name")
	}
	row := -1
	for i := range found.Cells {
		switch id := found.at(i, "remote_id"); {
		case id == s.RemoteID && row < 0:
			row = i
		case id != s.RemoteID && !slices.Contains(s.Others, id):
			s.Others = append(s.Others, id)
		}
	}
	if row < 0 {
		return -1
	}
	// An order's number is not kept by the state, and what a run only knows may have no name.
	if s.Entity == "sell_orders" {
		if number := found.at(row, "increment_id"); number != "" {
			s.Name = number
		}
		if s.Title == "" {
			s.Title = found.at(row, "placed")
		}
	}
	return row
}

// ask sets the variables of the questions.
func (s *story) ask(ctx context.Context, sku, remoteID string) error {
	for name, value := range map[string]string{"sku": sku, "remote_id": remoteID, "order_number": s.options.order} {
		if err := setVariable(ctx, s.several.reading, name, value); err != nil {
			return err
		}
	}
	return nil
}

// section answers one file in one database. Where the run lacks a table for it, there is no row, and Lacks says why.
func (s *story) section(ctx context.Context, database, name string) (rows, error) {
	text, err := readQuery("why/" + s.Entity + "/" + name + ".sql")
	if err != nil {
		return rows{}, err
	}
	if err := s.several.reading.Use(ctx, database); err != nil {
		return rows{}, err
	}
	found, err := askRows(ctx, s.several.reading, text)
	if lacksTable(err) {
		sentence, _, _ := strings.Cut(err.Error(), "! ")
		s.Lacks[name] = sentence
		return rows{}, nil
	}
	if err != nil {
		return rows{}, fmt.Errorf("%s.sql: %w", name, err)
	}
	delete(s.Lacks, name)
	return found, nil
}

// readSections reads each section from the run that can tell it.
func (s *story) readSections(ctx context.Context, told, readIn *store.RunRef) error {
	clear(s.Lacks) // of looking for it
	ofRun, ofState := sections(s.Entity)
	if told != nil {
		s.RunID = told.ID
		if err := s.readBaseURL(ctx, *told); err != nil {
			return err
		}
	}
	if readIn != nil {
		s.ReadIn = readIn.ID
	}
	if len(s.several.Open) > 0 {
		s.Latest = s.several.Open[0].ID
	}
	for _, name := range ofRun {
		from := told
		if name == "raw" || name == "stage" || name == "items" {
			from = readIn
		}
		if from == nil {
			continue
		}
		found, err := s.section(ctx, runName(*from), name)
		if err != nil {
			return err
		}
		s.Sections[name] = found
	}
	for _, name := range ofState {
		found, err := s.section(ctx, "memory", name)
		if err != nil {
			return err
		}
		s.Sections[name] = found
	}
	return nil
}

func (s *story) readBaseURL(ctx context.Context, ref store.RunRef) error {
	found, err := askRows(ctx, s.several.reading, "SELECT value FROM "+runName(ref)+".run.settings WHERE name = 'optiply.base_url'")
	s.baseURL = found.at(0, "value")
	return err
}

// readNights reads a line for each of the newest runs. One that was not transformed has nothing to tell.
func (s *story) readNights(ctx context.Context) error {
	list := s.several.Open
	for _, ref := range list[:min(len(list), s.options.runs)] {
		found, err := s.section(ctx, runName(ref), "night")
		if err != nil {
			return err
		}
		if len(found.Cells) == 0 {
			s.addNight(rows{Columns: []store.Column{{Name: "run_id"}, {Name: "outcome"}},
				Cells: [][]sql.NullString{{{String: ref.ID, Valid: true}, {String: "not transformed, or by an older program", Valid: true}}}})
			continue
		}
		s.addNight(found)
	}
	delete(s.Lacks, "night")
	return nil
}

// addNight adds a line under the columns that are there, or come with it.
func (s *story) addNight(night rows) {
	if len(night.Columns) > len(s.Nights.Columns) {
		wide := rows{Columns: night.Columns}
		for i := range s.Nights.Cells {
			wide.Cells = append(wide.Cells, s.Nights.under(wide.Columns, i))
		}
		s.Nights = wide
	}
	s.Nights.Cells = append(s.Nights.Cells, night.under(s.Nights.Columns, 0))
}

// under is a row under other columns; what it does not have is NULL.
func (r rows) under(columns []store.Column, row int) []sql.NullString {
	cells := make([]sql.NullString, len(columns))
	for i, c := range columns {
		for j, own := range r.Columns {
			if own.Name == c.Name {
				cells[i] = r.Cells[row][j]
			}
		}
	}
	return cells
}

// lookUp is where a person finds the record at Optiply.
func (s *story) lookUp() string {
	id := s.Sections["optiply"].at(0, "optiply_id")
	kind := map[string]string{"products": "products", "sell_orders": "sellOrders"}[s.Entity]
	switch {
	case id == "":
		return ""
	case s.baseURL == "sandbox":
		return s.sandbox + "/journal.ndjson"
	case s.baseURL == "":
		return kind + "/" + id
	}
	return s.baseURL + "/" + kind + "/" + id
}

// MarshalJSON writes the story as docs/why.md has it.
func (s *story) MarshalJSON() ([]byte, error) {
	all := map[string]rows{}
	ofRun, ofState := sections(s.Entity)
	for _, name := range append(ofRun, ofState...) {
		all[name] = s.Sections[name]
	}
	return json.Marshal(struct {
		Entity   string            `json:"entity"`
		RemoteID string            `json:"remote_id"`
		Name     string            `json:"name"`
		Title    string            `json:"title"`
		RunID    string            `json:"run_id"`
		ReadIn   string            `json:"read_in"`
		Latest   string            `json:"latest_run"`
		Others   []string          `json:"other_ids"`
		LookUp   string            `json:"look_up"`
		Sections map[string]rows   `json:"sections"`
		Lacks    map[string]string `json:"lacks"`
		Nights   rows              `json:"nights"`
		Skipped  []string          `json:"skipped_runs"`
	}{s.Entity, s.RemoteID, s.Name, s.Title, s.RunID, s.ReadIn, s.Latest, append([]string{}, s.Others...), s.lookUp(), all, s.Lacks, s.Nights,
		append([]string{}, s.several.Skipped...)})
}
