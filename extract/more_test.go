package extract_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/config"
	"magento-optiply/extract"
	"magento-optiply/magento"
	"magento-optiply/magento/magentotest"
	"magento-optiply/store"
)

// more puts n records of each stream that the sync does not need, the last updated an hour ago and the others long before.
func (r *rig) more(n int) {
	r.t.Helper()
	for i := 1; i <= n; i++ {
		at := night.AddDate(0, -1, 0)
		if i == n {
			at = night.Add(-time.Hour)
		}
		r.customer(i, 1+i%2, at)
		r.document("invoices", i, 1+i%2, at)
		r.document("credit_memos", i, 1+i%2, at)
		r.put("categories", fmt.Sprintf(`{"id":%d,"parent_id":1,"name":"Category %[1]d","is_active":true,"path":"1/%[1]d","updated_at":%[2]q,
			"custom_attributes":[{"attribute_code":"landing_page","value":"7"}]}`, i, magento.FormatTime(at)))
		r.put("sales_rules", fmt.Sprintf(`{"rule_id":%d,"name":"Rule %[1]d","is_active":true,"condition":{"value":"jan@example.com"}}`, i))
		r.put("coupons", fmt.Sprintf(`{"coupon_id":%d,"rule_id":1,"code":"CODE%[1]d","times_used":0}`, i))
		r.put("product_attributes", fmt.Sprintf(`{"attribute_id":%d,"attribute_code":"code_%[1]d","options":[{"label":"Red","value":"1"}],"is_searchable":"1"}`, i))
	}
	for id, code := range []string{"default", "b2b"} {
		r.put("store_configs", fmt.Sprintf(`{"id":%d,"code":%q,"website_id":%[1]d,"locale":"nl_NL","base_currency_code":"EUR","extension_attributes":{"mail":"jan@example.com"}}`, id+1, code))
	}
}

func (r *rig) customer(id, storeID int, updated time.Time) {
	r.t.Helper()
	r.put("customers", fmt.Sprintf(`{"id":%d,"group_id":1,"email":"jan%[1]d@example.com","firstname":"Jan","lastname":"de Vries","store_id":%[2]d,"website_id":1,"dob":"1980-02-03",
		"taxvat":"NL001234567B01","created_at":"2026-01-01 00:00:00","updated_at":%[3]q,"addresses":[{"street":["Straat 1"],"telephone":"0612345678","postcode":"1234 AB"}],
		"custom_attributes":[{"attribute_code":"nickname","value":"Jantje"}]}`, id, storeID, magento.FormatTime(updated)))
}

func (r *rig) document(stream string, id, storeID int, updated time.Time) {
	r.t.Helper()
	r.put(stream, fmt.Sprintf(`{"entity_id":%d,"increment_id":"00000000%[1]d","order_id":%[1]d,"store_id":%[2]d,"state":2,"grand_total":12.1,"updated_at":%[3]q,
		"billing_address":{"street":["Straat 1"]},"comments":[{"comment":"Jan called 0612345678"}],
		"items":[{"entity_id":%[1]d,"product_id":1,"sku":"P1","qty":1,"name":"Item of Jan","price":10}]}`, id, storeID, magento.FormatTime(updated)))
}

// named begins an extraction of named streams alone.
func (r *rig) named(streams ...string) *extraction {
	e := r.begin(extract.PartsOf(streams))
	e.job.OnlyStreams, e.job.Streams = true, streams
	return e
}

const extras = "invoices, credit_memos, categories, sales_rules, coupons, store_configs, product_attributes"

func TestMore_EachStreamIsReadWholeByPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.PageSize = 2
	r.more(5)
	e := r.named(append(strings.Split(extras, ", "), "customers")...)
	e.must()
	for _, stream := range append(strings.Split(extras, ", "), "customers") {
		want := "1 2 3 4 5"
		if stream == "store_configs" {
			want = "1 2"
		}
		equal(t, stream, e.keys(stream), want)
	}
	equal(t, "streams", e.streams(), `
stores//full: 3 rows, 1 pages, 1 requests
websites//full: 3 rows, 1 pages, 1 requests
customers//window: 5 rows, 3 pages, 3 requests
invoices//window: 5 rows, 3 pages, 3 requests
credit_memos//window: 5 rows, 3 pages, 3 requests
categories//window: 5 rows, 3 pages, 3 requests
sales_rules//full: 5 rows, 3 pages, 3 requests
coupons//full: 5 rows, 3 pages, 3 requests
store_configs/default/full: 1 rows, 1 pages, 1 requests
store_configs/b2b/full: 1 rows, 1 pages, 1 requests
product_attributes//full: 5 rows, 3 pages, 3 requests`)
	equal(t, "store codes", strings.Join(e.column("SELECT store_code || ' ' || key || ' ' || item FROM raw.store_configs ORDER BY key"), "\n"), `
default 1 {"base_currency_code":"EUR","code":"default","id":1,"locale":"nl_NL","website_id":1}
b2b 2 {"base_currency_code":"EUR","code":"b2b","id":2,"locale":"nl_NL","website_id":2}`)
	var configs []string
	for _, uri := range r.asked {
		if strings.HasSuffix(uri, "storeConfigs") {
			configs = append(configs, uri)
		}
	}
	equal(t, "requests", strings.Join(configs, " "), "/rest/default/V1/store/storeConfigs /rest/b2b/V1/store/storeConfigs")
}

func TestMore_AllLeavesOutWhatHoldsPersonalData(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		named, left string
		customers   int
	}{
		{"all", "left_out=customers", 0},
		{"all customers", "", 1},
		{"customers", "", 1},
		{"invoices", "", 0},
	} {
		r := newRig(t, magentotest.Options{})
		r.products(1)
		r.more(1)
		e := r.named(strings.Fields(test.named)...)
		e.must()
		if said := strings.Contains(r.log.String(), "left_out"); said != (test.left != "") || !strings.Contains(r.log.String(), test.left) {
			t.Errorf("%s: the log says %s", test.named, r.log.String())
		}
		if asked := len(r.requests("customers")); asked != test.customers {
			t.Errorf("%s: %d requests for customers", test.named, asked)
		}
		if strings.HasPrefix(test.named, "all") {
			for _, stream := range extract.KnownStreams() {
				if rows := len(e.column("SELECT key FROM raw." + stream)); rows == 0 && stream != "orders" && stream != "source_items" && stream != "sources" && stream != "customers" {
					t.Errorf("%s: no %s", test.named, stream)
				}
			}
		}
	}
}

// A run with magento.streams reads them beyond what it is for.
func TestMore_IsReadBesideWhatTheSyncNeeds(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.products(1)
	r.more(1)
	e := r.begin(extract.Parts{Products: true})
	e.job.Streams = []string{"invoices", "sources"}
	e.must()
	equal(t, "streams", strings.Join(e.column("SELECT stream FROM run.streams ORDER BY rowid"), " "), "stores websites products stock_statuses sources invoices")
}

