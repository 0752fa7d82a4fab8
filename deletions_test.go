package main_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/magento/magentotest"
)

// byIDs meets the questions for products by their ids, the second look among them.
var byIDs = regexp.MustCompile(`conditionType(%5D|\])=in(&|$)`)

// without takes products away from the shop, and gives what puts them back.
func (s servedShop) without(skus ...string) (back func()) {
	s.t.Helper()
	var records [][]byte
	for _, sku := range skus {
		records = append(records, find(s.t, s.shop, "products", `"sku":"`+sku+`"`))
		s.shop.Delete("products", sku)
	}
	return func() {
		for _, record := range records {
			if err := s.shop.Put("products", record); err != nil {
				s.t.Fatal(err)
			}
		}
	}
}

// renames gives product 36 another name: a change that no guard may hold back.
func (s servedShop) renames(from, to string) {
	s.t.Helper()
	record := find(s.t, s.shop, "products", `"id":36,`)
	if err := s.shop.Put("products", bytes.Replace(record, []byte(from), []byte(to), 1)); err != nil {
		s.t.Fatal(err)
	}
}

// verdicts are the rows of diff.deletions as "remote_id verdict", and their reasons.
func (s servedShop) verdicts() (list, reasons string) {
	s.t.Helper()
	var rows, why []string
	for _, row := range s.query("SELECT remote_id, verdict, reason FROM diff.deletions ORDER BY remote_id::BIGINT") {
		rows, why = append(rows, row[0]+" "+row[1]), append(why, row[2])
	}
	return strings.Join(rows, ", "), strings.Join(why, "\n")
}

// TestDeletions_OnNightsThatProveNothing goes through a week in which each night lacks other products, and some nights prove nothing:
// those disable nothing, say why in diff.deletions and in `plan`, and hold nothing else back.
func TestDeletions_OnNightsThatProveNothing(t *testing.T) {
	long(t)
	t.Parallel()
	s := newServedShop(t, "sync_product_deletions: true", magentotest.Options{})
	s.must(3, "run")
	was := s.query("SELECT remote_id, optiply_id FROM state.products WHERE remote_id IN ('37', '62') ORDER BY ALL")
	disabled := func() [][]string {
		return s.query("SELECT remote_id FROM state.products WHERE status = 'disabled' AND remote_id NOT IN ('30', '31') ORDER BY ALL")
	}
	name := "Custom options"
	for night, test := range []struct {
		gone   []string
		fault  magentotest.Fault
		want   string
		reason string
	}{
		{[]string{"TMP-1", "VIRT-1"}, magentotest.Fault{Prefix: "/V1/products", Poison: &magentotest.Poison{Stream: "products", Key: "24-MB01"}},
			"1 held, 37 held, 62 held", "the products listing is not complete: 1 products are quarantined"},
		{[]string{"TMP-1", "TMP-2"}, magentotest.Fault{Prefix: "/V1/products", Pattern: byIDs, Status: 500, Body: `{"message":"Internal Error"}`},
			"62 held, 63 held", "the second look is not complete: 2 of 2 products could not be asked for by id"},
		{[]string{"TMP-1"}, magentotest.Fault{Prefix: "/V1/products", Status: 200, Body: `{"items":[],"search_criteria":{},"total_count":0}`},
			"", "the shop answered no product at all"},
	} {
		back := s.without(test.gone...)
		renamed := "Options of night " + string(rune('A'+night))
		s.renames(name, renamed)
		name = renamed
		heal := s.server.AddFault(test.fault)
		s.must(5, "run", "--full", "--allow-deletions", "1000")
		heal()
		list, reasons := s.verdicts()
		if test.want != "" && list != test.want || !strings.Contains(reasons, test.reason) {
			t.Errorf("night %d: %s, want %s, because %q:\n%s", night, list, test.want, test.reason, reasons)
		}
		if rows := disabled(); len(rows) > 0 {
			t.Errorf("night %d disabled %v without proof", night, rows)
		}
		plan := s.must(0, "plan").stdout
		for _, row := range strings.Split(list, ", ") {
			id, verdict, _ := strings.Cut(row, " ")
			if !strings.Contains(plan, "\n"+verdict+" products "+id+" ") {
				t.Errorf("the plan of night %d does not show %s:\n%s", night, row, plan)
			}
		}
		if !strings.Contains(plan, test.reason) {
			t.Errorf("the plan of night %d does not say %q:\n%s", night, test.reason, plan)
		}
		if rows := s.query("SELECT name FROM state.products WHERE remote_id = '36'"); test.want != "" && rows[0][0] != renamed {
			t.Errorf("night %d held the new name of 36 back: %v", night, rows)
		}
		back()
	}

	// A night that proves it: 62 and 37 are gone, and nothing else.
	back := s.without("TMP-1", "VIRT-1")
	s.must(0, "run", "--full")
	if list, _ := s.verdicts(); list != "37 disable, 62 disable" {
		t.Errorf("a good night: %s", list)
	}
	if diff := cmp.Diff([][]string{{"37"}, {"62"}}, disabled()); diff != "" {
		t.Errorf("disabled (-want +got):\n%s", diff)
	}
	back()
	s.without("TMP-2")
	s.must(0, "run", "--full")
	if diff := cmp.Diff([][]string{{"63"}}, disabled()); diff != "" {
		t.Errorf("disabled when 37 and 62 are back, and 63 is gone (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(was, s.query("SELECT remote_id, optiply_id FROM state.products WHERE remote_id IN ('37', '62') ORDER BY ALL")); diff != "" {
		t.Errorf("ids at Optiply (-before +after):\n%s", diff)
	}
	if products, _, _ := s.held(); len(products) != 46 {
		t.Errorf("Optiply holds %d products, want each of 46 once", len(products))
	}
}
