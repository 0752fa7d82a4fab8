package commands

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/load"
)

func wholeSummary() summary {
	s := summary{RunID: "20261123T020000Z", ExitCode: exitIncomplete, PlanHash: "c0ffee", DeletionsHeld: 14,
		Streams: []streamSummary{
			{Name: "products", Part: "full", Rows: 1213, Pages: 5, Requests: 7, Retries: 2, Quarantined: 1, Reason: "product 17 was skipped: the shop answers it with 500, whatever the page size"},
			{Name: "stock_statuses", Part: "skus", Rows: 1100, Pages: 11, Requests: 1100, Complete: true},
		},
		Issues: issueCounts{Rejected: 1, Quarantined: 1, Held: 14},
		FirstIssues: []issue{
			{"quarantined", "products", "17", "", "the shop answers it with 500, whatever the page size"},
			{"rejected", "products", "12", "A-VERY-LONG-SKU-THAT-GOES-ON", "Optiply says: name is too long"},
		}}
	s.counts([]load.Count{{Entity: "products", Op: "update", Planned: 1200, Done: 1190, Rejected: 1, Held: 2, Unfinished: 7}, {Entity: "sell_orders", Op: "create", Planned: 3, Done: 3}})
	s.seconds("extract", 61*time.Second)
	s.seconds("load", 2*time.Second)
	s.seconds("load", 300*time.Millisecond)
	return s
}

func TestSummary_ReadsWell(t *testing.T) {
	for _, width := range []string{"80", "60"} {
		want, err := os.ReadFile("testdata/summary-" + width + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		a := &app{env: Env{Stderr: &stderr, StderrTerminal: true, Width: map[string]int{"80": 80, "60": 60}[width]}}
		a.printSummary(wholeSummary())
		if diff := cmp.Diff(string(want), stderr.String()); diff != "" {
			t.Errorf("at %s columns (-want +got):\n%s", width, diff)
		}
		for line := range strings.Lines(stderr.String()) {
			if n := len([]rune(line)) - 1; n > a.env.Width && !strings.Contains(line, "magento-optiply") {
				t.Errorf("%d columns wide at %s: %q", n, width, line)
			}
		}
	}
}

func TestSummary_IsOneLineOfJSON(t *testing.T) {
	var stderr bytes.Buffer
	a := &app{env: Env{Stderr: &stderr}, logJSON: true}
	a.printSummary(wholeSummary())
	if n := strings.Count(stderr.String(), "\n"); n != 1 {
		t.Errorf("%d lines", n)
	}
	var got map[string]any
	if err := json.Unmarshal(stderr.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got["type"] != "summary" || got["run_id"] != "20261123T020000Z" || got["exit_code"] != 3.0 || got["deletions_held"] != 14.0 {
		t.Errorf("summary: %v", got)
	}
	if diff := cmp.Diff(map[string]any{"extract": 61.0, "load": 2.3}, got["seconds"]); diff != "" {
		t.Error(diff)
	}
	if got := (summary{}).json(); !strings.Contains(got, `"streams":[],"changes":[]`) || !strings.Contains(got, `"seconds":{}`) {
		t.Errorf("lists without rows: %s", got)
	}
}

func TestSummary_VerdictSaysWhatHappened(t *testing.T) {
	changes := func(planned, done, unfinished int64) []changeSummary {
		return []changeSummary{{Entity: "products", Op: "update", Planned: planned, Done: done, Unfinished: unfinished}}
	}
	for _, test := range []struct {
		name string
		s    summary
		want string
	}{
		{"nothing", summary{PlanHash: "x"}, "Nothing to send: Optiply holds what it should.\n"},
		{"nothing, rows left out", summary{PlanHash: "x", Issues: issueCounts{Dropped: 3}}, "Nothing to send. 3 rows were left out; see them with:\n    magento-optiply sql \"FROM run.issues\"\n"},
		{"nothing, not read whole", summary{PlanHash: "x", Streams: []streamSummary{{}}}, "Nothing to send.\n"},
		{"all", summary{PlanHash: "x", Changes: changes(12, 12, 0)}, "12 changes sent.\n"},
		{"one", summary{PlanHash: "x", Changes: changes(1, 1, 0), Issues: issueCounts{Held: 1}}, "1 change sent. 1 row was left out; see it with:\n    magento-optiply sql \"FROM run.issues\"\n"},
		{"dry run", summary{RunID: "R", PlanHash: "x", DryRun: true, Changes: changes(12, 0, 12)}, "12 changes to send; nothing was sent. Send them with:\n    magento-optiply load --run R\n"},
		{"stopped", summary{PlanHash: "x", ExitCode: 1, Changes: changes(12, 5, 7)}, "5 of 12 changes sent. 7 wait; go on with:\n    magento-optiply run --resume\n"},
		{"stopped early", summary{ExitCode: 130}, "Stopped before there was a plan. What was read is kept; go on with:\n    magento-optiply run --resume\n"},
		{"a dry run stopped early", summary{ExitCode: 130, DryRun: true}, "Stopped before there was a plan. What was read is kept; go on with:\n    magento-optiply run --dry-run --resume\n"},
		{"an extraction stopped", summary{ExitCode: 1, command: "extract"}, "Stopped before there was a plan. What was read is kept; go on with:\n    magento-optiply extract --resume\n"},
		{"a load stopped", summary{RunID: "R", PlanHash: "x", ExitCode: 1, command: "load", Changes: changes(12, 5, 7)}, "5 of 12 changes sent. 7 wait; go on with:\n    magento-optiply load --run R\n"},
		{"extracted", summary{RunID: "R", Streams: []streamSummary{{Rows: 1213}}}, "1,213 rows were read. Work out what to send with:\n    magento-optiply transform --run R\n"},
		{"guard", summary{PlanHash: "x", Changes: changes(1, 1, 0), DeletionsHeld: 14, Issues: issueCounts{Held: 14}}, "1 change sent. A guard kept 14 products from being disabled. 14 rows were left\nout; see them with:\n    magento-optiply sql \"FROM run.issues\"\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			printRemarks(&b, test.s.verdict(), 80)
			if got := trimLines(b.String()); got != test.want {
				t.Errorf("got:\n%swant:\n%s", got, test.want)
			}
		})
	}
}

func TestWords_ForNumbers(t *testing.T) {
	for got, want := range map[string]string{
		count(0): "0", count(999): "999", count(1000): "1,000", count(-1234567): "-1,234,567",
		plural(1, "row"): "1 row", plural(1213, "row"): "1,213 rows",
		seconds(0): "0.0 s", seconds(59940 * time.Millisecond): "59.9 s", seconds(59960 * time.Millisecond): "1 min 00 s",
		seconds(185 * time.Second): "3 min 05 s", seconds(127 * time.Minute): "2 h 07 min",
		size(0): "0 B", size(999): "999 B", size(1000): "1.0 kB", size(999_950): "1.0 MB", size(1_250_000): "1.2 MB",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
