package extract_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"magento-optiply/config"
	"magento-optiply/extract"
	"magento-optiply/magento/magentotest"
)

// warehouse is a rig whose stock comes from n source items, with pages of 12.
func warehouse(t *testing.T, n int) *rig {
	t.Helper()
	r := newRig(t, magentotest.Options{})
	r.cfg.Sync.UseInventorySourceItems = true
	r.cfg.Magento.SourceItemsPageSize = 12
	r.products(2)
	r.source(n)
	return r
}

func breakSourceItem(r *rig, ns ...int) {
	for _, n := range ns {
		r.server.AddFault(magentotest.Fault{Poison: &magentotest.Poison{Stream: "source_items", Key: magentotest.Key(fmt.Sprint("P", n), "main")}})
	}
}

// sourceItems is which of n were read, those that are missing, and the stream's reason.
func (e *extraction) sourceItems(n int) string {
	e.t.Helper()
	missing := e.column("SELECT 'P' || i FROM range(1, ? + 1) t(i) WHERE 'P' || i NOT IN (SELECT key FROM raw.source_items) ORDER BY i", n)
	rows := e.column("SELECT rows || ' rows, ' || coalesce(reason, 'complete') FROM run.streams WHERE stream = 'source_items'")
	issues := e.column("SELECT entity || ': ' || reason FROM run.issues WHERE kind = 'quarantined' ORDER BY length(reason), reason")
	return strings.Join(append(append(issues, strings.TrimSpace("without "+strings.Join(missing, " "))), rows...), "\n")
}

func TestNumber_ABrokenRowIsNamedByItsPlaceAndAllOthersAreRead(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string][]int{"the first": {1}, "the last": {40}, "one in the middle": {17}, "several": {3, 4, 24, 39}, "none": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := warehouse(t, 40)
			breakSourceItem(r, broken...)
			e := r.read(stocks)
			var want []string
			var without []string
			for _, n := range broken {
				want = append(want, fmt.Sprintf("source_items: the shop answers every page with row %d of the list in it with an error", n))
				without = append(without, fmt.Sprint("P", n))
			}
			want = append(want, strings.TrimSpace("without "+strings.Join(without, " ")))
			if len(broken) == 0 {
				want = append(want, "40 rows, complete")
			} else {
				want = append(want, fmt.Sprintf("%d rows, %d rows are quarantined: the shop cannot answer for them", 40-len(broken), len(broken)))
			}
			equal(t, "source items", e.sourceItems(40), strings.Join(want, "\n"))
			equal(t, "each once", e.column("SELECT count(*) - count(DISTINCT key) FROM raw.source_items")[0], "0")
			if asked := len(r.requests("inventory/source-items")); asked > 4+14*len(broken) {
				t.Errorf("%d requests for %d broken rows: small pages were gone on with", asked, len(broken))
			}
		})
	}
}

func TestNumber_AListThatFailsAsAWholeBlamesNoRow(t *testing.T) {
	t.Parallel()
	r := warehouse(t, 40)
	r.server.AddFault(magentotest.Fault{Prefix: "/V1/inventory/source-items", Status: 500, After: 1})
	e := r.begin(stocks)
	_, err := e.job.Extract(t.Context())
	if err == nil || !strings.Contains(err.Error(), "read source_items: magento: GET inventory/source-items: HTTP 500") {
		t.Errorf("got %v", err)
	}
	equal(t, "named", fmt.Sprint(e.column("SELECT reason FROM run.issues")), "[]")
	if asked := len(r.requests("inventory/source-items")); asked > 5 {
		t.Errorf("a list that fails as a whole was asked for %d times", asked)
	}
	e.close()
	r.server.ClearFaults()
	e = r.resume(stocks)
	e.must()
	equal(t, "source items", e.sourceItems(40), "without\n40 rows, complete")
}

