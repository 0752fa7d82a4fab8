package load

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
	"magento-optiply/store"
)

const coupling = 4711

// bench is a shop's folder, and the sandbox as Optiply behind real HTTP. One run is open at a time.
type bench struct {
	t       testing.TB
	shop    *store.Shop
	box     *sandbox.Sandbox
	url     string
	base    string // of the API, where it is not url's
	run     *store.Run
	runs    int
	timeout time.Duration // of one request; 0 is the client's
	workers int

	mu        sync.Mutex
	onRequest func(r *http.Request, body string) // before the sandbox sees it
}

func newBench(t *testing.T) *bench {
	t.Helper()
	t.Parallel()
	return newBenchOf(t)
}

func newBenchOf(t testing.TB) *bench {
	t.Helper()
	shop, err := store.Open(t.TempDir(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	box, err := sandbox.Open(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, shop: shop, box: box, workers: 2}
	server := httptest.NewServer(http.HandlerFunc(b.serve))
	b.url = server.URL
	t.Cleanup(func() {
		b.closeRun()
		_ = box.Close() // first: it ends the answers that hang
		server.CloseClientConnections()
		server.Close()
	})
	return b
}

func (b *bench) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	b.mu.Lock()
	hook := b.onRequest
	b.mu.Unlock()
	if hook != nil {
		hook(r, string(body))
	}
	b.box.ServeHTTP(w, r)
}

func (b *bench) hook(f func(r *http.Request, body string)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onRequest = f
}

// planned is one row of plan.changes, as a test writes it.
type planned struct {
	entity, op, id, attributes string
	lines                      []line
	whole                      string // with load.recreate_missing
	priority                   int    // 0: all alike
}

func create(id string) planned { return createWith(id, 10) }

func createWith(id string, stock int) planned {
	return planned{entity: "products", op: "create", id: id, attributes: fmt.Sprintf(`{"remoteId":%q,"name":"Product %s","skuCode":"SKU-%s","articleCode":%q,`+
		`"price":12.34,"unlimitedStock":false,"stockLevel":%d,"status":"enabled","createdAtRemote":"2024-03-01T09:15:00Z","remoteDataSyncedToDate":"2026-11-24T02:00:00Z"}`,
		id, id, id, id, stock)}
}

func update(id, attributes string) planned {
	return planned{entity: "products", op: "update", id: id, attributes: attributes}
}

func disable(id string) planned {
	return planned{entity: "products", op: "disable", id: id, attributes: `{"status":"disabled"}`}
}

// order has lines of 1 piece each, 10.00 apart from the last.
func order(id, total string, products ...string) planned {
	p := planned{entity: "sell_orders", op: "create", id: id, attributes: fmt.Sprintf(
		`{"remoteId":%q,"placed":"2026-11-20T14:03:11Z","completed":"2026-11-21T07:00:00Z","totalValue":%s,"remoteDataSyncedToDate":"2026-11-24T02:00:00Z"}`, id, total)}
	for _, product := range products {
		p.lines = append(p.lines, line{Product: product, Quantity: "1", SubtotalValue: "10.00"})
	}
	return p
}

// plan makes a new run with this plan, against the state as it is. The file of the run before is used again: making and
// closing one costs more than all that a test does with it.
func (b *bench) plan(changes ...planned) {
	b.t.Helper()
	at := time.Date(2026, 11, 24, 2, 0, b.runs, 0, time.UTC)
	id := at.Format(store.RunIDLayout)
	b.runs++
	if b.run == nil {
		b.create(id, at)
	}
	b.run.ID = id
	if err := b.run.CopyBefore(b.t.Context(), at); err != nil {
		b.t.Fatal(err)
	}
	b.exec(fmt.Sprintf(`BEGIN;
		UPDATE run.info SET run_id = '%[1]s', transformed_at = '%[2]s', shop_now = '%[2]s', products_full = true, loaded_at = NULL;
		DELETE FROM run.issues;
		DELETE FROM run.streams;
		INSERT INTO run.streams (stream, store_code, part, window_end, complete) VALUES ('products', '', 'full', '%[2]s', true), ('orders', '', 'window', '%[2]s', true);
		DELETE FROM plan.summary;
		DELETE FROM plan.changes;
		COMMIT`, id, at.Format(time.DateTime)))
	b.write(changes)
}

func (b *bench) create(id string, at time.Time) {
	b.t.Helper()
	var err error
	if b.run, err = b.shop.CreateRun(b.t.Context(), id, "test", at); err != nil {
		b.t.Fatal(err)
	}
	b.exec(`BEGIN;
		INSERT INTO run.settings VALUES ('run.products', 'true'), ('run.stocks', 'true'), ('run.deletions', 'true'), ('run.sell_orders', 'true');
		CREATE TABLE plan.changes (seq BIGINT, op VARCHAR, entity VARCHAR, remote_id VARCHAR, optiply_id VARCHAR, sku VARCHAR, changed VARCHAR[],
			reason VARCHAR, attributes JSON, lines JSON, before JSON, before_change BIGINT, whole JSON, change_hash VARCHAR, priority INTEGER);
		CREATE TABLE plan.summary (hash VARCHAR, changes BIGINT);
		COMMIT`)
}

// write puts the changes into the plan's tables, with what the state knows of them.
func (b *bench) write(changes []planned) {
	b.t.Helper()
	type row struct {
		Seq        int     `json:"seq"`
		Op         string  `json:"op"`
		Entity     string  `json:"entity"`
		RemoteID   string  `json:"remote_id"`
		Attributes string  `json:"attributes"`
		Lines      *string `json:"lines"`
		Whole      *string `json:"whole"`
		Priority   int     `json:"priority"`
	}
	rows := []row{}
	for i, c := range changes {
		r := row{Seq: i + 1, Op: c.op, Entity: c.entity, RemoteID: c.id, Attributes: c.attributes, Priority: c.priority}
		if c.lines != nil {
			encoded, err := json.Marshal(c.lines)
			if err != nil {
				b.t.Fatal(err)
			}
			text := string(encoded)
			r.Lines = &text
		}
		if c.whole != "" {
			r.Whole = &c.whole
		}
		rows = append(rows, r)
	}
	text, err := json.Marshal(rows)
	if err != nil {
		b.t.Fatal(err)
	}
	sum := md5.Sum(text)
	b.exec("INSERT INTO plan.summary VALUES (?, ?)", hex.EncodeToString(sum[:8]), len(changes))
	b.exec(`INSERT INTO plan.changes
		SELECT c.seq, c.op, c.entity, c.remote_id, p.optiply_id, CASE WHEN c.entity = 'products' THEN 'SKU-' || c.remote_id END, [], 'test',
			c.attributes, c.lines, NULL, p.change, c.whole, md5(concat_ws(' ', c.op, c.attributes, c.lines)), c.priority
		FROM (SELECT unnest(from_json($1, '[{"seq": "BIGINT", "op": "VARCHAR", "entity": "VARCHAR", "remote_id": "VARCHAR", "attributes": "VARCHAR", "lines": "VARCHAR", "whole": "VARCHAR", "priority": "INTEGER"}]')) AS c)
		LEFT JOIN before.products p ON p.remote_id = c.remote_id AND c.entity = 'products'`, string(text))
}

// returnTo makes an earlier run the open one again; its plan must be written again.
func (b *bench) returnTo(id string) {
	b.t.Helper()
	b.run.ID = id
	b.exec("UPDATE run.info SET run_id = ?, state_changes = 0", id)
	b.exec("DELETE FROM plan.summary; DELETE FROM plan.changes")
}

func (b *bench) closeRun() {
	if b.run != nil {
		if err := b.run.Close(); err != nil {
			b.t.Error(err)
		}
		b.run = nil
	}
}

func (b *bench) exec(query string, args ...any) {
	b.t.Helper()
	if _, err := b.run.DB.ExecContext(b.t.Context(), query, args...); err != nil {
		b.t.Fatalf("%v, in:\n%s", err, query)
	}
}

// rows are the results of a query of one text column.
func (b *bench) rows(query string, args ...any) []string {
	b.t.Helper()
	rows, err := b.run.DB.QueryContext(context.Background(), query, args...)
	if err != nil {
		b.t.Fatalf("%v, in:\n%s", err, query)
	}
	defer rows.Close()
	list := []string{}
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			b.t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return list
}

func (b *bench) job() *Job {
	b.t.Helper()
	base := cmp.Or(b.base, b.url+"/v1")
	client, err := optiply.NewClient(optiply.Config{
		BaseURL: base, DashboardURL: b.url + "/api", ClientID: "c", ClientSecret: "c-secret", Username: "u", Password: "u-secret",
		AccountID: 98, CouplingID: coupling, Timeout: b.timeout, RetryWait: time.Millisecond,
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return &Job{Run: b.run, Client: client, CouplingID: coupling, Concurrency: b.workers, Now: time.Now, Progress: silent{},
		Log: slog.New(slog.DiscardHandler), RetryWait: time.Millisecond}
}

type silent struct{}

func (silent) Begin(string, int64) {}
func (silent) Add(string, int)     {}
func (silent) End(string)          {}

// load sends the open run's plan with a new job, as a new process would.
func (b *bench) load() (*Result, error) {
	b.t.Helper()
	return b.job().Load(b.t.Context(), "")
}

// mustLoad wants the load to come to its end.
func (b *bench) mustLoad() *Result {
	b.t.Helper()
	r, err := b.load()
	if err != nil {
		b.t.Fatalf("load: %v", err)
	}
	return r
}

// stops wants the load to stop before its end.
func (b *bench) stops() error {
	b.t.Helper()
	_, err := b.load()
	if _, ok := errors.AsType[*StoppedError](err); !ok {
		b.t.Fatalf("load: %v, want a StoppedError", err)
	}
	return err
}

// guarded wants the load to be refused.
func (b *bench) guarded() string {
	b.t.Helper()
	_, err := b.load()
	g, ok := errors.AsType[*GuardError](err)
	if !ok {
		b.t.Fatalf("load: %v, want a GuardError", err)
	}
	return g.Reason
}

// has wants Optiply to hold exactly these products, as "remote id: attribute=value ..." of the attributes named.
func (b *bench) has(attributes []string, want ...string) {
	b.t.Helper()
	got := []string{}
	for _, p := range b.box.Products() {
		text := p.RemoteID()
		for _, name := range attributes {
			text += fmt.Sprintf(" %s=%v", name, p.Attributes[name])
		}
		got = append(got, text)
	}
	slices.SortFunc(got, byID)
	b.same("products at Optiply", got, want)
}

// hasProducts wants exactly these remote ids at Optiply, each once.
func (b *bench) hasProducts(want ...string) {
	b.t.Helper()
	b.has(nil, want...)
}

// hasOrders wants exactly these orders at Optiply, each once.
func (b *bench) hasOrders(want ...string) {
	b.t.Helper()
	got := []string{}
	for _, o := range b.box.SellOrders() {
		got = append(got, o.RemoteID())
	}
	slices.SortFunc(got, byID)
	b.same("orders at Optiply", got, want)
}

// issues wants these rows of run.issues of phase load: "kind entity remote_id", with a part of the reason after " | ".
func (b *bench) issues(want ...string) {
	b.t.Helper()
	got := b.rows("SELECT kind || ' ' || entity || ' ' || remote_id || ' | ' || reason FROM run.issues WHERE phase = 'load' ORDER BY entity, remote_id::BIGINT")
	ok := len(got) == len(want)
	for i := range want {
		head, part, _ := strings.Cut(want[i], " | ")
		ok = ok && strings.HasPrefix(got[i], head+" | ") && strings.Contains(got[i], part)
	}
	if !ok {
		b.t.Errorf("run.issues:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// history wants the states of one thing in the ledger, in order.
func (b *bench) history(entity, id string, want ...string) {
	b.t.Helper()
	b.same("ledger of "+entity+" "+id, b.rows("SELECT state FROM state.ledger WHERE entity = ? AND remote_id = ? ORDER BY seq", entity, id), want)
}

func (b *bench) same(what string, got, want []string) {
	b.t.Helper()
	if want == nil {
		want = []string{}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// agrees wants the state file and Optiply to say the same about every product and order, and no remote id twice.
func (b *bench) agrees() {
	b.t.Helper()
	var products, orders []string
	for _, p := range b.box.Products() {
		a := p.Attributes
		products = append(products, fmt.Sprint(p.RemoteID(), " ", p.ID, " ", p.UUID, " ", a["name"], " ", a["price"], " ", a["stockLevel"], " ", a["status"]))
	}
	for _, o := range b.box.SellOrders() {
		orders = append(orders, fmt.Sprint(o.RemoteID(), " ", o.ID, " ", o.UUID, " ", o.Attributes["totalValue"]))
	}
	slices.SortFunc(products, byID)
	slices.SortFunc(orders, byID)
	b.same("state.products, and Optiply", b.rows("SELECT concat_ws(' ', remote_id, optiply_id, uuid, name, price, stock_level, status) FROM state.products ORDER BY remote_id::BIGINT"), products)
	b.same("state.sell_orders, and Optiply", b.rows("SELECT concat_ws(' ', remote_id, optiply_id, uuid, total_value) FROM state.sell_orders ORDER BY remote_id::BIGINT"), orders)
}

func byID(a, b string) int {
	number := func(s string) (n int) { _, _ = fmt.Sscan(s, &n); return n }
	return cmp.Or(cmp.Compare(number(a), number(b)), cmp.Compare(a, b))
}

// fault scripts a misbehaviour of Optiply.
func (b *bench) fault(f sandbox.Fault) { b.box.AddFault(f) }

// noReads makes every read fail until the faults are cleared.
func (b *bench) noReads() {
	b.fault(sandbox.Fault{Method: http.MethodGet, Effect: sandbox.Answer, Status: 502, Times: -1})
}

// cutOff writes what a killed load leaves in the ledger: a request that was sent, and no answer.
func (b *bench) cutOff(c planned, optiplyID string) {
	b.t.Helper()
	b.exec(`INSERT INTO state.ledger SELECT (SELECT coalesce(max(seq), 0) + 1 FROM state.ledger), now()::TIMESTAMP, ?, (SELECT hash FROM plan.summary), ?, ?, ?,
		nullif(?, ''), 'sent', 1, ?, sha256(?), NULL, NULL`, b.run.ID, c.entity, c.op, c.id, optiplyID, c.attributes, c.attributes)
}

// optiplyID is the id that the state has for a product.
func (b *bench) optiplyID(remoteID string) string {
	b.t.Helper()
	return b.rows("SELECT optiply_id FROM state.products WHERE remote_id = ?", remoteID)[0]
}

// parked wants these rows to wait, as "entity remote_id kind".
func (b *bench) parked(want ...string) {
	b.t.Helper()
	b.same("state.parked", b.rows("SELECT entity || ' ' || remote_id || ' ' || kind FROM state.parked ORDER BY entity, remote_id::BIGINT"), want)
}

// writes are the requests of a method that reached the sandbox, faults included.
func (b *bench) writes(method string) int {
	n := 0
	for _, r := range b.box.Requests() {
		if r.Method == method && strings.HasPrefix(r.Path, "/v1/") {
			n++
		}
	}
	return n
}
