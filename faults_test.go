package main_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/magento/magentotest"
)

// These tests let a shop answer badly, in every way that shops are known to, and look at what a user then has: what was
// read, what is named as missing, the exit code, the sentence, what is left for --resume; and that neither a secret nor a
// customer is in any of it.

// somebody is in the words of every bad answer, and in every order.
const somebody = "Jan Jansen, jan@example.com, Kerkstraat 12, 0612345678, 192.0.2.7"

// secretsAndPeople are what nothing may hold. The address of a request would tell of filters and signatures.
var secretsAndPeople = []string{"s3cret", "Jansen", "jan@example", "jan%40example", "Kerkstraat", "0612345678", "192.0.2.7", "searchCriteria"}

// saying is an answer with somebody in its words.
func saying(status int, words string) magentotest.Fault {
	body, err := json.Marshal(map[string]any{"message": words + " " + somebody, "trace": somebody})
	if err != nil {
		panic(err)
	}
	return magentotest.Fault{Status: status, Body: string(body)}
}

// showing is a page with somebody on it.
func showing(status int, title string) magentotest.Fault {
	return magentotest.Fault{Status: status, Body: "<!doctype html><html><head><title>" + title + "</title></head><body><p>" + somebody + "</p></body></html>"}
}

// on says where a fault is met, and how often; 0 is for ever.
func on(prefix string, after, times int, fault magentotest.Fault) magentotest.Fault {
	fault.Name = fmt.Sprintf("%s %d %d", prefix, after, times)
	fault.Prefix, fault.After, fault.Times = prefix, after, times
	return fault
}

const (
	products = "/V1/products"
	orders   = "/V1/orders"
	stock    = "/V1/stockStatuses/"
	anywhere = "/V1/"
)

// newFaultyShop serves twelve products and eight orders.
func newFaultyShop(t *testing.T, magento string, faults ...magentotest.Fault) servedShop {
	t.Helper()
	shop := &magentotest.Shop{AccessToken: "s3cret-token"}
	put := func(stream, record string) {
		if err := shop.Put(stream, json.RawMessage(record)); err != nil {
			t.Fatal(err)
		}
	}
	put("stores", `{"id":1,"code":"default","name":"Default","website_id":1,"store_group_id":1,"is_active":1}`)
	put("websites", `{"id":1,"code":"base","name":"Base","default_group_id":1}`)
	for id := 1; id <= 12; id++ {
		put("products", fmt.Sprintf(`{"id":%d,"sku":"P-%[1]d","name":"Product %[1]d","price":%[1]d.5,"status":1,"type_id":"simple","created_at":"2024-01-01 00:00:00",
			"updated_at":"2026-11-01 00:00:00","extension_attributes":{"website_ids":[1]}}`, id))
		put("stock_items", fmt.Sprintf(`{"item_id":%d,"product_id":%[1]d,"stock_id":1,"qty":%[1]d,"is_in_stock":true,"manage_stock":true}`, id))
	}
	for id := 1; id <= 8; id++ {
		put("orders", fmt.Sprintf(`{"entity_id":%d,"increment_id":"10%[1]d","state":"complete","status":"complete","store_id":1,"created_at":"2026-11-01 00:00:00",
			"updated_at":"2026-11-01 00:00:00","subtotal":9.5,"base_subtotal":9.5,"order_currency_code":"EUR","base_currency_code":"EUR",
			"customer_email":"jan@example.com","customer_lastname":"Jansen","remote_ip":"192.0.2.7","billing_address":{"street":["Kerkstraat 12"],"telephone":"0612345678"},
			"items":[{"item_id":%[1]d,"product_id":%[1]d,"sku":"P-%[1]d","product_type":"simple","qty_ordered":1,"base_row_total":9.5}]}`, id))
	}
	server := magentotest.New(shop, magentotest.Options{Faults: faults})
	url, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	s := newShop(t, "stock_bulk: off", "store_url: "+url+"\naccess_token: s3cret-token\ncustom_cookies: {gate: s3cret-cookie}\n"+magento)
	return servedShop{s, shop, server}
}

