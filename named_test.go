package main_test

import (
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var updateNamed = flag.Bool("update-named", false, "write testdata/named.txt from what the named queries answer")

// heldNights is a shop of two nights in which something waits: physical stock, which a product without a default source does not
// have, and all orders.
var heldNights = sync.OnceValues(func() (shopDir, error) {
	return ranNights("held", "use_salable_quantity: false\npullAllOrders: true", 1, 2)
})

// TestNamed_AnswersOverTheDemoNights compares what each named query answers with testdata/named.txt. What another machine or day
// would answer otherwise is left out: times of this machine, ids of runs and of Optiply.
func TestNamed_AnswersOverTheDemoNights(t *testing.T) {
	t.Parallel()
	made, err := heldNights()
	if err != nil {
		t.Fatal(err)
	}
	s := shopDir{t, made.dir}
	ids := s.runIDs()
	runs := strings.NewReplacer(ids[0], "RUN1", ids[1], "RUN2")
	masked := regexp.MustCompile(`^(seconds.*|requests|waiting_since|since|optiply_id)$`)
	var got strings.Builder
	for _, name := range fileNames(t, "commands/queries/named") {
		sqlText(t, "commands/queries/named/"+name+".sql")
		r := s.must(0, "sql", "--named", name, "--format", "csv")
		rows, err := csv.NewReader(strings.NewReader(r.stdout)).ReadAll()
		if err != nil {
			t.Fatal(name, err)
		}
		fmt.Fprintf(&got, "== %s\n", name)
		timed := strings.HasPrefix(name, "slowest-")
		for i, row := range rows {
			for j, head := range rows[0] {
				if i > 0 && masked.MatchString(head) {
					row[j] = "#"
				}
			}
			if timed && i > 0 { // their order is that of the time that each took
				continue
			}
			fmt.Fprintln(&got, runs.Replace(strings.Join(row, " | ")))
		}
		if timed {
			fmt.Fprintf(&got, "%t\n", len(rows) > 5)
		}
	}
	path := "testdata/named.txt"
	if *updateNamed {
		if err := errors.Join(os.MkdirAll("testdata", 0o750), os.WriteFile(path, []byte(got.String()), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("answers (-testdata/named.txt +sql --named; -update-named writes them anew):\n%s", diff)
	}
}

// TestNamed_TheListIsDocumented compares docs/sql.md with the list.
func TestNamed_TheListIsDocumented(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("docs/sql.md")
	if err != nil {
		t.Fatal(err)
	}
	table, _, _ := strings.Cut(string(data), "## Several runs at once")
	var got []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| (.*) \\|$").FindAllStringSubmatch(table, -1) {
		got = append(got, m[1]+" "+strings.ReplaceAll(m[2], "`--runs N`", "--runs N"))
	}
	s := newLooked(t)
	var want []string
	for line := range strings.Lines(s.must(0, "sql", "--named").stdout) {
		if strings.HasPrefix(line, " ") {
			want[len(want)-1] += " " + strings.TrimSpace(line)
			continue
		}
		name, sentence, _ := strings.Cut(strings.TrimSpace(line), " ")
		want = append(want, name+" "+strings.TrimSpace(sentence))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-sql --named +docs/sql.md):\n%s", diff)
	}
}
