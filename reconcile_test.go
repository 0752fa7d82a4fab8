package main_test

import (
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"magento-optiply/magento/magentotest"
	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
)

// These tests change Optiply behind the program's back, with the real program, and put it right again.

// drift has somebody else change two products and delete one, and returns the deleted one's remote id.
func (s shopDir) drift() (gone string) {
	s.t.Helper()
	s.box(1, func(c *optiply.Client, box *sandbox.Sandbox) {
		update := func(id, body string) {
			s.t.Helper()
			if _, err := c.Update(s.t.Context(), optiply.Products, id, json.RawMessage(body)); err != nil {
				s.t.Fatal(err)
			}
		}
		products := box.Products()
		update(products[3].ID, `{"price":987.65,"stockLevel":-3}`)
		update(products[4].ID, `{"name":"somebody else's name"}`)
		for _, p := range products[5:] { // one that is in no order, which Optiply lets go
			if err := c.Delete(s.t.Context(), optiply.Products, p.ID); err == nil {
				gone = p.RemoteID()
				break
			}
		}
		if gone == "" {
			s.t.Fatal("no product could be deleted")
		}
		s.create(c, optiply.Products, map[string]any{"name": "of another program", "skuCode": "OTHER", "articleCode": "900001", "unlimitedStock": false, "stockLevel": 1, "status": "enabled"})
	})
	return gone
}

// found is what reconcile --format csv tells: "kind attribute" of each row.
func (s shopDir) found(code int, args ...string) (list []string) {
	s.t.Helper()
	r := s.must(code, append([]string{"reconcile", "--format", "csv"}, args...)...)
	rows, err := csv.NewReader(strings.NewReader(r.stdout)).ReadAll()
	if err != nil || len(rows) == 0 || strings.Join(rows[0], " ") != "kind remote_id optiply_id sku attribute state optiply" {
		s.t.Fatalf("%v: %s", err, r.stdout)
	}
	for _, row := range rows[1:] {
		list = append(list, strings.TrimSpace(row[0]+" "+row[4]))
	}
	slices.Sort(list)
	return list
}

func TestReconcile_TellsWhatDiffersAndTheNextRunSendsIt(t *testing.T) {
	long(t)
	t.Parallel()
	s := newShop(t, "", "")
	s.write("magento-optiply.yaml", configOf(t, s)+"load:\n  recreate_missing: true\n")
	s.must(3, "run", "--fixtures", night(1))
	if r := s.must(0, "reconcile"); !strings.Contains(r.stdout, "0 differ, 0 gone") {
		t.Errorf("nothing has changed, and it says:\n%s", r.stdout)
	}
	gone := s.drift()
	before := s.query("SELECT seq FROM state.ledger ORDER BY seq")
	want := []string{"drift name", "drift price", "drift stockLevel", "gone"}
	if got := s.found(3); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	if r := s.must(3, "reconcile"); !strings.Contains(r.stdout, `price is "987.65"`) || !strings.Contains(r.stdout, gone+" (") || !strings.Contains(r.stdout, "not in the state: 1, 0 of them") {
		t.Errorf("the table does not tell what differs:\n%s", r.stdout)
	}
	if after := s.query("SELECT seq FROM state.ledger ORDER BY seq"); len(after) != len(before) {
		t.Error("a look has changed the state")
	}
	// Over the days of a sample everything is seen: here in two samples, of which this day's is one.
	if got := s.found(s.exec("reconcile", "--sample", "50%").code, "--sample", "50%"); len(got) > len(want) {
		t.Errorf("a sample found %q", got)
	}
	s.found(3, "--fix")
	s.found(0)
	s.must(0, "run", "--fixtures", night(1)) // not a full one: what was corrected is read by id
	s.found(0)
	products, _, _ := s.held()
	products = slices.DeleteFunc(products, func(p string) bool { return strings.Contains(p, "of another program") })
	if want := expected(t, 1, "default", "products"); !slices.Equal(products, want) {
		t.Errorf("Optiply holds\n%s\nwant\n%s", strings.Join(products, "\n"), strings.Join(want, "\n"))
	}
}

func TestReconcile_InARunIsCorrectedByTheSameRun(t *testing.T) {
	long(t)
	t.Parallel()
	s := newShop(t, "", "")
	s.must(3, "run", "--fixtures", night(1))
	s.drift()
	r := s.must(3, "--log-format", "json", "run", "--fixtures", night(1), "--reconcile", "100%", "--fix")
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	var last struct {
		Reconcile struct {
			Sample         string
			Drifted, Gone  int
			Corrected      int
			LookedAt       int `json:"looked_at"`
			UnknownThere   int `json:"unknown_there"`
			AttributeCount []struct {
				Attribute string
				Drifts    int
			} `json:"attributes"`
		}
		Changes []struct{ Op string }
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatal(err)
	}
	if c := last.Reconcile; c.Sample != "1/1" || c.Drifted != 2 || c.Gone != 1 || c.Corrected != 2 || c.UnknownThere != 1 || len(c.AttributeCount) != 3 {
		t.Errorf("the summary says %+v", c)
	}
	// What is gone stays held until load.recreate_missing says that it is created again.
	if got := s.found(3); !slices.Equal(got, []string{"gone"}) {
		t.Errorf("after it %q differ", got)
	}
	for _, args := range [][]string{{"--fix"}, {"--reconcile", "0%"}, {"--reconcile", "x"}, {"--reconcile", "5%", "--dry-run"}} {
		s.must(2, append([]string{"run", "--fixtures", night(1)}, args...)...)
	}
}

// TestDocs_CommandsOfDeadlineAndReconcileRun runs every command that the two pages show.
func TestDocs_CommandsOfDeadlineAndReconcileRun(t *testing.T) {
	long(t)
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{})
	ran := 0
	for _, page := range []string{"docs/deadline.md", "docs/reconcile.md"} {
		for _, b := range blocksOf(t, page) {
			if b.language != "sh" {
				continue
			}
			for line := range strings.Lines(b.text) {
				s.shell(strings.TrimSpace(line))
				ran++
			}
		}
	}
	if ran != 5 {
		t.Errorf("the pages show %d commands; the test does not find their blocks", ran)
	}
}
