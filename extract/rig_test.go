package extract_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"magento-optiply/config"
	"magento-optiply/extract"
	"magento-optiply/magento"
	"magento-optiply/magento/magentotest"
	"magento-optiply/store"
)

const token = "secret-token"

// night is when the tests' first run begins, by the shop's clock and ours.
var night = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

// rig is a shop made for a test, a server that speaks its dialect, and a folder for its runs.
type rig struct {
	t      testing.TB
	shop   *magentotest.Shop
	server *magentotest.Server
	url    string
	folder *store.Shop
	cfg    *config.Config
	now    time.Time
	auth   magento.Auth // nil: the token
	log    lockedBuffer

	mu      sync.Mutex
	asked   []string                                            // path and query of every request
	meet    func(n int, r *http.Request, w http.ResponseWriter) // before the n-th request is answered
	rewrite func(r *http.Request, body string) string           // of a good answer
}

// newRig has stores and websites, and a quick client that does not retry.
func newRig(t testing.TB, options magentotest.Options) *rig {
	t.Helper()
	r := &rig{t: t, shop: &magentotest.Shop{AccessToken: token, Now: night}, cfg: config.Default(), now: night}
	r.cfg.Shop = "demo"
	r.cfg.Magento.RetryWait = time.Millisecond
	r.cfg.Magento.Retries = -1
	r.server = magentotest.New(r.shop, options)
	web := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(web.Close)
	r.url = web.URL
	var err error
	if r.folder, err = store.Open(t.TempDir(), "demo"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.folder.Dir, "state.duckdb"), emptyState(), 0o600); err != nil {
		t.Fatal(err)
	}
	for id, code := range []string{"admin", "default", "b2b"} {
		r.put("stores", fmt.Sprintf(`{"id":%d,"code":%q,"name":%q,"website_id":%d,"store_group_id":%d,"is_active":1}`, id, code, code, id, id))
		r.put("websites", fmt.Sprintf(`{"id":%d,"code":%q,"name":%q,"default_group_id":%d}`, id, code, code, id))
	}
	return r
}

// emptyState is a state file as its migrations make it, made once for all tests, because that takes a while.
var emptyState = sync.OnceValue(func() []byte {
	dir, err := os.MkdirTemp("", "extract-test")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	folder, err := store.Open(dir, "demo")
	if err != nil {
		panic(err)
	}
	state, err := folder.OpenState(context.Background(), store.Write)
	if err != nil {
		panic(err)
	}
	if err := state.Close(); err != nil {
		panic(err)
	}
	data, err := os.ReadFile(filepath.Join(folder.Dir, "state.duckdb"))
	if err != nil {
		panic(err)
	}
	return data
})

func (r *rig) serve(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	r.asked = append(r.asked, q.URL.RequestURI())
	n, meet, rewrite := len(r.asked), r.meet, r.rewrite
	r.mu.Unlock()
	if meet != nil {
		meet(n, q, w)
	}
	if rewrite == nil {
		r.server.ServeHTTP(w, q)
		return
	}
	q.Header.Del("Accept-Encoding")
	got := httptest.NewRecorder()
	r.server.ServeHTTP(got, q)
	for name, values := range got.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(got.Code)
	_, _ = w.Write([]byte(rewrite(q, got.Body.String())))
}

// cut breaks a connection from meet.
func cut() { panic(http.ErrAbortHandler) }

func (r *rig) put(stream, record string) {
	r.t.Helper()
	if err := r.shop.Put(stream, json.RawMessage(record)); err != nil {
		r.t.Fatal(err)
	}
}

