package load

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestState_TheDocumentDrawsEveryTransition compares the table and the drawing of docs/ledger.md with what the ledger allows.
func TestState_TheDocumentDrawsEveryTransition(t *testing.T) {
	data, err := os.ReadFile("../docs/ledger.md")
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^    (\[\*\]|\w+) --> (\w+)`).FindAllStringSubmatch(string(data), -1) {
		drawn[strings.Replace(m[1], "[*]", "(none)", 1)+" "+m[2]] = true
	}
	_, table, _ := strings.Cut(string(data), "\n| newest row | ")
	lines := strings.Split(table, "\n")
	columns := cells(lines[0])
	rows := 0
	for _, line := range lines[2:] {
		if !strings.HasPrefix(line, "| ") {
			break
		}
		rows++
		row := cells(line)
		before := State(strings.Replace(row[0], "(none)", "", 1))
		for i, next := range columns {
			update, create := State(next).follows(before, false) == nil, State(next).follows(before, true) == nil
			want := map[[2]bool]string{{true, true}: "yes", {true, false}: "update"}[[2]bool{update, create}]
			if row[i+1] != want {
				t.Errorf("docs/ledger.md says %q of %s after %s; the ledger says %q", row[i+1], next, row[0], want)
			}
			if name := row[0] + " " + next; drawn[name] != update {
				t.Errorf("drawn %v: %s", drawn[name], name)
			}
			delete(drawn, row[0]+" "+next)
		}
	}
	if rows != 7 || len(columns) != 6 || len(drawn) > 0 {
		t.Errorf("%d rows, %d columns; drawn, and no states: %v", rows, len(columns), drawn)
	}
}

// cells are the cells of a row of a Markdown table; its first bar may be missing.
func cells(line string) (list []string) {
	for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
		list = append(list, strings.TrimSpace(cell))
	}
	return list
}

// TestDocument_ItsQueriesAreAnswered runs the SQL of docs/ledger.md.
func TestDocument_ItsQueriesAreAnswered(t *testing.T) {
	data, err := os.ReadFile("../docs/ledger.md")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.plan(create("1"))
	b.mustLoad()
	queries := regexp.MustCompile("(?s)```sql\n(.*?)```").FindAllStringSubmatch(string(data), -1)
	for _, q := range queries {
		b.rows("SELECT to_json(t)::VARCHAR FROM (" + q[1] + ") t")
	}
	if len(queries) != 3 {
		t.Errorf("%d queries", len(queries))
	}
}
