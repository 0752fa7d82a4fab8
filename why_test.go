package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhy_TellsAProductThatChanged(t *testing.T) {
	t.Parallel()
	s := newLooked(t)
	ids := s.runIDs()
	r := s.must(0, "why", "dec-1", "--run", ids[1])
	isPlain(t, r.stdout)
	tells(t, r.stdout, "DEC-1 - Decimal price product product 2; run "+ids[1]+", the latest", "update: stockLevel 3 -> 2; acknowledged",
		"Magento said (raw.products of run "+ids[1], "id 2, sku DEC-1", "price 19.995",
		"Stock", "2, from export-stock-salable-qty/website/base: qty = 2.25", "mode salable, taken from the bulk listings",
		"price 19.995 20.00 20.00", "stockLevel 2 3 2",
		"update: stockLevel changed in Magento", "stockLevel 3 -> 2", "of plan ",
		"update acknowledged (HTTP 200)", "update sent: stockLevel 2", "create acknowledged (HTTP 201)",
		"At Optiply", "as run "+ids[1]+" left it", "look it up: ", "sandbox/journal.ndjson",
		"The last 2 runs", ids[1]+" full 2 20.00 update: stockLevel 3 -> 2; acknowledged", ids[0]+" full 3 20.00 create")
}

// The newest run read only what changed, so that the record is told from the run before it.
func TestWhy_TakesTheRecordFromTheRunThatReadIt(t *testing.T) {
	t.Parallel()
	s := newLooked(t)
	ids := s.runIDs()
	r := s.must(0, "why", "--remote-id", "2")
	tells(t, r.stdout, "run "+ids[2]+", the latest", "nothing to send: Optiply holds this already", "raw.products of run "+ids[1], "stage is of run "+ids[1],
		"The last 3 runs", ids[2]+" again 2 20.00 nothing to send")
	if r := s.must(0, "why", "--remote-id", "2", "--runs", "1"); !strings.Contains(r.stdout, "The last 1 run\n") || strings.Contains(r.stdout, ids[0]+" ") {
		t.Errorf("--runs 1:\n%s", r.stdout)
	}
}

func TestWhy_TellsAProductThatWasGone(t *testing.T) {
	t.Parallel()
	s := newLooked(t)
	ids := s.runIDs()
	r := s.must(0, "why", "TMP-1")
	isPlain(t, r.stdout)
	tells(t, r.stdout, "run "+ids[1]+", the newest that has something to say of it (the latest is "+ids[2]+")", "disable: status enabled -> disabled; acknowledged",
		"raw.products of run "+ids[0], "verdict disable: gone from Magento", "status disabled")
}

func TestWhy_TellsAnOrderByEitherNumber(t *testing.T) {
	t.Parallel()
	s := newLooked(t)
	r := s.must(0, "why", "--order", "000000004")
	isPlain(t, r.stdout)
	tells(t, r.stdout, "Order 000000004 - placed 2026-10-02 11:20:10", "create: totalValue 192.80, 3 lines; acknowledged", "Items", "59 BUNDLE-FIX bundle 2 192.8",
		"Lines", "25 BACKORDER-1 6 0.00 send", "create sent: remoteId 4", "not read; Optiply has it", "not sent in this state: processing")
	if same := s.must(0, "why", "--order", "4"); same.stdout != r.stdout {
		t.Errorf("by its id:\n%s\nby its number:\n%s", same.stdout, r.stdout)
	}
	r = s.must(0, "why", "--order", "26")
	tells(t, r.stdout, "dropped: no line of it is left", "dropped line (BULK-00109) in transform: product 176 is neither in Optiply nor in Magento's listing",
		"Requests and answers", "none", "it is not known to be there")
}

func TestWhy_AnUnknownOneIsToldWhereItWasLookedForAndWhatIsLikeIt(t *testing.T) {
	t.Parallel()
	s := newLooked(t)
	ids := s.runIDs()
	for _, test := range []struct {
		args  []string
		parts []string
	}{
		{[]string{"24-MB1"}, []string{"SKU 24-MB1 is not in the 3 runs that are here (" + ids[0] + " to " + ids[2] + ") nor in the state", "Like it: 24-MB01 (Joust Duffle Bag)"}},
		{[]string{"--order", "99999"}, []string{"order 99999 is not in the 3 runs"}},
		{[]string{"--remote-id", "99999"}, []string{"product 99999 is not in the 3 runs"}},
		{[]string{}, []string{"one SKU, or --remote-id ID, or --order NUMBER"}},
		{[]string{"24-MB01", "--order", "4"}, []string{"one SKU, or --remote-id ID, or --order NUMBER"}},
		{[]string{"24-MB01", "--runs", "0"}, []string{"--runs 0: it is a number of nights"}},
		{[]string{"24-MB01", "--run", "20200101T000000Z"}, []string{"no such run"}},
		{[]string{"24-MB01", "--format", "csv"}, []string{"--format csv: it is table or json"}},
	} {
		r := s.must(2, append([]string{"why"}, test.args...)...)
		for _, part := range test.parts {
			if !strings.Contains(r.stderr, part) || r.stdout != "" {
				t.Errorf("%v says %q and prints %q, want %q", test.args, r.stderr, r.stdout, part)
			}
		}
	}
}

