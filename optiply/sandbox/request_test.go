package sandbox

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRequests_WithoutTheConventionsAreRefused(t *testing.T) {
	c := begin(t, Options{})
	for name, tc := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"all well":         {func(*http.Request) {}, http.StatusOK},
		"with a charset":   {func(r *http.Request) { r.Header.Set("Content-Type", mediaType+"; charset=utf-8") }, http.StatusOK},
		"no content type":  {func(r *http.Request) { r.Header.Del("Content-Type") }, http.StatusUnsupportedMediaType},
		"plain json":       {func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }, http.StatusUnsupportedMediaType},
		"no token":         {func(r *http.Request) { r.Header.Del("Authorization") }, http.StatusUnauthorized},
		"unknown token":    {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, http.StatusUnauthorized},
		"basic, not token": {func(r *http.Request) { r.SetBasicAuth("id", "secret") }, http.StatusUnauthorized},
	} {
		r := httptest.NewRequest(http.MethodGet, "/v1/products", nil)
		r.Header.Set("Content-Type", mediaType)
		r.Header.Set("Authorization", "Bearer "+c.token)
		tc.change(r)
		if got := c.do(r); got.status != tc.want {
			t.Errorf("%s: %d", name, got.status)
		}
	}
}

func TestRequests_ToWhatIsNotThere(t *testing.T) {
	c := begin(t, Options{AccountID: 98})
	id := c.post(kindProducts, stool).want(http.StatusCreated).id()
	body := `{"data":{"type":"products","attributes":{"stockLevel":1}}}`
	for request, want := range map[string]int{
		"GET suppliers":               404,
		"POST suppliers":              404,
		"GET products/1":              404,
		"GET products/abc":            404,
		"GET products/":               404,
		"GET products/1/2/3":          404,
		"PATCH products/1":            404,
		"DELETE products/1":           404,
		"PUT products/" + id:          405,
		"PATCH products":              405,
		"DELETE products":             405,
		"POST products/" + id:         405,
		"GET accounts":                200,
		"GET accounts/98":             200,
		"GET accounts/99":             404,
		"POST accounts":               405,
		"PATCH accounts/98":           405,
		"DELETE accounts/98":          405,
		"GET products/" + id:          200,
		"PATCH products/" + id:        200,
		"GET products/" + id + "/x":   404,
		"PUT products/" + id + "/x":   405,
		"GET products/5/account":      404,
		"GET accounts/98?filter[x]=1": 400,

		"GET products/" + id + "?filter[accountId]=98":       200,
		"GET products/" + id + "?filter[accountId]=99":       404,
		"GET products/" + id + "?filter[accountId]=x":        400,
		"GET accounts?filter[accountId]=98":                  200,
		"PATCH products/" + id + "?accountId=99":             403,
		"PATCH products/" + id + "?accountId=x":              400,
		"PATCH products/" + id + "?couplingId=x":             400,
		"PATCH products/" + id + "?x=1":                      200,
		"DELETE products/" + id + "?accountId=99":            404,
		"DELETE products/" + id + "?accountId=":              204,
		"POST products?couplingId=4711":                      400,
		"GET products/" + id + "?filter[accountId]=98&%zz=x": 400,
	} {
		if strings.HasPrefix(request, "DELETE products/2") { // deletes what the others look for
			continue
		}
		method, path, _ := strings.Cut(request, " ")
		if got := c.send(method, path, body); got.status != want {
			t.Errorf("%s: %d, want %d: %s", request, got.status, want, got.text)
		}
	}
	c.send(http.MethodDelete, "products/"+id+"?accountId=99", "").want(http.StatusNotFound)
	if got := c.send(http.MethodDelete, "products/"+id+"?couplingId=1", "").want(http.StatusNoContent); got.text != "" {
		t.Errorf("body %q", got.text)
	}
	c.send(http.MethodDelete, "products/"+id, "").want(http.StatusNotFound)
}

func TestRequests_BodiesThatAreWrong(t *testing.T) {
	c := begin(t, Options{})
	id := c.post(kindProducts, stool).want(http.StatusCreated).id()
	for body, want := range map[string]string{
		``:                                      "cannot read the body",
		`{`:                                     "cannot read the body",
		`[]`:                                    "cannot read the body",
		`{} {}`:                                 "cannot read the body",
		`{"data":null}`:                         "data is missing",
		`{}`:                                    "data is missing",
		`{"data":{"type":"products"}}`:          "attributes are missing",
		`{"data":{"attributes":{}}}`:            "type must be products",
		`{"data":{"type":"x","attributes":{}}}`: "type must be products",
		`{"data":{"type":"products","attributes":{},"relationships":{}}}`: "cannot read the body",
		`{"data":{"type":"products","id":"5","attributes":{}}}`:           "id does not fit",
		`{"data":[{"type":"products","attributes":{}}]}`:                  "cannot read the body",
	} {
		got := c.send(http.MethodPatch, "products/"+id, body)
		if got.status != http.StatusBadRequest || !strings.Contains(got.message(), want) {
			t.Errorf("%s: %d %q", body, got.status, got.message())
		}
	}
	for _, own := range []string{id, `"` + id + `"`} {
		c.send(http.MethodPatch, "products/"+id, `{"data":{"type":"products","id":`+own+`,"attributes":{"stockLevel":4}}}`).want(http.StatusOK)
	}
	c.send(http.MethodPost, "products", `{"data":{"type":"products","id":"5","attributes":`+stool+`}}`).want(http.StatusBadRequest)
	c.send(http.MethodPatch, "products/"+id, strings.Repeat(" ", maxBody+1)).want(http.StatusRequestEntityTooLarge)
}

