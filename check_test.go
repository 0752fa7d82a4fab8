package main_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"magento-optiply/magento/magentotest"
	"magento-optiply/optiply/sandbox"
	"magento-optiply/store"
)

// These tests let `check` look at shops and accounts in every state that it tells apart.

// row is what `check --format json` says of one check.
type row struct {
	Check, Verdict, Found, Endpoint, Permission string
	ToDo                                        string `json:"to_do"`
}

// check runs it and returns its rows by name.
func (s shopDir) check(code int, args ...string) map[string]row {
	s.t.Helper()
	r := s.must(code, append([]string{"check", "--format", "json"}, args...)...)
	var all struct {
		Checks   []row          `json:"checks"`
		Counts   map[string]int `json:"counts"`
		ExitCode int            `json:"exit_code"`
	}
	if err := json.Unmarshal([]byte(r.stdout), &all); err != nil {
		s.t.Fatalf("stdout is no JSON: %v\n%s", err, r.stdout)
	}
	if all.ExitCode != code {
		s.t.Errorf("exit_code is %d, and the program ended with %d", all.ExitCode, code)
	}
	if strings.Contains(r.stdout+r.stderr, "s3cret") {
		s.t.Errorf("a secret was shown:\n%s%s", r.stdout, r.stderr)
	}
	rows, counts := map[string]row{}, map[string]int{}
	for _, c := range all.Checks {
		if counts[c.Verdict]++; rows[c.Check].Verdict == "" {
			rows[c.Check] = c
		}
		if (c.Verdict == "failed" || c.Verdict == "warning") && c.ToDo == "" {
			s.t.Errorf("%s is a %s, and nothing tells what to do", c.Check, c.Verdict)
		}
	}
	for verdict, n := range all.Counts {
		if counts[verdict] != n {
			s.t.Errorf("%d are %s, and counts says %d", counts[verdict], verdict, n)
		}
	}
	return rows
}

// wants compares verdicts, and looks for words in what was found or is to do: "failed: words".
func wants(t *testing.T, rows map[string]row, want map[string]string) {
	t.Helper()
	for name, wanted := range want {
		verdict, words, _ := strings.Cut(wanted, ": ")
		if got := rows[name]; got.Verdict != verdict || !strings.Contains(got.Found+" | "+got.ToDo, words) {
			t.Errorf("%s: %s: %s | %s, want %s", name, got.Verdict, got.Found, got.ToDo, wanted)
		}
	}
}

func TestCheck_TriesTheRecordedShopAndTheSandboxAndLeavesNothing(t *testing.T) {
	t.Parallel()
	s := shopDir{t, t.TempDir()}
	r := s.must(0, "check", "--fixtures", night(1))
	for _, words := range []string{"shop sign-in", "read stock_statuses", "website base", "optiply account", "A night would work: "} {
		if !strings.Contains(r.stdout, words) {
			t.Errorf("the table does not say %q:\n%s", words, r.stdout)
		}
	}
	for line := range strings.Lines(r.stdout) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 80 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	if left, _ := os.ReadDir(s.dir); len(left) > 0 {
		t.Errorf("a check left %v", left)
	}
}