// product puts one that is sold in the websites 1 and 2, with a stock item, changed at a time.
func (r *rig) product(id int, sku string, updated time.Time, more ...string) {
	r.t.Helper()
	name, _ := json.Marshal(sku)
	status, kind, websites := "1", "simple", "1,2"
	for _, m := range more {
		switch m {
		case "disabled":
			status = "2"
		case "configurable", "virtual":
			kind = m
		case "b2b only":
			websites = "2"
		}
	}
	r.put("products", fmt.Sprintf(`{"id":%d,"sku":%s,"name":"Product %d","price":%d.5,"status":%s,"type_id":%q,"created_at":"2024-01-01 00:00:00","updated_at":%q,
		"extension_attributes":{"website_ids":[%s]},"custom_attributes":[{"attribute_code":"ean","value":"871%d"}]}`,
		id, name, id, id, status, kind, magento.FormatTime(updated), websites, id))
	r.put("stock_items", fmt.Sprintf(`{"item_id":%d,"product_id":%d,"stock_id":1,"qty":%d,"is_in_stock":true,"manage_stock":true}`, id, id, id*10))
}

// order puts one of the store default, with a line for each product.
func (r *rig) order(id int, updated time.Time, products ...int) {
	r.orderOf(1, id, updated, products...)
}

func (r *rig) orderOf(storeID, id int, updated time.Time, products ...int) {
	r.t.Helper()
	var lines []string
	for i, p := range products {
		lines = append(lines, fmt.Sprintf(`{"item_id":%d,"product_id":%d,"sku":"P%d","product_type":"simple","qty_ordered":1,"base_row_total":9.5,"name":"Item of Jan"}`, id*100+i, p, p))
	}
	r.put("orders", fmt.Sprintf(`{"entity_id":%d,"increment_id":"1%08d","state":"complete","status":"complete","store_id":%d,"created_at":"2026-11-01 00:00:00",
		"updated_at":%q,"subtotal":9.5,"base_subtotal":9.5,"order_currency_code":"EUR","base_currency_code":"EUR","customer_email":"jan@example.com",
		"customer_firstname":"Jan","remote_ip":"192.0.2.1","billing_address":{"street":["Straat 1"],"telephone":"0612345678"},"items":[%s]}`,
		id, id, storeID, magento.FormatTime(updated), strings.Join(lines, ",")))
}

// source puts a source and n source items of the SKUs P1, P2, ...
func (r *rig) source(n int) {
	r.t.Helper()
	r.put("sources", `{"source_code":"main","name":"Main","enabled":true,"contact_name":"Piet","email":"piet@example.com","phone":"0612345678"}`)
	for i := 1; i <= n; i++ {
		r.put("source_items", fmt.Sprintf(`{"source_item_id":%d,"sku":"P%d","source_code":"main","quantity":%d,"status":1}`, i, i, i))
	}
}

// products puts P1 to Pn, all changed long ago.
func (r *rig) products(n int) {
	for i := 1; i <= n; i++ {
		r.product(i, fmt.Sprintf("P%d", i), night.AddDate(0, -1, 0))
	}
}

// extraction is one run file, open, with the job that fills it.
type extraction struct {
	*rig
	run *store.Run
	job *extract.Job
}

// begin makes a run file. The state is filled before, with state.
func (r *rig) begin(parts extract.Parts) *extraction {
	r.t.Helper()
	ctx := r.t.Context()
	id, err := r.folder.NewRunID(r.now)
	if err != nil {
		r.t.Fatal(err)
	}
	run, err := r.folder.CreateRun(ctx, id, "test", r.now)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := run.CopyBefore(ctx, r.now); err != nil {
		r.t.Fatal(err)
	}
	return r.with(run, parts)
}

// resume opens the partial run file again.
func (r *rig) resume(parts extract.Parts) *extraction {
	r.t.Helper()
	ref, err := r.folder.LatestPartial()
	if err != nil {
		r.t.Fatal(err)
	}
	run, err := r.folder.OpenRun(r.t.Context(), ref, store.Options{Run: store.Write, State: store.Write})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.with(run, parts)
}

func (r *rig) with(run *store.Run, parts extract.Parts) *extraction {
	r.t.Helper()
	r.t.Cleanup(func() {
		if err := run.Close(); err != nil {
			r.t.Error(err)
		}
	})
	count := &extract.RequestCount{}
	m := r.cfg.Magento
	auth := r.auth
	if auth == nil {
		auth = magento.Bearer(token)
	}
	client, err := magento.NewClient(magento.Config{StoreURL: r.url, StoreCode: m.StoreCode, Auth: auth, Concurrency: m.Concurrency,
		Retries: m.Retries, RetryWait: m.RetryWait, OnRequest: count.Count})
	if err != nil {
		r.t.Fatal(err)
	}
	return &extraction{r, run, &extract.Job{Run: run, Client: client, Config: r.cfg, Parts: parts, Now: func() time.Time { return r.now },
		Progress: silent{}, Log: slog.New(slog.NewTextHandler(&r.log, nil)), Requests: count}}
}