func TestNumber_LessIsAskedForWhereAPageTakesTooLong(t *testing.T) {
	t.Parallel()
	r := warehouse(t, 90)
	r.cfg.Magento.SourceItemsPageSize = 80
	r.server.AddFault(magentotest.Fault{Prefix: "/V1/inventory/source-items", Pattern: regexp.MustCompile("pageSize%5D=(80|40)"), Status: 504, Body: "<html><title>504</title></html>"})
	e := r.read(stocks)
	equal(t, "source items", e.sourceItems(90), "without\n90 rows, complete")
	equal(t, "pages", strings.Join(e.column("SELECT cursor FROM run.pages WHERE stream = 'source_items' ORDER BY file"), " "), "1/20 2/20 3/20 4/20 5/20")
}

// Killed at any third request around a broken row, and gone on with: the same rows, the same name, each once.
func TestNumber_KilledAroundABrokenRowAndResumed(t *testing.T) {
	t.Parallel()
	want := ""
	for at := 0; at < 40; at += 3 {
		r := warehouse(t, 40)
		breakSourceItem(r, 17, 30)
		if at == 0 {
			want = r.read(extract.Parts{Stocks: true}).sourceItems(40)
			continue
		}
		e := r.begin(extract.Parts{Stocks: true})
		_, err := e.job.Extract(e.cancelled(at))
		e.close()
		if err == nil {
			break
		}
		r.heal()
		e = r.resume(extract.Parts{Stocks: true})
		e.must()
		equal(t, fmt.Sprint("killed at ", at), e.sourceItems(40), want)
		equal(t, "each once", e.column("SELECT count(*) - count(DISTINCT key) FROM raw.source_items")[0], "0")
		e.close()
	}
}

// A shop without a filter on ids has broken records too: its lists are read from date to date, and around such a record by page
// number. The window and the proof stay what they are.
func TestNumber_ABrokenRecordOfAListThatIsReadByDate(t *testing.T) {
	t.Parallel()
	parts := extract.Parts{Products: true, SellOrders: true}
	dated := func() *rig {
		r := newRig(t, magentotest.Options{})
		r.cfg.Magento.Paging = config.PagingNumber
		r.cfg.Magento.PageSize = 4
		r.cfg.Magento.StartDate = night.AddDate(0, 0, -3)
		r.products(10)
		r.order(1, night.AddDate(0, 0, -9), 1) // before the window
		for id := 2; id <= 8; id++ {
			r.order(id, night.Add(-time.Duration(id)*time.Hour), 1)
		}
		r.server.AddFault(magentotest.Fault{Poison: &magentotest.Poison{Stream: "orders", Key: "5"}})
		r.server.AddFault(magentotest.Fault{Poison: &magentotest.Poison{Stream: "products", Key: "P1", Status: 200, Body: `{"message":"x"}`}})
		return r
	}
	told := func(e *extraction) string {
		return strings.Join([]string{"orders " + e.keys("orders"), "products " + e.keys("products"), e.coverage(),
			strings.Join(e.column("SELECT entity || ': ' || reason FROM run.issues ORDER BY ALL"), "\n"),
			strings.Join(e.column("SELECT stream || ' ' || reason FROM run.streams WHERE NOT complete ORDER BY ALL"), "\n")}, "\n")
	}
	want := `
orders 2 3 4 6 7 8
products 2 3 4 5 6 7 8 9 10
: not complete: 1 products are quarantined: the shop cannot answer for them, 9 of 10
orders: the shop answers every page with row 4 of the list in it with an error
products: the shop answers every page with row 1 of the list in it with an error
orders 1 orders are quarantined: the shop cannot answer for them
products 1 products are quarantined: the shop cannot answer for them`
	e := dated().read(parts)
	equal(t, "read", told(e), want)
	for at := 3; ; at += 4 {
		r := dated()
		e := r.begin(parts)
		_, err := e.job.Extract(e.cancelled(at))
		e.close()
		if err == nil {
			break
		}
		r.heal()
		e = r.resume(parts)
		e.must()
		equal(t, fmt.Sprint("killed at ", at), told(e), want)
		e.close()
	}
}
