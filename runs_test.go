package main_test

import (
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRunsDiff_TellsWhatChangedBetweenTwoNights compares the attributes that changed with the changes worked out by hand.
func TestRunsDiff_TellsWhatChangedBetweenTwoNights(t *testing.T) {
	t.Parallel()
	s := newLooked(t)
	ids := s.runIDs()
	r := s.must(0, "runs", "diff", ids[0], ids[1])
	isPlain(t, r.stdout)
	tells(t, r.stdout, "From run "+ids[0]+" to run "+ids[1], "products added 3 NEW-1", "products changed price 2 SKU WITH SPACE", "products gone 2 SKU?Q=1",
		"sell_orders added 5", "stock changed stockLevel 6 DEC-1", "Every row: ")
	rows, err := csv.NewReader(strings.NewReader(s.must(0, "runs", "diff", ids[0], ids[1], "--format", "csv").stdout)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, row := range rows[1:] {
		entity, change, id, attribute := row[0], row[1], row[2], row[4]
		switch {
		case change == "added" && entity != "stock":
			got["create "+entity+" "+id] = nil
		case change == "gone" && entity == "products":
			got["disable products "+id] = []string{"status"}
		case change == "changed":
			got["update products "+id] = append(got["update products "+id], attribute)
		}
	}
	want := map[string][]string{}
	for _, row := range expected(t, 2, "sync_product_deletions", "changes") {
		cells := strings.Split(row, "\t")
		want[cells[0]+" "+cells[1]+" "+cells[2]] = strings.Split(cells[3], ",")
	}
	for name, list := range want {
		if strings.HasPrefix(name, "create ") {
			want[name] = nil
		}
		slices.Sort(list)
		slices.Sort(got[name])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-by hand +runs diff):\n%s", diff)
	}
}

// A third night read only what changed, which was nothing.
func TestRunsDiff_ComparesWithANightThatReadOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	s := newLooked(t)
	ids := s.runIDs()
	for _, pair := range [][2]string{{ids[1], ids[2]}, {ids[2], ids[1]}} {
		tells(t, s.must(0, "runs", "diff", pair[0], pair[1]).stdout, "nothing is another")
		if r := s.must(0, "runs", "diff", pair[0], pair[1], "--format", "json"); strings.TrimSpace(r.stdout) != "[\n]" {
			t.Errorf("rows: %s", r.stdout)
		}
	}
	// What was gone is in Optiply, disabled.
	r := s.must(0, "runs", "diff", ids[0], ids[2], "--format", "csv")
	if !strings.Contains(r.stdout, "products,changed,62,TMP-1,status,enabled,disabled\n") {
		t.Errorf("over two nights:\n%s", r.stdout)
	}
}

func TestRunsDiff_NamesSettingsAndRulesThatAreOthers(t *testing.T) {
	t.Parallel()
	s := copyLooked(t)
	ids := s.runIDs()
	s.write("magento-optiply.yaml", configOf(t, s)+"  order_lines: leaf\n")
	s.must(0, "run", "--fixtures", night(2), "--full")
	ids = append(ids, s.runIDs()[3])
	s.write("sql/225_model_extra_attributes.sql", sqlText(t, "transform/sql/225_model_extra_attributes.sql")+
		";\nINSERT INTO model.extra_attributes SELECT product_id::VARCHAR, json_object('eanCode', '87' || sku) FROM stage.products WHERE product_id = 2;\n")
	s.write("sql/510_plan_changes.sql", strings.Replace(sqlText(t, "transform/sql/510_plan_changes.sql"), "-- purpose: the plan", "-- purpose: our plan", 1))
	s.must(0, "transform", "--sql", "sql")
	r := s.must(0, "runs", "diff", ids[1], ids[3])
	isPlain(t, r.stdout)
	tells(t, r.stdout, "products changed eanCode 1 DEC-1", "Not the shop, but the runs", "setting sync.order_lines: items -> leaf", "rule 510_plan_changes.sql: \"as it was\" -> \"another text\"")
}

func TestRuns_ListsTheFiguresOfANight(t *testing.T) {
	t.Parallel()
	s := newLooked(t)
	var list []struct {
		RowsRead, ChangesSent, LeftOut *int64
		Seconds                        *float64
	}
	text := strings.NewReplacer("rows_read", "RowsRead", "changes_sent", "ChangesSent", "left_out", "LeftOut").Replace(s.must(0, "runs", "--format", "json").stdout)
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 3 {
		t.Fatalf("%v in %s", err, text)
	}
	if n := list[2]; *n.RowsRead < 100 || *n.ChangesSent != 60 || *n.LeftOut != 9 || *n.Seconds <= 0 {
		t.Errorf("the first night: %s", text)
	}
}
