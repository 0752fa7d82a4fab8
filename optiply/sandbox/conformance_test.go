package sandbox

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	text255 = strings.Repeat("ä", 255)
	text256 = strings.Repeat("ä", 256)
)

// TestAttributes_ReadAndAnswer is the contract's attribute tables: what is sent, what comes back.
func TestAttributes_ReadAndAnswer(t *testing.T) {
	const moments = `"2026-11-20T14:03:11Z":"2026-11-20T14:03:11Z" "2026-11-20T16:03:11+02:00":"2026-11-20T14:03:11Z" ` +
		`"2026-11-20T14:03:11.987Z":"2026-11-20T14:03:11Z" "2026-11-20T14:03:11+00:00":"2026-11-20T14:03:11Z"`
	const flags = `true:true false:false`
	const texts = `"":"" "a":"a"`
	for name, tc := range map[string]struct{ accepted, refused, cleared string }{
		"products.name":               {`"a":"a" "` + text255 + `":"` + text255 + `"`, `"" "__" null 1 ["a"] "` + text256 + `"`, ""},
		"products.stockLevel":         {`0:0 12:12 -7:-7 9223372036854775807:9223372036854775807`, `1.5 1.0 1e3 "12" null true 9223372036854775808`, ""},
		"products.unlimitedStock":     {flags, `"true" 1 "x"`, "false"},
		"products.skuCode":            {texts + ` "` + text255 + `":"` + text255 + `"`, `1 "` + text256 + `"`, "null"},
		"products.eanCode":            {texts, `871 "` + text256 + `"`, "null"},
		"products.articleCode":        {texts, `{} "` + text256 + `"`, "null"},
		"products.price":              {`0:"0.00" 49.9:"49.90" "49.95":"49.95" 1.005:"1.01" 9999999.99:"9999999.99" 1e3:"1000.00"`, `-1 -0.01 -0.001 "nan" "" "1,5" true 10000000 9999999.995 1e999 "0x10"`, "null"},
		"products.status":             {`"enabled":"enabled" "disabled":"disabled" "DISABLED":"disabled"`, `"" "gone" 1 true`, `"enabled"`},
		"products.notBeingBought":     {flags, `0`, "false"},
		"products.resumingPurchase":   {moments, `"tomorrow" 5`, "null"},
		"products.assembled":          {flags, `"yes"`, "false"},
		"products.minimumStock":       {`5:5 2.5:2.5`, `"5" true`, "null"},
		"products.maximumStock":       {`500:500 0.5:0.5`, `"x"`, "null"},
		"products.ignored":            {flags, `"no"`, "false"},
		"products.manualServiceLevel": {`95:95`, `"high"`, "null"},
		"products.createdAtRemote":    {moments, `"2026-11-20" "2026-11-20T14:03:11" "2026-11-20_14:03:11" "2026-13-20T14:03:11Z" 0`, "null"},
		"products.stockMeasurementUnit": {`"kg":"kg" "1234567890":"1234567890"`, `"12345678901"`,
			"null"},
		"products.remoteDataSyncedToDate":   {moments, `"now"`, "null"},
		"sellOrders.placed":                 {moments, `null "" "2026-11-20"`, ""},
		"sellOrders.completed":              {moments, `true "never"`, "null"},
		"sellOrders.totalValue":             {`149.85:"149.85" "149.85":"149.85" 0:"0.00" -5:"-5.00" 12345678901234567.89:"12345678901234567.89"`, `null "x" 123456789012345678`, ""},
		"sellOrders.remoteDataSyncedToDate": {moments, `"now"`, "null"},
		"sellOrderLines.quantity":           {`3:3 -1:-1 0:0`, `2.0 2.5 "3" null`, ""},
		"sellOrderLines.subtotalValue":      {`1.5:"1.50" "1.5":"1.50"`, `null "one"`, ""},
		"sellOrderLines.sellOrderId":        {`ORDER:ORDER "ORDER":ORDER`, `null "x" 1.5 -1`, ""},
		"sellOrderLines.productId":          {`PRODUCT:PRODUCT "PRODUCT":PRODUCT`, `null "" true`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := begin(t, Options{})
			product := c.post(kindProducts, stool).want(http.StatusCreated).id()
			sold := c.post(kindSellOrders, order(product, "")).want(http.StatusCreated).id()
			line := c.ids(kindSellOrderLines, "")[0]
			k, attribute, _ := strings.Cut(name, ".")
			id := map[string]string{kindProducts: product, kindSellOrders: sold, kindSellOrderLines: line}[k]
			expand := strings.NewReplacer("PRODUCT", product, "ORDER", sold, "_", " ").Replace

			for pair := range strings.FieldsSeq(tc.accepted) {
				sent, answered := half(pair)
				got := c.patch(k, id, fmt.Sprintf(`{%q:%s}`, attribute, expand(sent))).want(http.StatusOK)
				if v, _ := json.Marshal(got.attribute(attribute)); string(v) != expand(answered) {
					t.Errorf("%s comes back as %s, want %s", sent, v, answered)
				}
			}
			before := c.send(http.MethodGet, k+"/"+id, "").want(http.StatusOK).text
			for sent := range strings.FieldsSeq(tc.refused) {
				got := c.patch(k, id, fmt.Sprintf(`{%q:%s}`, attribute, expand(sent)))
				if got.status != http.StatusBadRequest || !strings.HasPrefix(got.message(), attribute+" ") {
					t.Errorf("%s: status %d, message %q", sent, got.status, got.message())
				}
			}
			if after := c.send(http.MethodGet, k+"/"+id, "").text; after != before {
				t.Errorf("a refused update changed something:\n%s\n%s", before, after)
			}
			if tc.cleared != "" {
				got := c.patch(k, id, fmt.Sprintf(`{%q:null}`, attribute)).want(http.StatusOK)
				if v, _ := json.Marshal(got.attribute(attribute)); string(v) != tc.cleared {
					t.Errorf("null comes back as %s, want %s", v, tc.cleared)
				}
			}
		})
	}
}

