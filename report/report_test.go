package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"magento-optiply/store/storetest"
	"magento-optiply/transform"
)

// night lays out a run in which there is something of everything, as the tables of its file and as its caller knows it.
func fullNight(t *testing.T) (*storetest.Bench, Run) {
	t.Helper()
	b := storetest.New(t)
	if _, err := transform.Run(t.Context(), b.Run.DB, transform.SQL(), storetest.Now(), func(string, int, int) {}); err != nil {
		t.Fatal(err)
	}
	b.Exec(t, `
		INSERT INTO before.history SELECT strftime(d, '%Y%m%dT020000Z'), d + INTERVAL 2 HOUR, 0, day(d) <> 12, entity, op,
			many + (many * ((hash(day(d) * 7 + many) % 40)::BIGINT - 20)) // 100 + CASE WHEN op = 'update' AND isodow(d) = 1 THEN many // 2 ELSE 0 END
			FROM range(TIMESTAMP '2026-10-02', TIMESTAMP '2026-11-24', INTERVAL 1 DAY) t(d),
			(VALUES ('products', 'read', 48213), ('orders', 'read', 312), ('products', 'create', 12), ('products', 'update', 2900), ('sell_orders', 'create', 240)) f(entity, op, many);
		INSERT INTO run.coverage VALUES ('products', '', true, 48213, 48213, NULL), ('products', 'de', false, 200, 231, '31 records are missing');
		INSERT INTO run.issues (phase, kind, entity, remote_id, sku, reason)
			SELECT 'transform', 'dropped', 'sell_order_lines', n::VARCHAR, 'BULK-' || n, 'product ' || n || ' is neither in Optiply nor in Magento''s listing' FROM range(1, 9) r(n);
		INSERT INTO run.issues (phase, kind, entity, remote_id, sku, reason) VALUES ('load', 'rejected', 'products', '77', '<script>alert(1)</script>', 'Optiply says: "name" <b>is too long</b>');
		INSERT INTO run.requests SELECT 'magento', e, m, 40 + (hash(m) % 20)::BIGINT, CASE WHEN minute(m) = 17 THEN 6 ELSE 0 END, CASE WHEN minute(m) = 17 THEN 9 ELSE 0 END, MAP {200: 40}, 40 * ms,
			ms * (0.8 + (hash(m) % 50)::DOUBLE / 100), ms * (1.8 + (hash(m, e) % 90)::DOUBLE / 100), ms * 4, 120, 900000, CASE WHEN minute(m) BETWEEN 17 AND 24 THEN 2 ELSE 4 END, 0
			FROM range(TIMESTAMP '2026-11-24 02:00:00', TIMESTAMP '2026-11-24 03:10:00', INTERVAL 1 MINUTE) t(m), (VALUES ('products', 1900), ('stockStatuses/{sku}', 140)) e(e, ms);
		INSERT INTO run.requests SELECT 'optiply', 'PATCH products/{id}', m, 280, 0, 1, MAP {200: 279, 422: 1}, 280 * 60, 55, 120, 400, 0, 90000, 4, 5
			FROM range(TIMESTAMP '2026-11-24 03:11:00', TIMESTAMP '2026-11-24 03:22:00', INTERVAL 1 MINUTE) t(m);
		INSERT INTO before.products (remote_id, optiply_id, stock_level, status, unlimited_stock, sku_code)
			SELECT n::VARCHAR, (n + 1000)::VARCHAR, (hash(n) % 700)::BIGINT * (n % 3) // 3, 'enabled', false, 'SKU-' || n FROM range(1, 900) r(n);
		INSERT INTO diff.products (op, remote_id, sku_code, stock_level, status, changed, unlimited_stock)
			SELECT 'update', remote_id, CASE remote_id WHEN '5' THEN '<script>alert(2)</script>' ELSE sku_code END, CASE WHEN remote_id = '5' THEN 9999 ELSE stock_level // 2 END, 'enabled', ['stockLevel'], false
			FROM before.products WHERE stock_level > 0;
		INSERT INTO diff.products (op, remote_id, changed) VALUES ('update', '9001', ['price']), ('disable', '9002', ['status'])`)
	return b, Run{Shop: "demo & sons", ID: storetest.RunID, Command: "run", StartedAt: storetest.Now(), Tone: Bad, ExitCode: 5, PlanHash: "c0ffee", Rows: 48525,
		Verdict: "Held back: a guard holds the load back: nothing was sent.",
		Remarks: []Remark{{Text: "band_product_updates: 9,120 product updates in this run, and on a Tuesday 1,100 to 4,800 are usual (median 2,950 of 8 nights)."},
			{Text: "Look at 9,372 changes with:", Command: "magento-optiply plan --run " + storetest.RunID},
			{Text: "If that is right, send them with the next line.", Command: "magento-optiply load --run " + storetest.RunID + " --release band_product_updates"}},
		Streams: []Stream{{Name: "products", Part: "full", Rows: 48213, Pages: 161, Requests: 164, Retries: 3, Complete: true},
			{Name: "orders", Part: "window", Rows: 312, Pages: 2, Requests: 2, Complete: true},
			{Name: "stock_statuses", Part: "bulk", Rows: 41002, Pages: 137, Requests: 141, Complete: false, Reason: "the shop answered 500 for 12 of them", Note: "salable quantities of the website base"}},
		Changes: []Change{{Entity: "products", Op: "create", Planned: 12}, {Entity: "products", Op: "update", Planned: 9120}, {Entity: "sell_orders", Op: "create", Planned: 240}},
		Guards:  []Guard{{Name: "band_product_updates", Reason: "9,120 product updates in this run, and on a Tuesday 1,100 to 4,800 are usual (median 2,950 of 8 nights)"}},
		Phases:  []Phase{{"extract", 4210}, {"transform", 41}, {"load", 660}},
		Planned: map[string]int64{"product_creates": 12, "product_updates": 9120, "sell_orders": 240}}
}

