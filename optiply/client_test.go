package optiply_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
)

func TestClient_WritesAndReadsAProduct(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	created, err := a.Create(t.Context(), optiply.Products, raw(oakStool))
	created = must(t, created, err)
	if created.ID == "" || created.UUID == "" || created.Type != optiply.Products {
		t.Fatalf("created %+v", created)
	}
	if id, ok := created.RemoteID(4711); !ok || id != "1501" {
		t.Errorf("remote id %q, %v", id, ok)
	}

	updated, err := a.Update(t.Context(), optiply.Products, created.ID, raw(`{"stockLevel":-9,"articleCode":null}`))
	updated = must(t, updated, err)
	read, err := a.Get(t.Context(), optiply.Products, created.ID)
	read = must(t, read, err)
	if diff := cmp.Diff(updated, read); diff != "" {
		t.Errorf("update's answer and read differ:\n%s", diff)
	}
	got := map[string]string{}
	for _, name := range []string{"price", "stockLevel", "unlimitedStock", "status", "articleCode"} {
		got[name], _ = read.Text(name)
	}
	want := map[string]string{"price": "49.95", "stockLevel": "-9", "unlimitedStock": "false", "status": "enabled", "articleCode": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attributes:\n%s", diff)
	}

	if err := a.Delete(t.Context(), optiply.Products, created.ID); err != nil {
		t.Fatal(err)
	}
	_, err = a.Get(t.Context(), optiply.Products, created.ID)
	if e := asError(t, err); e.Kind != optiply.NotFound || e.Unknown() || e.Retryable() || e.Fatal() {
		t.Errorf("after delete: %+v", e)
	}
	err = a.Delete(t.Context(), optiply.Products, created.ID)
	if e := asError(t, err); e.Kind != optiply.NotFound {
		t.Errorf("second delete: %v", err)
	}
}

func TestClient_SendsAnOrderWithItsLines(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	p, err := a.Create(t.Context(), optiply.Products, raw(oakStool))
	p = must(t, p, err)
	order := `{"remoteId":"9001","placed":"2026-11-20T14:03:11Z","completed":"2026-11-21T07:00:00Z","totalValue":149.85,` +
		`"orderLines":[{"quantity":3,"subtotalValue":149.85,"productId":` + p.ID + `}]}`
	o, err := a.Create(t.Context(), optiply.SellOrders, raw(order))
	o = must(t, o, err)

	q := optiply.ListQuery{Filters: []optiply.Filter{{Attribute: "sellOrderId", Value: o.ID}}}
	lines := 0
	for line, err := range a.List(t.Context(), optiply.SellOrderLines, q) {
		line = must(t, line, err)
		if product, _ := line.Text("productId"); product != p.ID {
			t.Errorf("line is about product %s", product)
		}
		lines++
	}
	if lines != 1 {
		t.Errorf("%d lines", lines)
	}
}