func TestCheck_AsksAShopInEveryState(t *testing.T) {
	t.Parallel()
	page := showing(403, "Attention Required! | Cloudflare")
	for name, test := range map[string]struct {
		sync, magento string
		options       magentotest.Options
		code          int
		want          map[string]string
	}{
		"all is well": {want: map[string]string{"configuration": "ok", "shop firewall": "ok", "shop sign-in": "ok: bearer", "shop clock": "ok",
			"shop address": "ok: 127.0.0.1", "shop TLS": "skipped: http", "read orders": "ok: 26 rows", "shop filter on ids": "ok: products and orders", "shop stock in bulk": "ok"}},
		"a permission is missing": {options: magentotest.Options{DeniedResources: []string{"Magento_Sales::actions_view"}}, code: 1,
			want: map[string]string{"shop sign-in": "ok", "read products": "ok", "read orders": "failed: give its integration the permission Magento_Sales::actions_view",
				"read stock_statuses": "ok", "shop stock numbers": "ok", "shop filter on ids": "ok: works for products", "optiply token": "ok"}},
		"permissions that a night can do without": {options: magentotest.Options{DeniedResources: []string{"Magento_Backend::store", "Magento_InventoryApi::stock"}},
			want: map[string]string{"read stores": "warning: runs go on without", "read websites": "warning: Magento_Backend::store",
				"shop stock numbers": "warning: Magento_InventoryApi::stock"}},
		"a permission that store_id needs": {magento: "store_id: 1", options: magentotest.Options{DeniedResources: []string{"Magento_Backend::store"}}, code: 1,
			want: map[string]string{"read stores": "failed: Magento_Backend::store"}},
		"streams that were named": {magento: "streams: [invoices, coupons]", options: magentotest.Options{DeniedResources: []string{"Magento_Sales::sales_invoice"}}, code: 1,
			want: map[string]string{"read invoices": "failed: Magento_Sales::sales_invoice", "read coupons": "ok"}},
		"a limit on pages":     {options: magentotest.Options{MaxPageSize: 100}, want: map[string]string{"shop page size": "warning: set magento.page_size to 100"}},
		"a limit on sources":   {sync: "use_inventory_source_items: true", magento: "page_size: 50\nsource_items_page_size: 2000", options: magentotest.Options{MaxPageSize: 100}, want: map[string]string{"shop page size": "warning: set magento.source_items_page_size to 100"}},
		"no MSI":               {options: magentotest.Options{NoInventory: true}, want: map[string]string{"shop stock numbers": "ok: no MSI", "read stock_statuses": "ok", "shop stock in bulk": "skipped: one SKU after another"}},
		"no bulk listing":      {options: magentotest.Options{NoBulkStock: true}, want: map[string]string{"shop stock in bulk": "warning: one SKU after another", "read stock_statuses": "ok"}},
		"a firewall":           {options: magentotest.Options{Faults: []magentotest.Fault{on(anywhere, 0, 0, page)}}, code: 1, want: map[string]string{"shop firewall": "failed: Cloudflare", "shop sign-in": "skipped", "read products": "skipped", "optiply account": "ok"}},
		"a storefront instead": {options: magentotest.Options{Faults: []magentotest.Fault{on(anywhere, 0, 0, showing(200, "Welcome"))}}, code: 1, want: map[string]string{"shop firewall": "failed: HTML", "read products": "skipped"}},
		"maintenance":          {options: magentotest.Options{Faults: []magentotest.Fault{on(orders, 0, 0, saying(503, "down"))}}, code: 1, want: map[string]string{"read products": "ok", "read orders": "failed: 503", "read stock_statuses": "skipped: busy", "shop page size": "skipped"}},
		"a filter on ids that is refused": {options: magentotest.Options{Faults: []magentotest.Fault{{Pattern: regexp.MustCompile(`/orders\?.*conditionType%5D=gt`), Status: 500, Body: `{"message":"Internal Error"}`}}},
			want: map[string]string{"shop filter on ids": "warning: set magento.paging to page_number"}},
		"a filter on ids that has to work": {magento: "paging: keyset", options: magentotest.Options{Faults: []magentotest.Fault{{Pattern: regexp.MustCompile(`/orders\?.*conditionType%5D=gt`), Status: 500, Body: `{"message":"Internal Error"}`}}}, code: 1,
			want: map[string]string{"shop filter on ids": "failed: auto or page_number"}},
		"a store view that there is not": {magento: "store_code: nowhere", code: 1, want: map[string]string{"shop sign-in": "ok", "shop store code": "failed: magento.store_code", "read products": "skipped"}},
		"a store view":                   {magento: "store_code: b2b_nl", want: map[string]string{"shop store code": "ok", "shop stock numbers": "ok: website b2b"}},
		"every store view":               {magento: "store_code: all", want: map[string]string{"shop stock numbers": "warning: Default Stock"}},
		"warehouses":                     {sync: "use_inventory_source_items: true", want: map[string]string{"read source_items": "ok", "shop stock numbers": "ok: enabled sources"}},
		"a warehouse that there is not":  {sync: "use_inventory_source_items: true\nwarehouse_ids: moon", code: 1, want: map[string]string{"shop stock numbers": "failed: sync.warehouse_ids"}},
		"physical stock":                 {sync: "use_salable_quantity: false", want: map[string]string{"shop stock numbers": "ok: physical"}},
		"no stock":                       {sync: "map_stockLevel: false", want: map[string]string{"shop stock numbers": "skipped"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSignedShop(t, "access_token: s3cret-token\n"+test.magento, test.options)
			s.write("magento-optiply.yaml", strings.Replace(configOf(t, s.shopDir), "sync:\n  stock_bulk: off\n", "sync:\n"+indent(test.sync), 1))
			s.shop.SetNow(time.Time{})
			wants(t, s.check(test.code), test.want)
			if exists(filepath.Join(s.dir, "data")) {
				t.Error("a check made the shop's folder")
			}
		})
	}
}

