package magentotest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var testKeys = OAuth{ConsumerKey: "consumer", ConsumerSecret: "con+sum er", AccessToken: "token", AccessTokenSecret: "tok&en"}

// signed is a request whose signature is over another path than the one that is sent.
type signed struct {
	path, query string
	signedPath  string // of the base string; empty: by signedPath
	change      func(params map[string]string)
	after       func(params map[string]string) // once it is signed
}

var nonces int

func (s signed) ask(t testing.TB, server *Server) *httptest.ResponseRecorder {
	t.Helper()
	target := s.path
	if s.query != "" {
		target += "?" + s.query
	}
	request := httptest.NewRequest("GET", "http://shop.example:8080"+target, nil)
	request.RequestURI = target
	nonces++
	params := map[string]string{
		"oauth_consumer_key": testKeys.ConsumerKey, "oauth_token": testKeys.AccessToken, "oauth_version": "1.0",
		"oauth_nonce": "nonce " + strconv.Itoa(nonces), "oauth_signature_method": "HMAC-SHA256", "oauth_timestamp": strconv.FormatInt(time.Now().Unix(), 10),
	}
	if s.change != nil {
		s.change(params)
	}
	path := s.signedPath
	if path == "" {
		path = signedPath(s.path, ":@&=+$,/;%")
	}
	base := signatureBase("GET", "http://shop.example"+path, s.query, params)
	mac := hmac.New(sha256.New, []byte(rawURLEncode(testKeys.ConsumerSecret)+"&"+rawURLEncode(testKeys.AccessTokenSecret)))
	mac.Write([]byte(base))
	params["oauth_signature"] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if s.after != nil {
		s.after(params)
	}
	var parts []string
	for name, value := range params {
		parts = append(parts, name+`="`+rawURLEncode(value)+`"`)
	}
	request.Header.Set("Authorization", "OAuth "+strings.Join(parts, ", "))
	answer := httptest.NewRecorder()
	server.ServeHTTP(answer, request)
	return answer
}