func TestCreate_NamesAllThatIsMissing(t *testing.T) {
	c := begin(t, Options{})
	for k, want := range map[string]int{kindProducts: 2, kindSellOrders: 2, kindSellOrderLines: 4} {
		got := c.post(k, `{}`).want(http.StatusBadRequest)
		if n := len(got.body["errors"].([]any)); n != want {
			t.Errorf("%s: %d errors: %s", k, n, got.text)
		}
	}
}

func TestRemoteID_BelongsToACoupling(t *testing.T) {
	c := begin(t, Options{})
	write := func(method, path, attributes string) reply {
		return c.send(method, path, `{"data":{"type":"products","attributes":`+attributes+`}}`)
	}
	write(http.MethodPost, "products?accountId=98", stool).want(http.StatusBadRequest)
	id := write(http.MethodPost, "products?accountId=98", `{"name":"a","stockLevel":1}`).want(http.StatusCreated).id()
	write(http.MethodPatch, "products/"+id+"?accountId=98", `{"remoteDataSyncedToDate":"2026-11-23T08:30:00Z"}`).want(http.StatusBadRequest)

	for _, step := range []struct {
		coupling, remote string
		want             map[string]any
	}{
		{"4711", `"1501"`, map[string]any{"4711": "1501"}},
		{"12", `"x-9"`, map[string]any{"4711": "1501", "12": "x-9"}},
		{"4711", `"1502"`, map[string]any{"4711": "1502", "12": "x-9"}},
		{"12", `null`, map[string]any{"4711": "1502"}},
	} {
		got := write(http.MethodPatch, "products/"+id+"?couplingId="+step.coupling, `{"remoteId":`+step.remote+`}`).want(http.StatusOK)
		if diff := cmp.Diff(step.want, got.attribute("remoteIdMap")); diff != "" {
			t.Error(diff)
		}
		if _, plain := got.member("data", "attributes").(map[string]any)["remoteId"]; plain {
			t.Error("remoteId is answered")
		}
	}
	if got := write(http.MethodPatch, "products/"+id+"?couplingId=1", `{"remoteId":1501}`); got.status != http.StatusBadRequest {
		t.Errorf("a numeric remoteId: %d", got.status)
	}
}

// A sandbox that was served without a word about its account is every account's, before anything is in it too.
func TestAccounts_ASandboxOfAnyAccountHasTheOneThatIsAskedFor(t *testing.T) {
	c := begin(t, Options{})
	for range 2 {
		for _, id := range []string{"98", "99"} {
			if got := c.send(http.MethodGet, "accounts/"+id, "").want(http.StatusOK).id(); got != id {
				t.Errorf("account %s: %s", id, got)
			}
		}
		product := c.send(http.MethodPost, "products?accountId=5&couplingId=1", `{"data":{"type":"products","attributes":`+stool+`}}`).want(http.StatusCreated).id()
		if got := c.send(http.MethodGet, "products/"+product+"/account", "").want(http.StatusOK).id(); got != "5" {
			t.Errorf("the account of a product of 5: %s", got)
		}
	}
	c.send(http.MethodGet, "accounts/0", "").want(http.StatusNotFound)
}