// read makes a run file and fills it.
func (r *rig) read(parts extract.Parts) *extraction {
	r.t.Helper()
	e := r.begin(parts)
	e.must()
	return e
}

func (e *extraction) must() *extract.Result {
	e.t.Helper()
	result, err := e.job.Extract(e.t.Context())
	if err != nil {
		e.t.Fatal(err)
	}
	return result
}

func (e *extraction) close() {
	e.t.Helper()
	if err := e.run.Close(); err != nil {
		e.t.Fatal(err)
	}
}

func (e *extraction) exec(query string, args ...any) {
	e.t.Helper()
	if _, err := e.run.DB.ExecContext(e.t.Context(), query, args...); err != nil {
		e.t.Fatal(err)
	}
}

// state fills the state file.
func (r *rig) state(statements ...string) {
	r.t.Helper()
	s, err := r.folder.OpenState(r.t.Context(), store.Write)
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Close()
	for _, q := range statements {
		if _, err := s.DB.ExecContext(r.t.Context(), q); err != nil {
			r.t.Fatalf("%v in %s", err, q)
		}
	}
}

// bookmark is a statement that moves one.
func bookmark(stream, storeCode string, at time.Time) string {
	return fmt.Sprintf("INSERT OR REPLACE INTO state.bookmarks VALUES ('%s', '%s', '%s', '20261101T000000Z', '%[3]s')", stream, storeCode, magento.FormatTime(at))
}

// held is a statement that says Optiply holds an enabled, simple product.
func held(id int, sku string) string {
	return fmt.Sprintf(`INSERT INTO state.products (remote_id, optiply_id, sku_code, unlimited_stock, stock_level, status, run_id, acknowledged_at, change)
		VALUES ('%d', 'o%[1]d', '%s', false, 1, 'enabled', '20261101T000000Z', '2026-11-01', %[1]d)`, id, sku)
}

// parked is a statement that lets a row wait.
func parked(entity string, id int) string {
	return fmt.Sprintf("INSERT INTO state.parked (entity, remote_id, sku, kind, reason, run_id, first_at, last_at, times) VALUES ('%s', '%d', 'P%[2]d', 'held', 'why', '20261101T000000Z', '2026-11-01', '2026-11-01', 1)", entity, id)
}

// column is the first column of a query, as text.
func (e *extraction) column(query string, args ...any) []string {
	e.t.Helper()
	rows, err := e.run.DB.QueryContext(e.t.Context(), query, args...)
	if err != nil {
		e.t.Fatal(err)
	}
	defer rows.Close()
	values := []string{}
	for rows.Next() {
		var v sql.NullString
		if err := rows.Scan(&v); err != nil {
			e.t.Fatal(err)
		}
		values = append(values, v.String)
	}
	if err := rows.Err(); err != nil {
		e.t.Fatal(err)
	}
	return values
}

// keys are the distinct keys of a stream.
func (e *extraction) keys(stream string) string {
	e.t.Helper()
	return strings.Join(e.column("SELECT DISTINCT key FROM raw."+stream+" ORDER BY try_cast(key AS BIGINT), key"), " ")
}

// streams is run.streams in short: stream/store/part, rows, pages, requests, retries, complete, reason. Stock by SKU has a page a
// worker that got an answer, so that their number depends on who is faster.
func (e *extraction) streams() string {
	e.t.Helper()
	return strings.Join(e.column(`SELECT stream || '/' || store_code || '/' || part || ': ' || rows || ' rows, ' || CASE WHEN part = 'skus' THEN '' ELSE pages || ' pages, ' END || requests || ' requests'
		|| CASE WHEN retries > 0 THEN ', ' || retries || ' retries' ELSE '' END || CASE WHEN quarantined > 0 THEN ', ' || quarantined || ' quarantined' ELSE '' END
		|| CASE WHEN complete THEN '' ELSE ', not complete: ' || coalesce(reason, 'NULL') END FROM run.streams ORDER BY rowid`), "\n")
}