// Names, addresses, mail and what people wrote stay at the shop: in no file of its folder, whether or not it knows fields=, and
// in no line of the log. Customers that were named have their names and mail, and nothing else.
func TestMore_PersonalDataStaysAtTheShop(t *testing.T) {
	t.Parallel()
	never := []string{"Straat", "0612345678", "1234 AB", "192.0.2.1", "1980-02-03", "NL001234567B01", "Jantje", "Jan called", "Item of Jan", "piet@", "Piet", "landing_page"}
	whenNamed := []string{"jan@example.com", "jan1@example.com", "\"Jan\"", "de Vries"}
	for _, fields := range []string{"answered", "ignored", "ignored and no search_criteria told"} {
		for _, named := range []bool{false, true} {
			t.Run(fmt.Sprintf("fields %s customers named %t", fields, named), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, magentotest.Options{})
				r.products(2)
				r.source(2)
				r.order(1, night.Add(-time.Hour), 1)
				r.more(2)
				if fields != "answered" {
					r.meet = func(_ int, q *http.Request, _ http.ResponseWriter) {
						values := q.URL.Query()
						values.Del("fields")
						q.URL.RawQuery = values.Encode()
					}
				}
				if strings.HasSuffix(fields, "told") {
					criteria := regexp.MustCompile(`"search_criteria":.*"total_count"`)
					r.rewrite = func(_ *http.Request, body string) string { return criteria.ReplaceAllString(body, `"total_count"`) }
				}
				streams := []string{config.AllStreams}
				forbidden := append(never, whenNamed...)
				if named {
					streams, forbidden = append(streams, "customers"), append(never, whenNamed[0])
				}
				e := r.named(streams...)
				e.must()
				if kept := len(e.column("SELECT 1 FROM raw.invoices UNION ALL SELECT 1 FROM raw.credit_memos UNION ALL SELECT 1 FROM raw.orders")); kept != 5 {
					t.Errorf("%d records of which personal data was left out", kept)
				}
				if text := strings.Join(e.column("SELECT item ->> 'email' FROM raw.customers ORDER BY key"), " "); named != (text == "jan1@example.com jan2@example.com") {
					t.Errorf("customers: %q", text)
				}
				e.close()
				for _, word := range append(never, whenNamed...) {
					if strings.Contains(r.log.String(), word) {
						t.Errorf("the log holds %q", word)
					}
				}
				filesLack(t, r.folder.Dir, forbidden)
			})
		}
	}
}

func filesLack(t *testing.T, dir string, words []string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files++
		for _, word := range words {
			if bytes.Contains(data, []byte(word)) {
				t.Errorf("%s holds %q", filepath.Base(path), word)
			}
		}
		return err
	})
	if err != nil || files < 10 {
		t.Errorf("%d files: %v", files, err)
	}
}

// Windows: from the bookmark of the stream and the store, minus the overlap, to now minus the lag.
func TestMore_ReadsWhatChangedSinceItsBookmark(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.StoreIDs = []string{"default", "b2b"}
	mark := night.AddDate(0, 0, -1)
	r.state(bookmark("invoices", "default", mark), bookmark("customers", "b2b", mark), bookmark("categories", "", mark))
	for id, at := range map[int]time.Time{1: mark.AddDate(0, 0, -9), 2: mark.Add(-r.cfg.Magento.Overlap), 3: mark.Add(-r.cfg.Magento.Overlap - time.Second),
		4: night.Add(-r.cfg.Magento.Lag), 5: night.Add(-r.cfg.Magento.Lag + time.Second)} {
		r.document("invoices", id, 1, at)
		r.document("invoices", 10+id, 2, at)
		r.customer(id, 2, at)
		r.put("categories", fmt.Sprintf(`{"id":%d,"name":"C","updated_at":%q}`, id, magento.FormatTime(at)))
	}
	e := r.named("invoices", "customers", "categories")
	e.must()
	equal(t, "invoices", strings.Join(e.column("SELECT store_code || ' ' || key FROM raw.invoices ORDER BY key::INTEGER"), ", "), "default 2, default 4, b2b 11, b2b 12, b2b 13, b2b 14")
	equal(t, "customers", e.keys("customers"), "2 4")
	equal(t, "categories", e.keys("categories"), "2 4")

	if err := extract.MoveBookmarks(t.Context(), e.run.DB, e.run.ID, r.now); err != nil {
		t.Fatal(err)
	}
	end := "2026-11-23 01:59:00"
	equal(t, "bookmarks", strings.Join(e.column("SELECT stream || '/' || store_code || ' ' || value FROM state.bookmarks ORDER BY ALL"), "\n"), strings.Join([]string{
		"categories/ " + end, "customers/b2b " + end, "customers/default " + end, "invoices/b2b " + end, "invoices/default " + end}, "\n"))
	e.close()

	e = r.named("invoices")
	e.job.Full = true
	e.must()
	equal(t, "invoices with --full", e.keys("invoices"), "1 2 3 4 11 12 13 14")
}

