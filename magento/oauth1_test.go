package magento

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func newOAuth() Auth {
	return OAuth1("consumer-key", "consumer+secret/1", "access-token", "token&secret=2")
}

// What had to be signed for each SKU on Magento 2.4.6 (recordings f-oauth1-sku-*).
func TestOAuthPath_IsAsRecorded(t *testing.T) {
	for sent, want := range map[string]string{
		"SKU%2FSLASH%2F1":          "SKU/SLASH/1",
		"SKU%20WITH%20SPACE":       "SKU%20WITH%20SPACE",
		"SKU%2BPLUS":               "SKU+PLUS",
		"SKU%23HASH":               "SKU%23HASH",
		"100%25%20COTTON":          "100%25%20COTTON",
		"UNI-%C3%84%C3%96-%C3%9F":  "UNI-%C3%84%C3%96-%C3%9F",
		"SKU%26AMP":                "SKU&AMP",
		"SKU%27SQ%27":              "SKU%27SQ%27",
		"SKU%22DQ%22":              "SKU%22DQ%22",
		"SKU%2CCOMMA%3BSEMI":       "SKU,COMMA;SEMI",
		"SKU%3FQ%3D1":              "SKU%3FQ=1",
		"SKU%5CBACK":               "SKU%5CBACK",
		"%2E%2E":                   "..",
		"SKU%2525PCT":              "SKU%25PCT", // by the source of laminas-uri, as the next
		"a%25zz":                   "a%25zz",
		"lower%2fcase%c3%a4%7e%5B": "lower/case%C3%A4~%5B",
	} {
		if got := oauthPath(sent, ":@&=+$,/;%"); got != want {
			t.Errorf("%s: got %s, want %s", sent, got, want)
		}
	}
}

func TestCompareNatural_OrdersAsPHPDoes(t *testing.T) {
	want := []string{
		"fields", "oauth_nonce", "oauth_token", "searchCriteria%5BcurrentPage%5D",
		"searchCriteria%5BfilterGroups%5D%5B0%5D%5Bfilters%5D%5B0%5D%5BconditionType%5D",
		"searchCriteria%5BfilterGroups%5D%5B0%5D%5Bfilters%5D%5B0%5D%5Bfield%5D",
		"searchCriteria%5BfilterGroups%5D%5B0%5D%5Bfilters%5D%5B10%5D%5Bfield%5D",
		"searchCriteria%5BfilterGroups%5D%5B1%5D%5Bfilters%5D%5B0%5D%5Bfield%5D",
		"searchCriteria%5BfilterGroups%5D%5B2%5D%5Bfilters%5D%5B0%5D%5Bfield%5D",
		"searchCriteria%5BfilterGroups%5D%5B10%5D%5Bfilters%5D%5B0%5D%5Bfield%5D",
		"searchCriteria%5BfilterGroups%5D%5B11%5D%5Bfilters%5D%5B0%5D%5Bfield%5D",
		"searchCriteria%5BpageSize%5D",
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareNatural)
	if !slices.Equal(got, want) {
		t.Errorf("got %s", strings.Join(got, "\n"))
	}
	for _, pair := range [][2]string{{"img2", "img10"}, {"a", "ab"}, {"", "a"}, {"1", "a"}, {"a9z", "a10"}} {
		if compareNatural(pair[0], pair[1]) >= 0 || compareNatural(pair[1], pair[0]) <= 0 {
			t.Errorf("%q is not before %q", pair[0], pair[1])
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		a, b := rapid.StringMatching("[0-9a]{0,6}").Draw(r, "a"), rapid.StringMatching("[0-9a]{0,6}").Draw(r, "b")
		if x, y := compareNatural(a, b), compareNatural(b, a); (x < 0) != (y > 0) || (x == 0) != (y == 0) {
			r.Fatalf("%q and %q: %d one way, %d the other", a, b, x, y)
		}
	})
}

// verifier checks signatures in Magento's way, written apart from the signer.
type verifier struct {
	asSent, withPort bool // how this version sees the URL
	mu               sync.Mutex
	nonces           map[string]bool
}

