package main_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"magento-optiply/magento/magentotest"
)

// moreRecords puts customers, invoices and credit memos of two stores into a shop.
func (s servedShop) moreRecords() {
	s.t.Helper()
	put := func(stream, record string) {
		if err := s.shop.Put(stream, json.RawMessage(record)); err != nil {
			s.t.Fatal(err)
		}
	}
	for id := 1; id <= 4; id++ {
		at := fmt.Sprintf("2026-11-0%d 12:00:00", id)
		put("customers", fmt.Sprintf(`{"id":%d,"email":"person%[1]d@example.com","firstname":"Somebody","store_id":%[2]d,"updated_at":%[3]q,"addresses":[{"street":["Hidden Lane 9"]}]}`, id, 1+id%2, at))
		for _, stream := range []string{"invoices", "credit_memos"} {
			put(stream, fmt.Sprintf(`{"entity_id":%d,"order_id":%[1]d,"store_id":%[2]d,"grand_total":%[1]d.5,"updated_at":%[3]q,"comments":[{"comment":"Hidden Lane 9"}]}`, id, 1+id%2, at))
		}
	}
}

func TestStreams_NamedOnesAreReadAndAskedWithSQL(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{})
	s.moreRecords()
	r := s.must(0, "extract", "--streams", "invoices, credit_memos")
	id := strings.TrimSpace(r.stdout)
	if !strings.Contains(r.stderr, "credit_memos  window     4") || strings.Contains(r.stderr, "customers") {
		t.Errorf("the summary does not tell what was read:\n%s", r.stderr)
	}
	if rows := s.query("SELECT key, item ->> 'grand_total' FROM raw.invoices ORDER BY key"); fmt.Sprint(rows) != "[[1 1.5] [2 2.5] [3 3.5] [4 4.5]]" {
		t.Errorf("invoices: %v", rows)
	}
	if rows := s.must(0, "sql", "FROM raw.invoices"); strings.Count(rows.stdout, "grand_total") != 4 {
		t.Errorf("FROM raw.invoices: %s", rows.stdout)
	}
	// The next time only what changed since, and with --full all of it.
	if !s.shop.Touch("invoices", "2", s.shop.Now) {
		t.Fatal("there is no invoice 2")
	}
	s.shop.SetNow(s.shop.Now.AddDate(0, 0, 1))
	s.must(0, "extract", "--streams", "invoices")
	if rows := s.query("SELECT key FROM raw.invoices"); fmt.Sprint(rows) != "[[2]]" {
		t.Errorf("invoices of the next time: %v", rows)
	}
	s.must(0, "extract", "--streams", "invoices", "--full")
	if rows := s.query("SELECT key FROM raw.invoices ORDER BY key"); fmt.Sprint(rows) != "[[1] [2] [3] [4]]" {
		t.Errorf("invoices with --full: %v", rows)
	}
	if rows := s.must(0, "sql", "--run", id, "--format", "csv", "SELECT count(*) FROM raw.credit_memos"); !strings.Contains(rows.stdout, "4") {
		t.Errorf("the first run's credit memos: %s", rows.stdout)
	}
}

func TestStreams_CustomersAreReadOnlyWhenNamed(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{})
	s.moreRecords()
	people := []string{"person1@example.com", "Somebody", "Hidden Lane"}
	r := s.must(0, "--log-level", "debug", "extract", "--streams", "all")
	if !strings.Contains(r.stderr, "all,customers") || !strings.Contains(r.stderr, "left_out=customers") {
		t.Errorf("the log does not say what all leaves out:\n%s", r.stderr)
	}
	lacks(t, "the log", []byte(r.stderr), people)
	folderLacks(t, filepath.Join(s.dir, "data"), people)
	r = s.must(0, "--log-level", "debug", "extract", "--streams", "all,customers")
	lacks(t, "the log", []byte(r.stderr), people)
	folderLacks(t, filepath.Join(s.dir, "data"), []string{"Hidden Lane"})
	if rows := s.query("SELECT item ->> 'email' FROM raw.customers WHERE key = '1'"); fmt.Sprint(rows) != "[[person1@example.com]]" {
		t.Errorf("customers: %v", rows)
	}
}

func TestStreams_OfTheConfigurationAreReadInEveryRun(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{})
	s.moreRecords()
	s.write("magento-optiply.yaml", strings.Replace(configOf(t, s.shopDir), "magento:\n", "magento:\n  streams: [invoices, customers]\n  store_id: 2\n", 1))
	s.must(3, "run", "--only", "sell_orders")
	if rows := s.query("SELECT store_code, key FROM raw.invoices ORDER BY key"); fmt.Sprint(rows) != "[[b2b_nl 1] [b2b_nl 3]]" {
		t.Errorf("invoices: %v", rows)
	}
	marks := s.query("SELECT DISTINCT stream FROM state.bookmarks ORDER BY stream")
	if fmt.Sprint(marks) != "[[customers] [invoices] [orders]]" {
		t.Errorf("bookmarks: %v", marks)
	}
}

func TestStreams_WhatIsNotThereIsAUsageError(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{DeniedResources: []string{"Magento_Sales::sales_invoice"}})
	for _, test := range []struct {
		streams string
		code    int
		says    string
	}{
		{"invoice", 2, "invoices"},
		{"invoices", 1, "Magento_Sales::sales_invoice"},
	} {
		r := s.must(test.code, "extract", "--streams", test.streams)
		if !strings.Contains(r.stderr, test.says) || r.stdout != "" {
			t.Errorf("--streams %s:\n%s%s", test.streams, r.stdout, r.stderr)
		}
	}
	if runs := s.shopRuns(); slices.ContainsFunc(runs, func(name string) bool {
		return !strings.Contains(name, "partial") && !strings.HasSuffix(name, ".pages")
	}) {
		t.Errorf("a run that failed has left %v", runs)
	}
}

// What --streams named is kept with the run, so that one that is gone on with reads no more and no less.
func TestStreams_AreThoseOfTheRunThatIsGoneOnWith(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{Faults: []magentotest.Fault{{Prefix: "/V1/creditmemos", Status: 401, Body: `{"message":"no"}`}}})
	s.moreRecords()
	s.must(1, "extract", "--streams", "invoices,credit_memos")
	s.server.ClearFaults()
	s.must(0, "extract", "--resume")
	if rows := s.query("SELECT stream, rows FROM run.streams WHERE stream NOT IN ('stores', 'websites') ORDER BY rowid"); fmt.Sprint(rows) != "[[invoices 4] [credit_memos 4]]" {
		t.Errorf("streams: %v", rows)
	}
}