func TestSellOrder_IsStoredWithItsLinesOrNotAtAll(t *testing.T) {
	c := begin(t, Options{})
	product := c.post(kindProducts, stool).want(http.StatusCreated).id()
	other := c.send(http.MethodPost, "products?accountId=5&couplingId=1", `{"data":{"type":"products","attributes":`+stool+`}}`).want(http.StatusCreated).id()

	for name, tc := range map[string]struct {
		attributes string
		want       int
	}{
		"unknown product":          {order(product, `,{"quantity":1,"subtotalValue":1,"productId":5}`), 404},
		"product of other account": {order(product, `,{"quantity":1,"subtotalValue":1,"productId":`+other+`}`), 404},
		"line wrapped":             {order(product, `,{"type":"sellOrderLines","attributes":{}}`), 400},
		"line with fraction":       {order(product, `,{"quantity":1.5,"subtotalValue":1,"productId":`+product+`}`), 400},
		"line without product":     {order(product, `,{"quantity":1,"subtotalValue":1}`), 400},
		"lines null":               {`{"placed":"2026-11-20T14:03:11Z","totalValue":1,"orderLines":null}`, 400},
		"lines an object":          {`{"placed":"2026-11-20T14:03:11Z","totalValue":1,"orderLines":{}}`, 400},
	} {
		if got := c.post(kindSellOrders, tc.attributes); got.status != tc.want {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
	if orders, lines := c.box.SellOrders(), c.ids(kindSellOrderLines, ""); len(orders) != 0 || len(lines) != 0 {
		t.Fatalf("stored: %v %v", orders, lines)
	}

	made := c.post(kindSellOrders, order(product, `,{"quantity":1,"subtotalValue":"0.5","productId":"`+product+`"}`)).want(http.StatusCreated)
	if _, answered := made.member("data", "attributes").(map[string]any)["orderLines"]; answered {
		t.Error("orderLines are answered")
	}
	stored := c.box.SellOrders()[0]
	var lines []string
	for _, l := range stored.Lines {
		lines = append(lines, fmt.Sprint(l.Attributes["quantity"], " ", l.Attributes["subtotalValue"], " ", l.Attributes["productId"]))
	}
	if diff := cmp.Diff([]string{"3 149.85 " + product, "1 0.50 " + product}, lines); diff != "" || stored.RemoteID() != "9001" {
		t.Errorf("%s %s", stored.RemoteID(), diff)
	}

	c.patch(kindSellOrders, made.id(), `{"orderLines":[]}`).want(http.StatusBadRequest)
	c.send(http.MethodDelete, "products/"+product, "").want(http.StatusConflict)
	c.send(http.MethodDelete, "sellOrders/"+made.id(), "").want(http.StatusNoContent)
	if left := c.ids(kindSellOrderLines, ""); len(left) != 0 {
		t.Errorf("lines outlive their order: %v", left)
	}
	c.send(http.MethodDelete, "products/"+product, "").want(http.StatusNoContent)
	again := c.post(kindSellOrders, `{"placed":"2026-11-20T14:03:11Z","totalValue":1,"orderLines":[]}`).want(http.StatusCreated)
	if again.id() == made.id() {
		t.Error("an id was given twice")
	}
}

func TestSellOrderLine_ByItself(t *testing.T) {
	c := begin(t, Options{})
	product := c.post(kindProducts, stool).want(http.StatusCreated).id()
	first := c.post(kindSellOrders, order(product, "")).want(http.StatusCreated).id()
	second := c.post(kindSellOrders, `{"placed":"2026-11-20T14:03:11Z","totalValue":1}`).want(http.StatusCreated).id()
	line := func(order, product string) string {
		return `{"sellOrderId":` + order + `,"productId":` + product + `,"quantity":3,"subtotalValue":149.85,"remoteId":"9001-1"}`
	}
	c.post(kindSellOrderLines, line(first, "5")).want(http.StatusNotFound)
	c.post(kindSellOrderLines, line("5", product)).want(http.StatusNotFound)
	id := c.post(kindSellOrderLines, line(first, product)).want(http.StatusCreated).id()

	related := func(path string) int {
		return len(c.send(http.MethodGet, path, "").want(http.StatusOK).body["data"].([]any))
	}
	if n := related("sellOrders/" + first + "/sellOrderLines"); n != 2 {
		t.Errorf("%d lines", n)
	}
	c.patch(kindSellOrderLines, id, `{"sellOrderId":`+second+`}`).want(http.StatusOK)
	if a, b, all := related("sellOrders/"+first+"/sellOrderLines"), related("sellOrders/"+second+"/sellOrderLines"),
		related("products/"+product+"/sellOrderLines"); a != 1 || b != 1 || all != 2 {
		t.Errorf("%d %d %d", a, b, all)
	}
	c.patch(kindSellOrderLines, id, `{"sellOrderId":5}`).want(http.StatusNotFound)
	for path, want := range map[string]string{
		"sellOrderLines/" + id + "/product": product, "sellOrderLines/" + id + "/sellOrder": second,
		"products/" + product + "/account": "98", "sellOrders/" + first + "/account": "98",
	} {
		if path == "products/"+product+"/account" && c.box.account(0).id != 98 {
			t.Errorf("account %d", c.box.account(0).id)
		}
		if got := c.send(http.MethodGet, path, "").want(http.StatusOK).id(); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
	c.send(http.MethodDelete, "sellOrderLines/"+id, "").want(http.StatusNoContent)
	if n := len(c.box.SellOrders()[1].Lines); n != 0 {
		t.Errorf("%d lines", n)
	}
}