// Twelve SKUs, each signed in three ways, were answered so by Magento 2.4.6 (f-oauth1-sku-*).
func TestOAuth_PathIsSignedAsRecorded(t *testing.T) {
	safe := func(sku string) string { // everything encoded but what may stand in a segment
		text := url.PathEscape(sku)
		for _, c := range "/:@!$&'()*+,;=" {
			text = strings.ReplaceAll(text, rawURLEncode(string(c)), string(c))
		}
		return text
	}
	for sku, accepted := range map[string][3]bool{ // signed as sent, decoded, with the characters of a segment literal
		"SKU&AMP": {false, true, true}, `SKU\BACK`: {true, false, true}, "SKU,COMMA;SEMI": {false, true, true},
		`SKU"DQ"`: {true, false, true}, "SKU#HASH": {true, false, true}, "100% COTTON": {true, false, true},
		"SKU+PLUS": {false, true, true}, "SKU?Q=1": {false, false, true}, "SKU/SLASH/1": {false, true, true},
		"SKU WITH SPACE": {true, false, true}, "SKU'SQ'": {true, false, false}, "UNI-ÄÖ-ß": {true, false, true},
	} {
		shop := &Shop{OAuth: &testKeys}
		text := fmt.Sprintf(`{"id":1,"sku":%s}`, appendString(nil, sku))
		if err := shop.Put("products", []byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := shop.Put("stock_items", []byte(`{"item_id":1,"product_id":1,"qty":1}`)); err != nil {
			t.Fatal(err)
		}
		server := New(shop, Options{})
		const at = "/rest/V1/stockItems/"
		sent := at + rawURLEncode(sku)
		for i, path := range []string{sent, at + sku, at + safe(sku)} {
			answer := signed{path: sent, signedPath: path}.ask(t, server)
			if accepted[i] != (answer.Code == 200) || !accepted[i] && !strings.Contains(answer.Body.String(), "The signature is invalid") {
				t.Errorf("%s signed as %s: %d %s", sent, path, answer.Code, answer.Body)
			}
		}
	}
}

func TestOAuth_RefusesAsRecorded(t *testing.T) {
	shop := &Shop{OAuth: &testKeys}
	server := New(shop, Options{})
	const path = "/rest/V1/store/websites"
	with := func(name, value string) func(map[string]string) {
		return func(params map[string]string) { params[name] = value }
	}
	at := func(d time.Duration) func(map[string]string) {
		return with("oauth_timestamp", strconv.FormatInt(time.Now().Add(d).Unix(), 10))
	}
	invalid := `{"message":"The signature is invalid. Verify and try again."}`
	reused := `{"message":"The nonce is already being used by the consumer with ID %1","parameters":["1"]}`
	groups := "searchCriteria"
	for i := range 12 {
		groups += fmt.Sprintf("&searchCriteria%%5BfilterGroups%%5D%%5B%d%%5D%%5Bfilters%%5D%%5B0%%5D%%5Bfield%%5D=entity_id", i)
	}
	for name, test := range map[string]struct {
		request signed
		status  int
		body    string
	}{
		"well signed":           {signed{path: path}, 200, "[]"},
		"a query":               {signed{path: "/rest/V1/inventory/sources", query: "searchCriteria[pageSize]=2&a=b%20c"}, 200, ""},
		"twelve groups":         {signed{path: "/rest/V1/orders", query: groups + "&searchCriteria%5BpageSize%5D=2"}, 200, ""},
		"SHA1":                  {signed{path: path, change: with("oauth_signature_method", "HMAC-SHA1")}, 400, `{"message":"Signature method %1 is not supported","parameters":["HMAC-SHA1"]}`},
		"a wrong signature":     {signed{path: path, after: with("oauth_signature", "x")}, 401, invalid},
		"a plus for a space":    {signed{path: path, query: "a=b+c", signedPath: "/rest/V1/store/websites "}, 401, invalid},
		"20 minutes ahead":      {signed{path: path, change: at(20 * time.Minute)}, 401, `{"message":"An error occurred validating the nonce"}`},
		"no time":               {signed{path: path, change: with("oauth_timestamp", "soon")}, 401, `{"message":"An error occurred validating the nonce"}`},
		"a day behind":          {signed{path: path, change: at(-24 * time.Hour)}, 200, "[]"},
		"an unknown token":      {signed{path: path, change: with("oauth_token", "other")}, 401, `{"message":"Specified token does not exist"}`},
		"an unknown consumer":   {signed{path: path, change: with("oauth_consumer_key", "other")}, 401, `{"message":"A consumer having the specified key does not exist"}`},
		"no nonce":              {signed{path: path, change: with("oauth_nonce", "")}, 400, `{"message":"\"%fieldName\" is required. Enter and try again.","parameters":{"fieldName":"oauth_nonce"}}`},
		"version 2":             {signed{path: path, change: with("oauth_version", "2.0")}, 400, `{"message":"The \"%1\" Oauth version isn't supported.","parameters":["2.0"]}`},
		"a nonce, badly signed": {signed{path: path, change: with("oauth_nonce", "once"), after: with("oauth_signature", "x")}, 401, invalid},
	} {
		if answer := test.request.ask(t, server); answer.Code != test.status || test.body != "" && answer.Body.String() != test.body {
			t.Errorf("%s: %d %s", name, answer.Code, answer.Body)
		}
	}
	if answer := (signed{path: path, change: with("oauth_nonce", "once")}).ask(t, server); answer.Body.String() != reused {
		t.Errorf("a nonce of a request that was refused: %s", answer.Body)
	}
	denied := New(shop, Options{DeniedResources: []string{"Magento_Backend::store"}})
	if answer := (signed{path: path}).ask(t, denied); answer.Code != 401 || !strings.Contains(answer.Body.String(), "Magento_Backend::store") {
		t.Errorf("without the permission: %d %s", answer.Code, answer.Body)
	}
}

func TestStrnatcmp_OrdersAsPHP(t *testing.T) {
	ordered := []string{"", "0a", "1.001", "1.002", "1.010", "1.02", "1.1", "1.3", "a", "a1", "a2", "a10", "a10b", "a11", "b%5B2%5D", "b%5B10%5D", "x0", "x01", "x2"}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := strnatcmp(a, b); got != min(max(i-j, -1), 1) {
				t.Errorf("strnatcmp(%q, %q) = %d", a, b, got)
			}
		}
	}
	if strnatcmp("01", "1") != 0 || strnatcmp("x01", "x1") != -1 {
		t.Error("zeros count at the beginning of the text, or do not count further on")
	}
	rapid.Check(t, func(r *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringMatching(`[1-9a%]{1,5}`), 2, 2).Draw(r, "texts")
		padded := make([]string, 2) // natural order by another way
		for i, text := range texts {
			var run string
			for _, c := range text + "\x00" {
				if '0' <= c && c <= '9' {
					run += string(c)
					continue
				}
				if run != "" {
					padded[i] += strings.Repeat("0", 9-len(run)) + run
				}
				padded[i], run = padded[i]+string(c), ""
			}
			padded[i] = strings.TrimSuffix(padded[i], "\x00")
		}
		want := strings.Compare(padded[0], padded[1])
		if got := strnatcmp(texts[0], texts[1]); got != want {
			r.Fatalf("strnatcmp(%q, %q) = %d, not %d", texts[0], texts[1], got, want)
		}
	})
}

func FuzzOAuthHeader(f *testing.F) {
	for _, header := range []string{
		`OAuth oauth_nonce="a", oauth_token="b%20c"`, "OAuth", "oauth  oauth_nonce=a,,=,oauth_x", `OAuth realm="x", oauth_signature="%", oauth_nonce="a=b"`,
		"Bearer x", `OAuth oauth_nonce="ä%C3%A4%"`, "OAuth " + strings.Repeat(",", 50),
	} {
		f.Add(header, "/rest/V1/a%2Fb%", "a=b&c&%5B=%")
	}
	f.Fuzz(func(t *testing.T, header, path, query string) {
		params := oauthHeader(header)
		names := []string{}
		for name := range params {
			names = append(names, name)
			if !strings.HasPrefix(name, "oauth_") {
				t.Errorf("%q is no parameter of OAuth", name)
			}
		}
		if len(names) > 0 && !isOAuth(header) {
			t.Error("parameters of another scheme")
		}
		// Written out again it reads the same.
		slices.Sort(names)
		var parts []string
		for _, name := range names {
			parts = append(parts, rawURLEncode(name)+`="`+rawURLEncode(params[name])+`"`)
		}
		again := oauthHeader("OAuth " + strings.Join(parts, ","))
		for _, name := range names {
			if again[name] != params[name] {
				t.Errorf("%s: %q became %q", name, params[name], again[name])
			}
		}
		if normal := signedPath(path, ":@&=+$,/;"); signedPath(normal, ":@&=+$,/;") != normal {
			t.Errorf("%q is not normal", normal)
		}
		signatureBase("GET", "http://shop/"+path, query, params)
		if rawURLDecode(rawURLEncode(path)) != path {
			t.Errorf("%q does not survive", path)
		}
	})
}