// The first night's file has been pruned, and its order is known from the state alone.
func TestWhy_TellsWhatOnlyTheStateKnows(t *testing.T) {
	t.Parallel()
	s := copyLooked(t)
	for _, id := range s.runIDs() {
		if err := os.Remove(filepath.Join(s.dir, "data", "demo", "runs", id+".duckdb")); err != nil {
			t.Fatal(err)
		}
	}
	r := s.must(0, "why", "24-MB01")
	isPlain(t, r.stdout)
	tells(t, r.stdout, "24-MB01 - Joust Duffle Bag", "only the state knows it", "none of them read it", "create acknowledged", "At Optiply", "price 34.00")
	r = s.must(2, "why", "24-MB1")
	if !strings.Contains(r.stderr, "SKU 24-MB1 is not in the state") {
		t.Errorf("without a run: %s", r.stderr)
	}
}

// TestWhy_JSONIsAsDocumented compares what each question answers, run by hand, and the JSON, with docs/why.md.
func TestWhy_JSONIsAsDocumented(t *testing.T) {
	t.Parallel()
	s := newLooked(t)
	data, err := os.ReadFile("docs/why.md")
	if err != nil {
		t.Fatal(err)
	}
	head, products, _ := strings.Cut(string(data), "The sections of a product:")
	products, orders, _ := strings.Cut(products, "The sections of an order:")
	for entity, text := range map[string]string{"products": products, "sell_orders": orders} {
		want := map[string][]string{}
		for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\| (.*) \\|$").FindAllStringSubmatch(text, -1) {
			if table, ok := strings.CutPrefix(m[2], "every column of "); ok {
				for _, row := range s.query("DESCRIBE " + strings.Trim(table, "`")) {
					want[m[1]] = append(want[m[1]], row[0])
				}
				continue
			}
			for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(m[2], -1) {
				want[m[1]] = append(want[m[1]], name[1])
			}
		}
		got := map[string][]string{}
		for _, name := range fileNames(t, "commands/queries/why/"+entity) {
			if strings.HasPrefix(name, "find") || name == "near" {
				continue
			}
			for _, row := range s.query("DESCRIBE " + sqlText(t, "commands/queries/why/"+entity+"/"+name+".sql")) {
				got[name] = append(got[name], row[0])
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("sections of %s (-docs/why.md +why):\n%s", entity, diff)
		}
	}
	var fields []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|").FindAllStringSubmatch(head, -1) {
		fields = append(fields, m[1])
	}
	story := s.must(0, "why", "DEC-1", "--format", "json").stdout
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^  "([a-z_]+)":`).FindAllStringSubmatch(story, -1) {
		names = append(names, m[1])
	}
	if diff := cmp.Diff(fields, names); diff != "" {
		t.Errorf("fields (-docs/why.md +why):\n%s", diff)
	}
	var parsed struct {
		Sections map[string][]map[string]any
		Nights   []map[string]any
	}
	if err := json.Unmarshal([]byte(story), &parsed); err != nil || len(parsed.Nights) != 3 || len(parsed.Sections["requests"]) != 4 {
		t.Errorf("%v, %d nights, %d requests in:\n%s", err, len(parsed.Nights), len(parsed.Sections["requests"]), story)
	}
}

// fileNames are the .sql files of a folder, without their ending.
func fileNames(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatal(dir, err)
	}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), ".sql"))
	}
	return names
}

// sqlText is a file of SQL without the semicolon at its end. Its first lines have to say what it is.
func sqlText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"-- purpose: ", "-- inputs:  ", "-- output:  ", "-- grain:   "} {
		if !strings.Contains(string(data), "\n"+part) && !strings.HasPrefix(string(data), part) {
			t.Errorf("%s does not say its %q", path, part)
		}
	}
	return strings.TrimSuffix(strings.TrimSpace(string(data)), ";")
}