// coverage is run.coverage in short.
func (e *extraction) coverage() string {
	e.t.Helper()
	return strings.Join(e.column(`SELECT store_code || ': ' || CASE WHEN complete THEN 'complete' ELSE 'not complete: ' || reason END
		|| ', ' || rows || ' of ' || coalesce(expected::VARCHAR, 'NULL') FROM run.coverage ORDER BY store_code`), "\n")
}

// requests are the paths asked for, without /rest/V1, where they begin with prefix, decoded.
func (r *rig) requests(prefix string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []string
	for _, uri := range r.asked {
		path := strings.TrimPrefix(uri, "/rest/V1/")
		if plain, err := url.QueryUnescape(path); err == nil && strings.HasPrefix(plain, prefix) {
			list = append(list, plain)
		}
	}
	return list
}

func (r *rig) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = nil
}

// content is everything that later steps build on: what was read, each record once, the windows and the proofs.
func (e *extraction) content() string {
	e.t.Helper()
	var parts []string
	for _, stream := range append(extract.KnownStreams(), "products_again", "products_touched", "orders_touched", "stocks", "stock_index") {
		parts = append(parts, "SELECT '"+stream+" ' || store_code || ' ' || key || ' ' || item::VARCHAR FROM raw."+stream)
	}
	parts = append(parts, `SELECT 'run.streams ' || stream || ' ' || store_code || ' ' || part || ' ' || coalesce(window_start::VARCHAR, '') || ' ' || coalesce(window_end::VARCHAR, '')
			|| ' ' || complete || coalesce(reason, '') FROM run.streams`,
		"SELECT 'run.coverage ' || store_code || ' ' || complete || ' ' || rows || ' ' || coalesce(expected, -1) || coalesce(reason, '') FROM run.coverage",
		"SELECT 'run.second_look ' || remote_id || ' ' || found FROM run.second_look",
		"SELECT 'run.stock_misses ' || sku || ' ' || product_id || ' ' || gone || ' ' || reason FROM run.stock_misses",
		"SELECT 'run.stock_plan ' || remote_id || ' ' || sku || ' ' || way || ' ' || coalesce(fingerprint, '') FROM run.stock_plan",
		"SELECT 'run.stock_ways ' || way || ' ' || used || ' ' || coalesce(website, '') || ' ' || coalesce(reason, '') FROM run.stock_ways",
		"SELECT 'run.info ' || products_full || ' ' || shop_now FROM run.info")
	return strings.Join(e.column(strings.Join(parts, " UNION ")+" ORDER BY ALL"), "\n")
}

func equal(t testing.TB, what, got, want string) {
	t.Helper()
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("%s:\n got %s\nwant %s", what, strings.ReplaceAll(got, "\n", "\n     "), strings.ReplaceAll(strings.TrimSpace(want), "\n", "\n     "))
	}
}

type silent struct{}

func (silent) Begin(string, int64) {}
func (silent) Add(string, int)     {}
func (silent) End(string)          {}

// lockedBuffer is a log that several goroutines write to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// cancelled is a context that meet can end.
func (e *extraction) cancelled(at int) context.Context {
	ctx, cancel := context.WithCancel(e.t.Context())
	e.t.Cleanup(cancel)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = nil
	e.meet = func(n int, q *http.Request, _ http.ResponseWriter) {
		if n >= at {
			cancel()
			cut()
		}
	}
	return ctx
}

func (r *rig) heal() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.meet, r.rewrite = nil, nil
}

// meetPath calls f before each request of a path is answered.
func meetPath(path string, f func()) func(int, *http.Request, http.ResponseWriter) {
	return func(_ int, q *http.Request, _ http.ResponseWriter) {
		if strings.HasSuffix(q.URL.Path, path) {
			f()
		}
	}
}