func TestCheck_TellsWhatIsWrongWithTheSignIn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		signIn string
		code   int
		want   map[string]string
		logins int
	}{
		"a wrong token":           {"access_token: s3cret-other", 1, map[string]string{"shop sign-in": "failed: magento.access_token", "read products": "skipped: not signed in", "optiply token": "ok"}, 0},
		"an administrator":        {asAdmin, 0, map[string]string{"shop sign-in": "ok: administrator", "read products": "ok"}, 1},
		"a wrong password":        {"username: s3cret-user\npassword: s3cret-typo", 1, map[string]string{"shop sign-in": "failed: magento.password", "read products": "skipped"}, 1},
		"OAuth":                   {asOAuth, 0, map[string]string{"shop sign-in": "ok: OAuth", "read stock_statuses": "ok"}, 0},
		"a wrong consumer secret": {strings.Replace(asOAuth, "s3cret-consumer", "s3cret-typo", 1), 1, map[string]string{"shop sign-in": "failed: magento.consumer_secret"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSignedShop(t, test.signIn, magentotest.Options{OAuth: &oauthKeys})
			s.shop.SetNow(time.Time{})
			wants(t, s.check(test.code), test.want)
			logins := 0
			for _, q := range s.server.Requests() {
				if strings.HasSuffix(q.Path, loginPath) {
					logins++
				}
			}
			if logins != test.logins {
				t.Errorf("%d logins, want %d: after a few wrong ones Magento locks the account", logins, test.logins)
			}
		})
	}
}

func TestCheck_ComparesTheClocks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		signIn string
		ahead  time.Duration
		code   int
		want   string
	}{
		"the shop is ahead":            {"access_token: s3cret-token", 20 * time.Minute, 0, "warning: the shop's clock is 20m"},
		"the shop is behind":           {"access_token: s3cret-token", -20 * time.Minute, 0, "warning: this machine's clock is 20m"},
		"the shop is behind and OAuth": {asOAuth, -20 * time.Minute, 1, "failed: OAuth"},
		"the shop is ahead and OAuth":  {asOAuth, 20 * time.Minute, 0, "warning: the shop's clock"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSignedShop(t, test.signIn, magentotest.Options{OAuth: &oauthKeys})
			s.shop.SetNow(time.Now().Add(test.ahead + test.ahead/50))
			wants(t, s.check(test.code), map[string]string{"shop clock": test.want, "optiply clock": "ok"})
		})
	}
}

// before serves the shop behind something that changes its requests.
func (s servedShop) before(change func(*nethttp.Request)) {
	s.t.Helper()
	front := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		change(r)
		s.server.ServeHTTP(w, r)
	}))
	s.t.Cleanup(front.Close)
	s.write("magento-optiply.yaml", regexp.MustCompile(`store_url: .*`).ReplaceAllString(configOf(s.t, s.shopDir), "store_url: "+front.URL))
}

// without takes parameters out of a query.
func without(words string) func(*nethttp.Request) {
	return func(r *nethttp.Request) {
		var kept []string
		for _, part := range strings.Split(r.URL.RawQuery, "&") {
			if !strings.Contains(part, words) {
				kept = append(kept, part)
			}
		}
		r.URL.RawQuery = strings.Join(kept, "&")
	}
}