func (v *verifier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent := map[string]string{}
	for _, m := range regexp.MustCompile(`(\w+)="([^"]*)"`).FindAllStringSubmatch(r.Header.Get("Authorization"), -1) {
		sent[m[1]], _ = url.PathUnescape(m[2])
	}
	v.mu.Lock()
	used := v.nonces[sent["oauth_nonce"]]
	v.nonces[sent["oauth_nonce"]] = true
	v.mu.Unlock()
	if stamp, _ := strconv.ParseInt(sent["oauth_timestamp"], 10, 64); stamp > time.Now().Add(10*time.Minute).Unix() {
		says(401, `{"message":"An error occurred validating the nonce"}`)(w, r)
		return
	}
	if used {
		says(401, `{"message":"The nonce is already being used by the consumer with ID %1","parameters":["1"]}`)(w, r)
		return
	}
	if sent["oauth_signature"] != v.signature(r, sent) || sent["oauth_signature_method"] != "HMAC-SHA256" {
		says(401, `{"message":"The signature is invalid. Verify and try again."}`)(w, r)
		return
	}
	says(200, `{"items":[]}`)(w, r)
}

func (v *verifier) signature(r *http.Request, sent map[string]string) string {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	kept := regexp.MustCompile(`^[A-Za-z0-9_\-.~:@&=+$,/;%]$`)
	if v.asSent {
		kept = regexp.MustCompile(`^[A-Za-z0-9_\-.~]$`)
	}
	path = regexp.MustCompile(`%[0-9A-F]{2}`).ReplaceAllStringFunc(path, func(code string) string {
		if c, _ := url.PathUnescape(code); kept.MatchString(c) {
			return c
		}
		return code
	})
	path = regexp.MustCompile(`%([^0-9A-Fa-f]|.[^0-9A-Fa-f]|.?$)`).ReplaceAllString(path, "%25$1")
	host := r.Host
	if !v.withPort {
		host, _, _ = strings.Cut(host, ":")
	}
	encode := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	var pairs [][2]string
	for name, value := range sent {
		if name != "oauth_signature" {
			pairs = append(pairs, [2]string{encode(name), encode(value)})
		}
	}
	for part := range strings.SplitSeq(query, "&") {
		if name, value, ok := strings.Cut(part, "="); ok {
			name, _ = url.PathUnescape(name)
			value, _ = url.PathUnescape(value)
			pairs = append(pairs, [2]string{encode(name), encode(value)})
		}
	}
	// Natural order by another way: each number is written with leading zeros.
	padded := func(s string) string {
		return regexp.MustCompile(`\d+`).ReplaceAllStringFunc(s, func(n string) string { return strings.Repeat("0", 9-len(n)) + n })
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return strings.Compare(padded(a[0]), padded(b[0])) })
	var joined []string
	for _, p := range pairs {
		joined = append(joined, p[0]+"="+p[1])
	}
	base := r.Method + "&" + encode("http://"+host+path) + "&" + encode(strings.Join(joined, "&"))
	mac := hmac.New(sha256.New, []byte(encode("consumer+secret/1")+"&"+encode("token&secret=2")))
	mac.Write([]byte(base))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

var oddSKUs = []string{"24-MB01", "SKU/SLASH/1", "SKU+PLUS", "SKU WITH SPACE", "SKU%25PCT", "100% COTTON", "SKU#HASH", "SKU&AMP", "SKU?Q=1", `SKU\BACK`, "UNI-ÄÖ-ß", "SKU'SQ'", `SKU"DQ"`, "SKU,COMMA;SEMI", "a:b@c$d~e!f*(g)"}

func oauthShop(t *testing.T, v *verifier) *fakeShop {
	v.nonces = map[string]bool{}
	routes := map[string]http.HandlerFunc{"GET /rest/V1/orders": v.ServeHTTP}
	for _, sku := range oddSKUs {
		routes["GET /rest/V1/stockItems/"+SKUPath(sku)] = v.ServeHTTP
	}
	return newFakeShop(t, routes)
}

func withOAuth(cfg *Config) { cfg.Auth = newOAuth() }

func TestOAuth1_IsAcceptedForOddSKUsByEveryVersion(t *testing.T) {
	for _, v := range []*verifier{{}, {asSent: true}, {withPort: true}, {asSent: true, withPort: true}} {
		shop := oauthShop(t, v)
		c := newTestClient(t, shop.URL, withOAuth)
		for round := range 2 {
			before := shop.count()
			for _, sku := range oddSKUs {
				if _, err := c.Get(context.Background(), "stockItems/"+SKUPath(sku), nil); err != nil {
					t.Errorf("%+v: %q: %v", v, sku, err)
				}
			}
			if extra := shop.count() - before - len(oddSKUs); round == 1 && extra != 0 {
				t.Errorf("%+v: %d requests to find out what was known", v, extra)
			}
		}
	}
}