// A window that is not whole leaves its bookmark where it is, and what is left out is named.
func TestMore_ABookmarkStaysWhereAWindowIsNotWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{Faults: []magentotest.Fault{{Poison: &magentotest.Poison{Stream: "invoices", Key: "2"}}}})
	r.more(3)
	e := r.named("invoices", "credit_memos")
	e.must()
	equal(t, "invoices", e.keys("invoices"), "1 3")
	equal(t, "issues", strings.Join(e.column("SELECT kind || ' ' || entity || ' ' || remote_id FROM run.issues"), ", "), "quarantined invoices 2")
	if err := extract.MoveBookmarks(t.Context(), e.run.DB, e.run.ID, r.now); err != nil {
		t.Fatal(err)
	}
	equal(t, "bookmarks", strings.Join(e.column("SELECT stream FROM state.bookmarks"), " "), "credit_memos")
}

func TestMore_AMissingPermissionIsNamed(t *testing.T) {
	t.Parallel()
	for stream, resource := range map[string]string{"customers": "Magento_Customer::customer", "invoices": "Magento_Sales::sales_invoice", "credit_memos": "Magento_Sales::sales_creditmemo",
		"categories": "Magento_Catalog::categories", "sales_rules": "Magento_SalesRule::quote", "coupons": "Magento_SalesRule::quote", "store_configs": "Magento_Backend::store",
		"product_attributes": "Magento_Catalog::attributes_attributes"} {
		r := newRig(t, magentotest.Options{DeniedResources: []string{resource}})
		_, err := r.named(stream).job.Extract(t.Context())
		var e *magento.Error
		if !errors.As(err, &e) || e.Kind != magento.Forbidden || !strings.Contains(err.Error(), resource) {
			t.Errorf("%s: got %v", stream, err)
		}
	}
}

func TestMore_KilledAtAnyRequestAndResumedEqualsOneThatWasNotDisturbed(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.PageSize, r.cfg.Magento.StoreIDs = 2, []string{"b2b", "default"}
	r.products(1)
	r.more(5)
	streams := append(strings.Split(extras, ", "), "customers")
	kills := t.TempDir()
	e := r.named(streams...)
	r.meet = func(n int, _ *http.Request, _ http.ResponseWriter) {
		if n%3 == 0 {
			copyFolder(t, r.folder.Dir, filepath.Join(kills, fmt.Sprint(n), "demo"))
		}
	}
	e.must()
	r.heal()
	want, requests := e.content(), len(r.asked)
	e.close()
	r.now = r.now.AddDate(0, 0, 1) // a day later the windows are still the same
	for n := 3; n <= requests; n += 3 {
		var err error
		if r.folder, err = store.Open(filepath.Join(kills, fmt.Sprint(n)), "demo"); err != nil {
			t.Fatal(err)
		}
		r.forget()
		resumed := r.resume(extract.PartsOf(streams))
		resumed.job.OnlyStreams, resumed.job.Streams = true, streams
		resumed.must()
		if diff := cmp.Diff(want, resumed.content()); diff != "" {
			t.Errorf("killed at request %d of %d (-undisturbed +resumed):\n%s", n, requests, diff)
		}
		if len(r.asked) > requests-n+3 {
			t.Errorf("killed at request %d of %d: %d more", n, requests, len(r.asked))
		}
		resumed.close()
	}
}

func TestMore_AStoreWhoseConfigurationIsNotToldIsNotComplete(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	e := r.named("store_configs")
	e.must()
	r.put("store_configs", `{"id":1,"code":"default","website_id":1}`)
	e = r.named("store_configs")
	e.must()
	equal(t, "streams", strings.Join(e.column("SELECT store_code || ' ' || complete || ' ' || coalesce(reason, '') FROM run.streams WHERE stream = 'store_configs' ORDER BY rowid"), "\n"), `
default true 
b2b false the shop tells the configuration of other stores, and not of b2b`)
}
