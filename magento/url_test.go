package magento

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestStoreURL_IsTakenAsPeopleWriteIt(t *testing.T) {
	for in, want := range map[string]string{
		"shop.example":                  "https://shop.example/rest/V1/orders",
		" https://shop.example/ ":       "https://shop.example/rest/V1/orders",
		"http://shop.example:8080":      "http://shop.example:8080/rest/V1/orders",
		"https://shop.example/nl/":      "https://shop.example/nl/rest/V1/orders",
		"https://shop.example/rest":     "https://shop.example/rest/V1/orders",
		"https://shop.example/a/rest//": "https://shop.example/a/rest/V1/orders",
	} {
		shop, err := parseStoreURL(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		u, err := endpoint(shop, "", "orders", nil)
		if err != nil || u.String() != want {
			t.Errorf("%q: got %v, %v; want %s", in, u, err, want)
		}
	}
}

// The SKUs that were recorded, and how they were asked for on nginx and Apache.
func TestSKUPath_EncodesOneLevel(t *testing.T) {
	for sku, want := range map[string]string{
		"24-MB01": "24-MB01", "SKU/SLASH/1": "SKU%2FSLASH%2F1", "SKU+PLUS": "SKU%2BPLUS", "SKU WITH SPACE": "SKU%20WITH%20SPACE",
		"SKU%25PCT": "SKU%2525PCT", "100% COTTON": "100%25%20COTTON", "SKU#HASH": "SKU%23HASH", "SKU&AMP": "SKU%26AMP",
		"SKU?Q=1": "SKU%3FQ%3D1", `SKU\BACK`: "SKU%5CBACK", "..": "%2E%2E", ".": "%2E", "...": "...", "UNI-ÄÖ-ß": "UNI-%C3%84%C3%96-%C3%9F",
		"SKU'SQ'": "SKU%27SQ%27", "SKU,COMMA;SEMI": "SKU%2CCOMMA%3BSEMI",
	} {
		if got := SKUPath(sku); got != want {
			t.Errorf("%q: got %s, want %s", sku, got, want)
		}
	}
}

func TestGet_SendsAnySKUAsItIs(t *testing.T) {
	var sent *url.URL
	c := newTestClient(t, "https://shop.example", func(cfg *Config) {
		cfg.Transport = trip(func(r *http.Request) (*http.Response, error) {
			sent = r.URL
			return reply(r, 200, nil, strings.NewReader("{}")), nil
		})
	})
	rapid.Check(t, func(t *rapid.T) {
		sku := rapid.OneOf(rapid.SampledFrom([]string{".", "..", "/", "../..", "%2e%2e", "a/../b", "?", "#"}), rapid.StringN(1, 30, -1)).Draw(t, "sku")
		if _, err := c.Get(context.Background(), "stockItems/"+SKUPath(sku), nil); err != nil {
			t.Fatal(err)
		}
		if got := sent.RequestURI(); got != "/rest/V1/stockItems/"+SKUPath(sku) {
			t.Fatalf("sent %s", got)
		}
		last := sent.RequestURI()[strings.LastIndex(sent.RequestURI(), "/")+1:]
		if back, err := url.PathUnescape(last); err != nil || back != sku {
			t.Fatalf("%q arrives as %q", sku, back)
		}
	})
}

func TestGet_NeverLeavesTheAPI(t *testing.T) {
	c := newTestClient(t, "https://shop.example", func(cfg *Config) {
		cfg.Transport = trip(func(r *http.Request) (*http.Response, error) {
			t.Errorf("sent %s", r.URL)
			return reply(r, 200, nil, strings.NewReader("{}")), nil
		})
	})
	for _, path := range []string{
		"", "/", "/orders", "orders/", "a//b", ".", "..", "../orders", "orders/../..", "https://evil.example/x", "//evil.example", "orders?a=b",
		"orders#x", "a b", "a\nb", "100%", "%zz", "ä", `a\b`,
	} {
		if _, err := c.Get(context.Background(), path, nil); err == nil {
			t.Errorf("%q: accepted", path)
		}
	}
	for _, code := range []string{"..", "a/b", "a b", "a?b", "ä", "%2e"} {
		if _, err := c.GetIn(context.Background(), code, "orders", nil); err == nil {
			t.Errorf("store code %q: accepted", code)
		}
	}
}

func TestEndpointName_LeavesOutWhatDiffers(t *testing.T) {
	for path, want := range map[string]string{
		"products": "products", "products/A%2FB": "products/{sku}", "products/attributes": "products/attributes", "stockItems/lowStock": "stockItems/lowStock",
		"stockItems/24": "stockItems/{sku}", "stockStatuses/x": "stockStatuses/{sku}", "orders/12": "orders/{id}", "store/storeViews": "store/storeViews",
		"inventory/get-product-salable-quantity/x/1": "inventory/get-product-salable-quantity/{sku}/{id}",
	} {
		if got := endpointName(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}