func TestCheck_SeesWhatAShopIgnores(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ ignored, check, want string }{
		"fields=":           {"fields=", "shop fields=", "warning: whole records"},
		"the filter on ids": {"filterGroups", "shop filter on ids", "warning: ignored"},
		"the sort order":    {"sortOrders", "shop filter on ids", "ok"}, // Magento sorts by id unasked
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSignedShop(t, "access_token: s3cret-token", magentotest.Options{})
			s.before(without(test.ignored))
			wants(t, s.check(0), map[string]string{test.check: test.want})
		})
	}
}

// certificate is one for 127.0.0.1 that signs itself.
func certificate(t *testing.T, ends time.Time) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-90 * 24 * time.Hour), NotAfter: ends, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestCheck_LooksAtTheCertificate(t *testing.T) {
	day := 24 * time.Hour
	for name, test := range map[string]struct {
		ends    time.Duration
		trusted bool
		code    int
		want    string
	}{
		"a good one":             {60 * day, true, 0, "ok: TLS 1.3, certificate good until"},
		"one that ends soon":     {5 * day, true, 0, "warning: renewed"},
		"one that has ended":     {-day, true, 1, "failed: has ended"},
		"one that nobody trusts": {60 * day, false, 1, "failed: signed by nobody"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSignedShop(t, "access_token: s3cret-token", magentotest.Options{})
			cert, text := certificate(t, time.Now().Add(test.ends))
			front := httptest.NewUnstartedServer(s.server)
			front.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
			front.Config.ErrorLog = quiet()
			front.StartTLS()
			defer front.Close()
			s.write("magento-optiply.yaml", regexp.MustCompile(`store_url: .*`).ReplaceAllString(configOf(t, s.shopDir), "store_url: "+front.URL))
			s.write("authority.pem", "")
			if test.trusted {
				s.write("authority.pem", string(text))
			}
			t.Setenv("SSL_CERT_FILE", filepath.Join(s.dir, "authority.pem"))
			t.Setenv("SSL_CERT_DIR", s.dir)
			rows := s.check(test.code)
			wants(t, rows, map[string]string{"shop TLS": test.want})
			if signedIn := rows["shop sign-in"].Verdict == "ok"; signedIn != (test.code == 0) {
				t.Errorf("the sign-in is %s", rows["shop sign-in"].Verdict)
			}
		})
	}
}

func TestCheck_ANameThatIsNotKnown(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "store_url: https://shop.invalid\naccess_token: s3cret-token")
	wants(t, s.check(1), map[string]string{"shop address": "failed: shop.invalid", "shop TLS": "skipped", "shop sign-in": "skipped: cannot be reached",
		"read products": "skipped", "optiply token": "ok"})
}

func TestCheck_SignsInToOptiply(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edit string // old=new
		code int
		want map[string]string
	}{
		"all is well":            {"", 0, map[string]string{"optiply address": "ok: 127.0.0.1", "optiply token": "ok", "optiply account": "ok: 98 (Sandbox)", "optiply coupling": "ok: no product yet"}},
		"a wrong client":         {"s3cret-client=s3cret-typo", 1, map[string]string{"optiply token": "failed: optiply.client_id", "optiply account": "skipped", "read products": "ok"}},
		"a wrong password":       {"s3cret-word=s3cret-typo", 1, map[string]string{"optiply token": "failed: optiply.password"}},
		"another account":        {"account_id: 98=account_id: 99", 1, map[string]string{"optiply token": "ok", "optiply account": "failed: optiply.account_id"}},
		"an address of nobody":   {"/v1=/v9", 1, map[string]string{"optiply token": "ok", "optiply account": "failed"}},
		"a variable that is not": {"s3cret-word=${MO_NOT_SET}", 2, map[string]string{"configuration": "failed: set MO_NOT_SET where the runs start", "read products": "ok", "optiply token": "skipped: configuration"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box, err := sandbox.Open(sandbox.Options{AccountID: 98, Credentials: sandbox.Credentials{ClientID: "client", ClientSecret: "s3cret-client", Username: "user", Password: "s3cret-word"}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = box.Close() })
			api, dashboard, err := box.Start()
			if err != nil {
				t.Fatal(err)
			}
			s := newSignedShop(t, "access_token: s3cret-token", magentotest.Options{})
			text := strings.Replace(configOf(t, s.shopDir), "base_url: sandbox\n", "base_url: "+api+"\n  dashboard_url: "+dashboard+
				"\n  client_id: client\n  client_secret: s3cret-client\n  username: user\n  password: s3cret-word\n  account_id: 98\n  coupling_id: 4711\n", 1)
			if was, is, ok := strings.Cut(test.edit, "="); ok {
				text = strings.Replace(text, was, is, 1)
			}
			s.write("magento-optiply.yaml", text)
			wants(t, s.check(test.code), test.want)
		})
	}
}