// looks reads what the latest run holds, in words that do not tell how it was read, and looks for secrets and people in all
// that was said and left.
func (s servedShop) looks(said ...result) (staged string) {
	s.t.Helper()
	var parts []string
	for _, stream := range []string{"products", "orders", "stock_statuses"} {
		parts = append(parts, fmt.Sprintf("SELECT '' AS place, '%s: ' || coalesce(string_agg(DISTINCT k, ' ' ORDER BY k), '') AS line FROM "+
			"(SELECT regexp_replace(key, '^P-', '') AS k FROM raw.%[1]s)", stream))
	}
	parts = append(parts, `SELECT '', 'coverage: ' || complete FROM run.coverage`,
		`SELECT '', stream || ' is not complete' FROM run.streams WHERE NOT complete`,
		`SELECT '', 'issue: ' || kind || ' ' || entity || ' ' || coalesce(remote_id, '') FROM run.issues WHERE phase = 'extract'`,
		`SELECT '', 'no stock: ' || sku FROM run.stock_misses`)
	// Strings are packed in a DuckDB file, so that its bytes alone would prove nothing.
	for _, table := range []string{"run.settings", "run.streams", "run.issues", "run.info", "run.stock_misses", "run.coverage", "state.runs"} {
		parts = append(parts, fmt.Sprintf("SELECT '%s', t::VARCHAR FROM %[1]s t", table))
	}
	var lines []string
	for _, row := range s.query("SELECT place, line FROM (" + strings.Join(parts, " UNION ALL ") + ") ORDER BY line") {
		if row[0] == "" {
			lines = append(lines, row[1])
		} else {
			s.keeps(row[0], row[1])
		}
	}
	for _, r := range said {
		s.keeps("what was said", r.stdout+r.stderr)
	}
	err := filepath.WalkDir(filepath.Join(s.dir, "data"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var data []byte
			data, err = os.ReadFile(path)
			s.keeps(filepath.Base(path), string(data))
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// keeps wants no secret and nobody in a text.
func (s servedShop) keeps(where, text string) {
	s.t.Helper()
	for _, word := range secretsAndPeople {
		if at := strings.Index(text, word); at >= 0 {
			s.t.Errorf("%s holds %q: ...%s...", where, word, text[max(at-80, 0):min(at+80, len(text))])
		}
	}
}

// everything is what is staged when nothing is missing.
const everything = `coverage: true
orders: 1 2 3 4 5 6 7 8
products: 1 10 11 12 2 3 4 5 6 7 8 9
stock_statuses: 1 10 11 12 2 3 4 5 6 7 8 9`

// partials are the run files that --resume can go on with.
func (s servedShop) partials() []string {
	names, _ := filepath.Glob(filepath.Join(s.dir, "data", "demo", "runs", "*.partial.duckdb"))
	return names
}

// logged are the ways to see everything that a run says.
func logged(format string, args ...string) []string {
	return append([]string{"--log-level", "debug", "--log-format", format}, args...)
}

// TestFaults_ThatPassCostNothing lets each fault be met once or twice.
func TestFaults_ThatPassCostNothing(t *testing.T) {
	long(t)
	t.Parallel()
	for name, faults := range map[string][]magentotest.Fault{
		"statuses": {
			on("/V1/store/storeViews", 0, 2, saying(429, "slow down")),
			on("/V1/store/websites", 0, 1, magentotest.Fault{Status: 429, Header: map[string]string{"Retry-After": "1"}}),
			on(products, 0, 2, saying(500, "Internal error")),
			on(products, 1, 1, showing(502, "502 Bad Gateway")),
			on(orders, 0, 2, showing(503, "Maintenance")),
			on(orders, 1, 1, showing(504, "504 Gateway Time-out")),
			on(stock, 2, 2, saying(500, "Deadlock")),
		},
		"answers": {
			on("/V1/store/storeViews", 0, 2, magentotest.Fault{Truncate: 0.5}),
			on("/V1/store/websites", 0, 1, showing(200, "Welcome")),
			on(products, 0, 2, saying(200, "Something went wrong")),
			on(products, 1, 1, magentotest.Fault{Truncate: 0.9}),
			on(orders, 0, 1, magentotest.Fault{Status: 200}),
			on(orders, 1, 1, magentotest.Fault{Status: 200, Body: `{"items":[{"customer_lastname":"Jansen"`}),
			on(stock, 1, 1, showing(200, "Just a moment")),
		},
		"wide windows": {
			on(orders, 0, 0, magentotest.Fault{Status: 504, Body: "<html><title>504 Gateway Time-out</title></html>", WiderThan: 60 * 24 * time.Hour}),
		},
		"connections": {
			on("/V1/store/storeViews", 0, 2, magentotest.Fault{Close: true, Reset: true}),
			on("/V1/store/websites", 0, 1, magentotest.Fault{LongerBy: 100}),
			on(products, 0, 1, magentotest.Fault{Cut: 0.5, Reset: true}),
			on(products, 1, 1, magentotest.Fault{CutGzip: 0.5}),
			on(products, 2, 1, magentotest.Fault{ShorterBy: 20}),
			on(orders, 0, 1, magentotest.Fault{Trickle: &magentotest.Trickle{Bytes: 20, Every: time.Hour}}),
			on(orders, 1, 1, magentotest.Fault{Trickle: &magentotest.Trickle{Bytes: 1, Every: 20 * time.Millisecond}}),
			on(stock, 0, 1, magentotest.Fault{Close: true}),
			// What stands on the connection beyond the length is repeated by net/http, in a log of its own.
			on(stock, 3, 1, magentotest.Fault{Status: 200, ShorterBy: len(somebody) + 2, Body: "{} " + somebody}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFaultyShop(t, "page_size: 3\nstall_timeout: 500ms\nanswer_timeout: 1500ms", faults...)
			format := map[bool]string{true: "json", false: "text"}[name == "answers"]
			r := s.must(0, logged(format, "extract")...)
			if diff := cmp.Diff(everything, s.looks(r)); diff != "" {
				t.Errorf("staged (-want, +got):\n%s", diff)
			}
			met := map[string]bool{}
			for _, q := range s.server.Requests() {
				met[q.Fault] = true
			}
			for _, f := range faults {
				if !met[f.Name] {
					t.Errorf("the fault %q was never met", f.Name)
				}
			}
		})
	}
}

// TestFaults_ThatStayStopTheRunWithASentence lets each fault be met for ever. A night that failed is gone on with, into the
// next fault, until the shop is well: then nothing is missing.
func TestFaults_ThatStayStopTheRunWithASentence(t *testing.T) {
	long(t)
	t.Parallel()
	acl := func(status int) magentotest.Fault {
		return magentotest.Fault{Status: status, Body: `{"message":"The consumer isn't authorized to access %resources.","parameters":{"resources":"Magento_Sales::actions_view"}}`}
	}
	type step struct {
		name  string
		fault magentotest.Fault
		says  []string
	}
	for name, steps := range map[string][]step{
		"refusals": {
			{"401 of a permission", on(orders, 1, 0, acl(401)), []string{"HTTP 401", "give its integration the permission Magento_Sales::actions_view"}},
			{"401 of a token that was revoked", on(anywhere, 0, 0, acl(401)), []string{"HTTP 401", "check magento.access_token"}},
			{"401 of the web server", on(orders, 0, 0, showing(401, "Authorization Required")), []string{"HTTP 401", "magento.custom_cookies"}},
			{"403 with a permission", on(orders, 0, 0, acl(403)), []string{"HTTP 403", "the permission Magento_Sales::actions_view"}},
			{"403 of a firewall", on(anywhere, 0, 0, showing(403, "Forbidden")), []string{"a firewall or the web server refused", "let this machine's address through"}},
			{"404 of a list", on(orders, 0, 0, magentotest.Fault{Status: 404, Body: `{"message":"Request does not match any route."}`}), []string{"HTTP 404", "does not have the endpoint"}},
			{"404 of the web server", on(orders, 0, 0, showing(404, "Not Found")), []string{"HTTP 404", "check magento.store_url"}},
			{"404 about a product on every page", on(orders, 0, 0, saying(404, "Het opgevraagde product bestaat niet.")), []string{"HTTP 404", "the shop's own log"}},
			{"429", on(orders, 0, 0, saying(429, "slow down")), []string{"HTTP 429", "lower magento.requests_per_second or magento.concurrency"}},
			{"400", on(orders, 0, 0, saying(400, "Bad")), []string{"HTTP 400"}},
		},
		"failures": {
			{"500 of every order", on(orders, 1, 0, saying(500, "Fatal error")), []string{"HTTP 500", "the shop's own log"}},
			{"500 as a page", on(orders, 0, 0, showing(500, "Error")), []string{"HTTP 500: Error", "the shop's own log"}},
			{"502", on(orders, 0, 0, showing(502, "Bad Gateway")), []string{"HTTP 502: Bad Gateway", "lower magento.page_size"}},
			{"503", on(orders, 0, 0, showing(503, "Service Unavailable")), []string{"HTTP 503", "run again later"}},
			{"504 of every window", on(orders, 0, 0, showing(504, "504")), []string{"HTTP 504", "lower magento.page_size"}},
			{"503 of every stock", on(stock, 1, 0, saying(503, "busy")), []string{"HTTP 503", "run again later"}},
			{"403 of every stock", on(stock, 0, 0, showing(403, "Forbidden")), []string{"SKUs in a row were refused", "let this machine's address through"}},
			{"500 of every stock", on(stock, 0, 0, saying(500, "Fatal error")), []string{"SKUs in a row were refused", "HTTP 500"}},
		},
		"answers": {
			{"truncated JSON", on(products, 1, 0, magentotest.Fault{Truncate: 0.5}), []string{"no JSON, or cut short", "the shop's host"}},
			{"a firewall's page with 200", on(products, 0, 0, showing(200, "Access denied by firewall")), []string{"a firewall answered instead of the shop", "let this machine's address through"}},
			{"a page with 200", on(products, 0, 0, showing(200, "Welcome")), []string{"HTML instead of JSON: Welcome", "magento.store_url"}},
			{"a message with 200", on(products, 0, 0, saying(200, "Sorry")), []string{"HTTP 200", "its own log tells why"}},
			{"something else with 200", on(products, 0, 0, magentotest.Fault{Status: 200, Body: `["Jansen"]`}), []string{"GET products", "no page of a listing"}},
			{"an empty answer", on(products, 0, 0, magentotest.Fault{Status: 200}), []string{"the answer is empty"}},
		},
		"connections": {
			{"a reset in the middle", on(products, 1, 0, magentotest.Fault{Cut: 0.5, Reset: true}), []string{"the connection broke", "the shop's host"}},
			{"a stall", on(products, 0, 0, magentotest.Fault{Trickle: &magentotest.Trickle{Bytes: 20, Every: time.Hour}}), []string{"sent nothing for 100ms", "magento.stall_timeout"}},
			{"a trickle", on(products, 0, 0, magentotest.Fault{Trickle: &magentotest.Trickle{Bytes: 1, Every: 20 * time.Millisecond}}), []string{"took longer than 300ms", "magento.answer_timeout"}},
			{"too long a length", on(products, 0, 0, magentotest.Fault{LongerBy: 100}), []string{"the connection broke"}},
			{"too short a length", on(products, 0, 0, magentotest.Fault{ShorterBy: 30}), []string{"the connection broke"}},
			{"half a gzip stream", on(products, 0, 0, magentotest.Fault{CutGzip: 0.5}), []string{"the connection broke"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFaultyShop(t, "page_size: 5\nretries: 1\nconcurrency: 1\nstall_timeout: 100ms\nanswer_timeout: 300ms")
			for i, step := range steps {
				s.server.AddFault(step.fault)
				failed := s.must(1, logged([]string{"text", "json"}[i%2], "extract", "--resume")...)
				for _, words := range step.says {
					if !strings.Contains(reason(t, failed), words) {
						t.Errorf("%s: the reason does not say %q: %s", step.name, words, reason(t, failed))
					}
				}
				if failed.stdout != "" || len(s.partials()) != 1 {
					t.Fatalf("%s: a failed extraction prints %q, and %d runs are left to go on with", step.name, failed.stdout, len(s.partials()))
				}
				if got := s.looks(failed); !strings.Contains(got, "is not complete") || strings.Contains(got, "issue") {
					t.Errorf("%s: what is staged does not tell that something is missing, or blames a record:\n%s", step.name, got)
				}
				s.server.ClearFaults()
			}
			s.must(0, "extract", "--resume")
			if diff := cmp.Diff(everything, s.looks()); diff != "" {
				t.Errorf("with the shop well again (-want, +got):\n%s", diff)
			}
			if len(s.partials()) != 0 || len(s.shopRuns()) != 1 {
				t.Errorf("%d unfinished runs are left of %d", len(s.partials()), len(s.shopRuns()))
			}
		})
	}
}

// reason is the sentence that a failed run ends with; in JSON the summary comes after it.
func reason(t *testing.T, r result) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(r.stderr), "\n")
	last := lines[len(lines)-1]
	if !strings.HasPrefix(last, "{") {
		return last
	}
	var line struct {
		Message string `json:"msg"`
	}
	if len(lines) < 2 || json.Unmarshal([]byte(lines[len(lines)-2]), &line) != nil {
		t.Fatalf("no reason in %s", r.stderr)
	}
	return line.Message
}

// TestFaults_OfOneRecordCostThatRecord lets the shop fail for ever where one record is in the answer.
func TestFaults_OfOneRecordCostThatRecord(t *testing.T) {
	long(t)
	t.Parallel()
	poison := func(stream, key string, fault magentotest.Fault) magentotest.Fault {
		return magentotest.Fault{Name: "poison", Prefix: "/V1/" + stream, Poison: &magentotest.Poison{Stream: stream, Key: key, Status: fault.Status, Body: fault.Body}}
	}
	for name, test := range map[string]struct {
		faults []magentotest.Fault
		want   string
	}{
		"500 and 404": {
			[]magentotest.Fault{
				poison("products", "P-7", saying(500, "Warning: Undefined index")),
				poison("orders", "4", showing(500, "Error")),
				magentotest.MissingProduct("8", ""), // the last one
				on(stock+"P-3", 0, 0, saying(404, "The product that was requested doesn't exist.")),
				on(stock+"P-5", 0, 0, saying(500, "Fatal error")),
				on(stock+"P-9", 0, 0, showing(403, "Forbidden")),
			}, `
coverage: false
issue: quarantined orders 4
issue: quarantined orders 8
issue: quarantined products 7
no stock: P-3
no stock: P-5
no stock: P-9
orders is not complete
orders: 1 2 3 5 6 7
products is not complete
products: 1 10 11 12 2 3 4 5 6 8 9
stock_statuses: 1 10 11 12 2 4 6 8`, // P-7 is not listed, so it is not asked for
		},
		"in Dutch and with 200": {
			[]magentotest.Fault{
				magentotest.MissingProduct("1", "Het opgevraagde product bestaat niet. Controleer het product en probeer het opnieuw. "+somebody),
				poison("orders", "5", saying(200, "Requested product doesn't exist")),
				poison("orders", "6", magentotest.Fault{Status: 200, Body: "[]"}),
			}, `
coverage: true
issue: quarantined orders 1
issue: quarantined orders 5
issue: quarantined orders 6
orders is not complete
orders: 2 3 4 7 8
products: 1 10 11 12 2 3 4 5 6 7 8 9
stock_statuses: 1 10 11 12 2 3 4 5 6 7 8 9`,
		},
		"a SKU alone": {
			[]magentotest.Fault{
				on(stock+"P-3", 0, 0, saying(500, "Fatal error")),
				on(stock+"P-5", 0, 0, showing(504, "504 Gateway Time-out")),
				on(stock+"P-7", 0, 0, magentotest.Fault{Truncate: 0.5}),
				on(stock+"P-9", 0, 0, magentotest.Fault{Cut: 0.5, Reset: true}),
			}, `
coverage: true
no stock: P-3
no stock: P-5
no stock: P-7
no stock: P-9
orders: 1 2 3 4 5 6 7 8
products: 1 10 11 12 2 3 4 5 6 7 8 9
stock_statuses: 1 10 11 12 2 4 6 8`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newFaultyShop(t, "page_size: 5\nretries: 1", test.faults...)
			r := s.must(3, logged("json", "extract")...)
			if diff := cmp.Diff(strings.TrimSpace(test.want), s.looks(r)); diff != "" {
				t.Errorf("staged (-want, +got):\n%s", diff)
			}
			s.server.ClearFaults()
			s.must(0, "extract", "--full")
			if diff := cmp.Diff(everything, s.looks()); diff != "" {
				t.Errorf("the next night (-want, +got):\n%s", diff)
			}
		})
	}
}