func write(t *testing.T, b *storetest.Bench, r Run) string {
	t.Helper()
	var out bytes.Buffer
	if err := Write(t.Context(), &out, b.Run, r, storetest.Now()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// said is the text of a page, its blanks as one, and its elements by name.
func said(t *testing.T, page string) (text string, elements map[string]int) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	elements = map[string]int{}
	var words []string
	for n := range root.Descendants() {
		switch {
		case n.Type == html.ElementNode:
			elements[n.Data]++
			for _, a := range n.Attr {
				if a.Key == "src" || strings.HasPrefix(a.Key, "on") || a.Key == "href" && strings.Contains(a.Val, ":") {
					t.Errorf("the page has %s=%q: it must need no network and no script", a.Key, a.Val)
				}
			}
		case n.Type == html.TextNode && n.Parent.Data != "style" && n.Parent.Data != "title":
			words = append(words, strings.Fields(n.Data)...)
		}
	}
	return strings.Join(words, " "), elements
}

func TestReport_TellsOfANight(t *testing.T) {
	b, r := fullNight(t)
	page := write(t, b, r)
	text, elements := said(t, page)
	for _, want := range []string{
		"demo & sons", "Tuesday 24 November 2026, 02:00 UTC", "Held back: a guard holds the load back: nothing was sent.",
		"magento-optiply load --run 20261124T020000Z --release band_product_updates",
		"stock_statuses is not whole: the shop answered 500 for 12 of them", "stock_statuses: salable quantities of the website base",
		"products de 200 231 no 31 records are missing", "products full 48,213 161 164 3 0 yes",
		"products update 9,120 0 0 0", "price update 1", "status disable 1", "band_product_updates holds 9,120 product updates",
		"dropped sell_order_lines 8 product 1 is neither in Optiply nor in Magento's listing (and the like)", "1 (BULK-1), 2 (BULK-2)", "and 3 more",
		`rejected products 1 Optiply says: "name" <b>is too long</b> 77 (<script>alert(1)</script>)`, "<script>alert(2)</script> ",
		"Product updates 9,120; on a Tuesday", "Rows read 48,525; on a Tuesday", "New products 12; on a Tuesday",
		"extract 1 h 10 min", "load 11 min 00 s", "stockStatuses/{sku} magento", "PATCH products/{id} optiply",
		"Magento over the night", "Optiply over the night", "Requests a minute; from 2 to 4 at a time were allowed",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if elements["script"] != 0 || elements["svg"] != 9 || elements["link"] != 0 || elements["img"] != 0 {
		t.Errorf("elements: %v", elements)
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestReport_OfWhatCameToNothing(t *testing.T) {
	b := storetest.New(t) // a first run that failed while it read: no plan, no history, no request
	r := Run{Shop: "demo", ID: storetest.RunID, StartedAt: storetest.Now(), Tone: Bad, ExitCode: 1, Verdict: "Failed in the phase extract: stopped before there was a plan.", Error: "the shop answers <nothing>"}
	text, _ := said(t, write(t, b, r))
	for _, want := range []string{"Failed in the phase extract", "the shop answers <nothing>", "Nothing was read.", "No plan was made.", "Nothing was rejected, quarantined, dropped or held.", "How long its phases took is not known."} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
	// A file of an earlier version, which has none of the tables.
	b.Exec(t, "DROP TABLE before.history; DROP TABLE run.requests; DROP TABLE run.coverage")
	if text, elements := said(t, write(t, b, r)); elements["svg"] != 0 || strings.Contains(text, "The last 30 nights") {
		t.Errorf("the page of an older file:\n%s", text)
	}
}

func TestReport_OfOneMinuteAndOneNightHasItsPictures(t *testing.T) {
	b := storetest.New(t)
	b.Exec(t, "INSERT INTO run.requests VALUES ('magento', 'orders', '2026-11-24 02:00:00', 1, 0, 0, MAP {200: 1}, 0.4, 0.4, 0.4, 0.4, 0, 10, 2, 0)")
	r := Run{Shop: "demo", ID: storetest.RunID, StartedAt: storetest.Now(), Tone: Good, Verdict: "All is well", Rows: 5, Loaded: true, Planned: map[string]int64{"sell_orders": 3}}
	page := write(t, b, r)
	if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") {
		t.Error("a picture has no scale")
	}
	if text, elements := said(t, page); elements["svg"] != 6 || elements["circle"] != 2 || !strings.Contains(text, "Sell orders 3") {
		t.Errorf("%v:\n%s", elements, text)
	}
}

func TestFleet_IsOneTable(t *testing.T) {
	var out bytes.Buffer
	err := WriteFleet(&out, []Shop{{Shop: "beta<b>", Verdict: "held back", Tone: Bad, Because: "band_sell_orders", Link: "beta/runs/20261124T020000Z.html", Rows: 48000, Sent: 0, LeftOut: 3, Seconds: 61},
		{Shop: "alpha", Verdict: "done", Tone: Good, Rows: -1, Sent: -1, LeftOut: -1, LastSuccess: "2026-11-24 02:00"}}, time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	text, elements := said(t, out.String())
	for _, want := range []string{"2 shops 1 failed or held back, 1 well", "beta<b> held back band_sell_orders 48,000 0 3 1 min 01 s alpha done 2026-11-24 02:00"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
	if elements["a"] != 1 {
		t.Errorf("%d links, want one for the shop that has a page", elements["a"])
	}
}

func TestNumbers_AreShort(t *testing.T) {
	for _, c := range [][2]string{{count(-1234567), "−1,234,567"}, {count(12), "12"}, {seconds(3.24), "3.2 s"}, {seconds(3661), "1 h 01 min"}, {millis(1234), "1.2 s"}, {millis(0.44), "0.4 ms"},
		{size(1234567), "1.2 MB"}, {short(48213), "48.2k"}, {short(20000), "20k"}, {fmt.Sprint(scaleOf(4801).most), "5000"}, {fmt.Sprint(scaleOf(0).most), "1"}} {
		if c[0] != c[1] {
			t.Errorf("%s, want %s", c[0], c[1])
		}
	}
}