func TestOAuth1_IsAcceptedForManyFilterGroups(t *testing.T) {
	shop := oauthShop(t, &verifier{})
	c := Criteria{PageSize: 1, Fields: "items[sku],total_count"}
	for i := range 25 {
		c = c.Where(Filter{"sku", Eq, oddSKUs[i%len(oddSKUs)] + " +%2B"})
	}
	if _, err := newTestClient(t, shop.URL, withOAuth).Get(context.Background(), "orders", c.Query()); err != nil {
		t.Error(err)
	}
	if shop.count() != 1 {
		t.Errorf("%d requests", shop.count())
	}
}

func TestOAuth1_SignsEachAttemptAnew(t *testing.T) {
	v := &verifier{nonces: map[string]bool{}}
	shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/orders": answers(says(503, "{}"), says(500, "{}"),
		says(401, `{"message":"The nonce is already being used by the consumer with ID %1","parameters":["1"]}`), v.ServeHTTP)})
	if _, err := newTestClient(t, shop.URL, withOAuth).Get(context.Background(), "orders", nil); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, r := range shop.requests {
		if h := r.Header.Get("Authorization"); seen[h] {
			t.Error("a header was sent twice")
		} else {
			seen[h] = true
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d requests, want 4", len(seen))
	}
}

func TestOAuth1_GoesByTheShopsClockWhenOursIsAhead(t *testing.T) {
	shop := oauthShop(t, &verifier{})
	c := newTestClient(t, shop.URL, withOAuth, func(cfg *Config) {
		cfg.Now = func() time.Time { return time.Now().Add(20 * time.Minute) }
	})
	for range 2 {
		if _, err := c.Get(context.Background(), "orders", nil); err != nil {
			t.Error(err)
		}
	}
	if shop.count() != 3 {
		t.Errorf("%d requests, want one too many", shop.count())
	}
}

func TestOAuth1_GivesUpOnASignatureThatIsNeverAccepted(t *testing.T) {
	shop := oauthShop(t, &verifier{})
	c := newTestClient(t, shop.URL, func(cfg *Config) { cfg.Auth = OAuth1("consumer-key", "wrong", "access-token", "wrong too") })
	e := mustFail(t, c, "stockItems/"+SKUPath("SKU/SLASH/1"))
	if e.Kind != Unauthorized || e.Retryable() || !strings.Contains(e.Hint(), "consumer_secret") || shop.count() != 4 {
		t.Errorf("got %v after %d requests", e, shop.count())
	}
	refused := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/orders": says(401, `{"message":"An error occurred validating the nonce"}`)})
	e = mustFail(t, newTestClient(t, refused.URL, withOAuth), "orders")
	if e.Kind != Unauthorized || !strings.Contains(e.Hint(), "clock") || refused.count() != 1+maxNonces {
		t.Errorf("got %v after %d requests", e, refused.count())
	}
}

func TestBaseURL_HasNoStandardPort(t *testing.T) {
	for in, want := range map[string]string{
		"https://Shop.Example:443/rest/V1/a": "https://shop.example/rest/V1/a", "http://shop.example:80/a": "http://shop.example/a",
		"http://shop.example:443/a": "http://shop.example:443/a", "https://[::1]:8443/a": "https://[::1]:8443/a", "https://[::1]:443/a": "https://[::1]/a",
	} {
		u, err := url.Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if got := baseURL(u, withPort); got != want {
			t.Errorf("%s: got %s", in, got)
		}
		if got := baseURL(u, 0); strings.Contains(strings.TrimPrefix(got, u.Scheme+"://"), "443") {
			t.Errorf("%s: got %s, with a port", in, got)
		}
	}
}

// net/http sends a GET again by itself when a connection that it kept is closed before an answer came.
func TestOAuth1_SignsAnewWhatNetHTTPSendsAgain(t *testing.T) {
	t.Parallel()
	var seen []string
	shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/orders": func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		if len(seen) == 2 {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write([]byte(`{"items":[],"total_count":0}`))
	}})
	c := newTestClient(t, shop.URL, func(cfg *Config) { cfg.Auth, cfg.Retries = OAuth1("ck", "cs", "t", "ts"), -1 })
	for range 2 {
		if _, err := c.Get(t.Context(), "orders", nil); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) != 3 {
		t.Fatalf("%d requests came, want 3: one each, and one that was sent again", len(seen))
	}
	if seen[1] == seen[2] {
		t.Error("the same signature was sent twice")
	}
}