func TestClient_KeepsTheRequestConventions(t *testing.T) {
	a := open(t, sandbox.Options{}, func(c *optiply.Config) { c.UserAgent = "shop-sync/1" })
	p, err := a.Create(t.Context(), optiply.Products, raw(oakStool))
	p = must(t, p, err)
	if _, err := a.Update(t.Context(), optiply.Products, p.ID, raw(`{"stockLevel":1}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Get(t.Context(), optiply.Products, p.ID); err != nil {
		t.Fatal(err)
	}
	for _, err := range a.List(t.Context(), optiply.Products, optiply.ListQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Delete(t.Context(), optiply.Products, p.ID); err != nil {
		t.Fatal(err)
	}

	var got []string
	for _, r := range a.heard.requests {
		if agent := r.Header.Get("User-Agent"); agent != "shop-sync/1" {
			t.Errorf("%s %s: User-Agent %q", r.Method, r.URL.Path, agent)
		}
		if !strings.HasPrefix(r.URL.Path, "/v1/") {
			continue
		}
		for _, name := range []string{"Content-Type", "Accept"} {
			if v := r.Header.Get(name); v != "application/vnd.api+json" {
				t.Errorf("%s %s: %s %q", r.Method, r.URL.Path, name, v)
			}
		}
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
			t.Errorf("%s %s: no bearer token", r.Method, r.URL.Path)
		}
		got = append(got, strings.ReplaceAll(fmt.Sprint(r.Method, " ", r.URL.Path, " ", r.URL.Query()), p.ID, "ID"))
	}
	want := []string{
		"POST /v1/products map[accountId:[98] couplingId:[4711]]",
		"PATCH /v1/products/ID map[accountId:[98] couplingId:[4711]]",
		"GET /v1/products/ID map[filter[accountId]:[98]]",
		"GET /v1/products map[filter[accountId]:[98] page[limit]:[100] page[offset]:[0] sort:[id]]",
		"DELETE /v1/products/ID map[accountId:[98] couplingId:[4711]]",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestClient_SendsAttributesByteForByte(t *testing.T) {
	const attributes = `{"name":"R&D <b>","price":1.10,  "stockLevel":12345678901234567}`
	var body []byte
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		text(http.StatusOK, `{"data":{"id":7,"type":"products"}}`)(w, r)
	})
	r, err := c.Create(t.Context(), optiply.Products, raw(attributes))
	if r = must(t, r, err); r.ID != "7" {
		t.Errorf("a numeric id is read as %q", r.ID)
	}
	if want := `{"data":{"type":"products","attributes":` + attributes + `}}`; string(body) != want {
		t.Errorf("sent %s\nwant %s", body, want)
	}
}

func TestResource_TextReadsMoneyInEitherForm(t *testing.T) {
	var r optiply.Resource
	if err := r.UnmarshalJSON(raw(`{"id":"1","attributes":{"price":"49.90","totalValue":12345678901234567.10,"completed":null,
		"remoteIdMap":{"4711":1501,"5":null}}}`)); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"price": "49.90", "totalValue": "12345678901234567.10"} {
		if got, ok := r.Text(name); got != want || !ok {
			t.Errorf("%s: %q, %v", name, got, ok)
		}
	}
	for _, name := range []string{"completed", "missing"} {
		if got, ok := r.Text(name); ok {
			t.Errorf("%s: %q", name, got)
		}
	}
	if id, ok := r.RemoteID(4711); id != "1501" || !ok || len(r.RemoteIDs) != 1 {
		t.Errorf("remote ids %v", r.RemoteIDs)
	}
}

func TestClient_SpacesItsRequests(t *testing.T) {
	a := open(t, sandbox.Options{}, func(c *optiply.Config) { c.RequestsPerSecond = 50 })
	begin := time.Now()
	for range 6 {
		if _, err := a.Create(t.Context(), optiply.Products, raw(oakStool)); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(begin); took < 90*time.Millisecond {
		t.Errorf("6 requests at 50 a second took %v", took)
	}
}

func TestNewClient_NamesTheSettingToCorrect(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*optiply.Config)
		want   string
	}{
		"no base url":         {func(c *optiply.Config) { c.BaseURL = "" }, "optiply.base_url is not set"},
		"base url not a url":  {func(c *optiply.Config) { c.BaseURL = "api.optiply.com" }, "optiply.base_url is not an http"},
		"dashboard url query": {func(c *optiply.Config) { c.DashboardURL += "?x=1" }, "optiply.dashboard_url must have no query"},
		"no client id":        {func(c *optiply.Config) { c.ClientID = "" }, "optiply.client_id is not set"},
		"no client secret":    {func(c *optiply.Config) { c.ClientSecret = "" }, "optiply.client_secret is not set"},
		"no username":         {func(c *optiply.Config) { c.Username = "" }, "optiply.username is not set"},
		"no password":         {func(c *optiply.Config) { c.Password = "" }, "optiply.password is not set"},
		"no account":          {func(c *optiply.Config) { c.AccountID = 0 }, "optiply.account_id"},
		"no coupling":         {func(c *optiply.Config) { c.CouplingID = 0 }, "optiply.coupling_id"},
		"negative rate":       {func(c *optiply.Config) { c.RequestsPerSecond = -1 }, "optiply.requests_per_second"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := settings("http://127.0.0.1")
			tc.change(&cfg)
			_, err := optiply.NewClient(cfg)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

func TestConfig_PrintsNoSecret(t *testing.T) {
	cfg := settings("http://127.0.0.1")
	for _, printed := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v", cfg), cfg.LogValue().String()} {
		if strings.Contains(printed, cfg.Password) || strings.Contains(printed, cfg.ClientSecret) {
			t.Errorf("printed %s", printed)
		}
	}
}

func TestClient_RefusesToSendWhatHasNoAddress(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	ctx := t.Context()
	errs := map[string]error{}
	for _, id := range []string{"", "nan", "NaN", "../accounts", "1/2", "1?x=1", "-1"} {
		_, errs["update "+id] = a.Update(ctx, optiply.Products, id, raw(`{}`))
		_, errs["get "+id] = a.Get(ctx, optiply.Products, id)
		errs["delete "+id] = a.Delete(ctx, optiply.Products, id)
	}
	for _, kind := range []string{"", "../x", "products/1"} {
		_, errs["create "+kind] = a.Create(ctx, kind, raw(`{}`))
		for _, err := range a.List(ctx, kind, optiply.ListQuery{}) {
			errs["list "+kind] = err
		}
	}
	for _, attributes := range []string{"", "null", "[]", `{"a":`, `{} {}`} {
		_, errs["create with "+attributes] = a.Create(ctx, optiply.Products, raw(attributes))
	}
	for what, err := range errs {
		if e := asError(t, err); e.Kind != optiply.Rejected || e.Sent || e.Unknown() || e.Retryable() {
			t.Errorf("%s: %+v", what, e)
		}
	}
	if n := len(a.sandbox.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