func TestCheck_LooksAtTheFolderAndItsFiles(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{})
	s.must(3, "run")
	wants(t, s.check(0), map[string]string{"folder": "ok: demo", "lock": "ok: free", "file versions": "ok: 2 files", "optiply coupling": "ok: have a remote id of coupling 4711"})
	s.write("magento-optiply.yaml", strings.Replace(configOf(t, s.shopDir), "optiply:\n", "optiply:\n  coupling_id: 4712\n", 1))
	wants(t, s.check(0), map[string]string{"optiply coupling": "warning: some of coupling 4711"})

	shop, err := store.Open(filepath.Join(s.dir, "data"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	lock, err := shop.Lock("run", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	wants(t, s.check(0), map[string]string{"lock": "warning: run holds it"})
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	s.write("data/demo/lock", `{"pid":999999999,"host":"`+hostname(t)+`","run":"run","since":"2026-11-23T02:00:00Z"}`)
	wants(t, s.check(0), map[string]string{"lock": "ok: free"})

	state, err := shop.OpenState(context.Background(), store.Write)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.DB.Exec("UPDATE state.meta SET value = '999' WHERE name = 'schema_version'"); err != nil {
		t.Fatal(err)
	}
	if err := state.Close(); err != nil {
		t.Fatal(err)
	}
	wants(t, s.check(1), map[string]string{"file versions": "failed: newer program"})
	s.write("data/demo/state.duckdb", "rubbish, and more of it")
	_ = os.Remove(filepath.Join(s.dir, "data/demo/state.read.duckdb"))
	wants(t, s.check(1), map[string]string{"file versions": "failed: backup", "read products": "ok"})
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCheck_AStateThatWasLostIsSeenBeforeEverythingIsCreatedAgain(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{})
	s.must(3, "run")
	s.forget()
	wants(t, s.check(0), map[string]string{"optiply coupling": "warning: adopt"})
}

func TestCheck_AWrongConfigurationIsCodeTwo(t *testing.T) {
	t.Parallel()
	s := shopDir{t, t.TempDir()}
	wants(t, s.check(2), map[string]string{"configuration": "failed: magento-optiply init", "all other checks": "skipped"})
	s.write("magento-optiply.yaml", "shop: demo\nmagento:\n  store_url: 127.0.0.1\n  acces_token: s3cret\n")
	wants(t, s.check(2), map[string]string{"configuration": "failed: magento-optiply.yaml:4:3: unknown setting magento.acces_token"})
	if r := s.exec("check", "--format", "csv"); r.code != 2 || !strings.Contains(r.stderr, "table or json") {
		t.Errorf("a wrong format: exit code %d\n%s", r.code, r.stderr)
	}
}

func TestCheck_ItsTableIsPlainWhereNobodyLooksAtATerminal(t *testing.T) {
	t.Parallel()
	s := shopDir{t, t.TempDir()}
	r := s.must(2, "check")
	s.must(2, "check", "--output", "check.txt")
	written, err := os.ReadFile(filepath.Join(s.dir, "check.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{r.stdout, string(written)} {
		for line := range strings.Lines(table) {
			if strings.ContainsFunc(line, func(c rune) bool { return c > unicode.MaxASCII }) || len(line) > 81 {
				t.Errorf("%q", line)
			}
		}
		if !strings.Contains(table, "\n----") || !strings.Contains(table, "The configuration is not right: 1 failed, 0 ok") {
			t.Errorf("the table is\n%s", table)
		}
	}
}

// quiet is a log that nobody reads: a client that does not trust a server leaves a line there.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