// half splits sent:answered, where texts may hold colons.
func half(pair string) (sent, answered string) {
	for i := range pair {
		if pair[i] == ':' && json.Valid([]byte(strings.NewReplacer("PRODUCT", "1", "ORDER", "1").Replace(pair[:i]))) {
			return pair[:i], pair[i+1:]
		}
	}
	panic("no pair: " + pair)
}

func TestAttributes_FullSetIsAnswered(t *testing.T) {
	c := begin(t, Options{})
	p := c.post(kindProducts, `{"name":"Oak stool","stockLevel":12}`).want(http.StatusCreated)
	o := c.post(kindSellOrders, order(p.id(), "")).want(http.StatusCreated)
	line := c.ids(kindSellOrderLines, "")[0]
	for path, want := range map[string]string{
		"products/" + p.id(): "accountId articleCode assembled category createdAt createdAtRemote createdFromPublicApi eanCode ignored " +
			"manualServiceLevel maximumStock minimumStock name notBeingBought novel price remoteDataSyncedToDate remoteIdMap " +
			"resumingPurchase skuCode status stockLevel stockMeasurementUnit unlimitedStock updatedAt uuid",
		"sellOrders/" + o.id():   "accountId completed createdAt createdFromPublicApi placed remoteDataSyncedToDate remoteIdMap totalValue updatedAt uuid",
		"sellOrderLines/" + line: "createdAt createdFromPublicApi productId quantity remoteIdMap sellOrderId subtotalValue updatedAt uuid",
	} {
		got := c.send(http.MethodGet, path, "").want(http.StatusOK)
		names := slices.Sorted(maps.Keys(got.member("data", "attributes").(map[string]any)))
		if diff := cmp.Diff(want, strings.Join(names, " ")); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
}

func TestAttributes_OfTheServerCannotBeSet(t *testing.T) {
	c := begin(t, Options{})
	id := c.post(kindProducts, stool).want(http.StatusCreated).id()
	for _, name := range []string{"id", "uuid", "accountId", "createdAt", "updatedAt", "createdFromPublicApi", "novel", "category", "remoteIdMap", "colour", "orderLines"} {
		if got := c.patch(kindProducts, id, fmt.Sprintf(`{%q:"1"}`, name)); got.status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, got.status)
		}
	}
}

func TestAttributes_NanIsTheServersOwnCrash(t *testing.T) {
	c := begin(t, Options{})
	c.post(kindSellOrders, order(`"nan"`, "")).want(http.StatusInternalServerError)
	c.send(http.MethodGet, "products/nan", "").want(http.StatusInternalServerError)
	if n := len(c.box.SellOrders()); n != 0 {
		t.Errorf("%d orders", n)
	}
}

func TestProduct_CreateAnswersTheDocumentedEnvelope(t *testing.T) {
	c := begin(t, Options{})
	got := c.post(kindProducts, stool).want(http.StatusCreated)
	if media := got.header.Get("Content-Type"); media != mediaType {
		t.Errorf("Content-Type %s", media)
	}
	want := map[string]any{
		"accountId": json.Number("98"), "name": "Oak stool", "skuCode": "OAK-ST-1", "articleCode": "1501", "eanCode": nil,
		"price": "49.95", "unlimitedStock": false, "stockLevel": json.Number("12"), "status": "enabled",
		"createdAtRemote": "2024-03-01T09:15:00Z", "createdFromPublicApi": true,
		"createdAt": "2026-11-23T08:30:01Z", "updatedAt": "2026-11-23T08:30:01Z",
		"remoteIdMap": map[string]any{"4711": "1501"}, "remoteDataSyncedToDate": "2026-11-23T08:30:00Z",
	}
	for name, value := range want {
		if diff := cmp.Diff(value, got.attribute(name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if id := got.attribute("uuid"); len(id.(string)) != 36 {
		t.Errorf("uuid %v", id)
	}
	if self := got.member("data", "links", "self"); self != "http://example.com/v1/products/"+got.id() {
		t.Errorf("self %v", self)
	}
	second := c.post(kindProducts, stool).want(http.StatusCreated)
	if second.id() != fmt.Sprint(products.firstID+1) || len(c.ids(kindProducts, "")) != 2 {
		t.Errorf("the same product again must be a second one, got id %s", second.id())
	}
}
