package magento

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// cloudflare, sucuri and apache404 are pages cut down to what tells them.
const (
	cloudflare = `<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head><body><h1>Sorry, you have been blocked</h1></body></html>`
	sucuri     = `<html><title>You are being redirected...</title><noscript>Javascript is required.</noscript><script>var s={},sucuri_cloudproxy_js='';</script></html>`
	apache404  = `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN"><html><head><title>404 Not Found</title></head><body><h1>Not Found</h1></body></html>`
	errorPage  = `<!doctype html><html><head><title>There has been an error processing your request</title></head><body><p>Error log record number: <b>a1b2c3</b></p></body></html>`
	storefront = `<!doctype html><html><head><title>Home</title><script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script><script>captcha()</script></head><body>Bags</body></html>`
	notAllowed = `{"message":"The consumer isn't authorized to access %resources.","parameters":{"resources":"Magento_Sales::actions_view"}}`
	noSuchSKU  = `{"message":"The Product with the \"%1\" SKU doesn't exist.","parameters":["A%1B"]}`
	reported   = `{"message":"Internal Error. Details are available in Magento log file. Report ID: webapi-6b04f0"}`
)

func TestGet_SaysWhatWentWrong(t *testing.T) {
	for _, test := range []struct {
		name    string
		answer  http.HandlerFunc
		want    Error // Kind, Status, Message, Resource, ReportID, Max
		sent    int   // attempts, with five retries allowed
		hint    string
		message string // part of it, where it is not given in want
	}{
		{name: "unknown store code", answer: says(400, `{"message":"Specified request cannot be processed."}`),
			want: Error{Kind: UnknownStoreCode, Status: 400, Message: "Specified request cannot be processed."}, sent: 1, hint: "magento.store_code"},
		{name: "page size limit", answer: says(400, `{"message":"Maximum SearchCriteria pageSize is %max","parameters":{"max":300}}`),
			want: Error{Kind: PageSizeLimit, Status: 400, Message: "Maximum SearchCriteria pageSize is 300", Max: 300}, sent: 1, hint: "magento.page_size (and source_items_page_size) to 300"},
		{name: "missing field", answer: says(400, `{"message":"\"%fieldName\" is required. Enter and try again.","parameters":{"fieldName":"searchCriteria"}}`),
			want: Error{Kind: BadRequest, Status: 400, Message: `"searchCriteria" is required. Enter and try again.`}, sent: 1},
		{name: "errors in a list", answer: says(400, `{"message":"Two things","errors":[{"message":"%1 is bad","parameters":["a"]},{"message":"%x too","parameters":{"x":2}}]}`),
			want: Error{Kind: BadRequest, Status: 400, Message: "Two things %1 is bad 2 too"}, sent: 1},
		{name: "no route", answer: says(404, `{"message":"Request does not match any route."}`),
			want: Error{Kind: NoRoute, Status: 404, Message: "Request does not match any route."}, sent: 1, hint: "too old"},
		{name: "no product, whose SKU looks like a parameter", answer: says(404, noSuchSKU),
			want: Error{Kind: NotFound, Status: 404, Message: `The Product with the "A%1B" SKU doesn't exist.`}, sent: 1},
		{name: "Apache's 404", answer: shows(404, apache404),
			want: Error{Kind: HTMLNotFound, Status: 404, Message: "404 Not Found"}, sent: 1, hint: "not Magento"},
		{name: "a 404 of nothing", answer: says(404, ""),
			want: Error{Kind: HTMLNotFound, Status: 404, Message: "Not Found"}, sent: 1},
		{name: "Cloudflare's 403", answer: shows(403, cloudflare), want: Error{Kind: Firewall, Status: 403}, sent: 1, message: "Cloudflare refused", hint: "/rest/*"},
		{name: "Sucuri with 200", answer: shows(200, sucuri), want: Error{Kind: Firewall, Status: 200}, sent: 1, message: "Sucuri answered", hint: "/rest/*"},
		{name: "an unknown firewall with 200", answer: shows(200, `<html><body>Access denied by our firewall</body></html>`),
			want: Error{Kind: Firewall, Status: 200}, sent: 1, message: "a firewall"},
		{name: "Cloudflare's challenge with 503", answer: shows(503, `<html><script>window._cf_chl_opt={}</script></html>`), want: Error{Kind: Firewall, Status: 503}, sent: 1, message: "Cloudflare"},
		{name: "a challenge told in a header", answer: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("cf-mitigated", "challenge")
			shows(403, "x")(w, r)
		}, want: Error{Kind: Firewall, Status: 403}, sent: 1, message: "Cloudflare"},
		{name: "a web server's 403 in plain text", answer: func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "Forbidden", http.StatusForbidden) },
			want: Error{Kind: Firewall, Status: 403, Message: "a firewall or the web server refused the request: Forbidden"}, sent: 1},
		{name: "a 403 with a permission", answer: says(403, notAllowed),
			want: Error{Kind: Forbidden, Status: 403, Message: "The consumer isn't authorized to access Magento_Sales::actions_view.", Resource: "Magento_Sales::actions_view"}, sent: 1, hint: "Magento_Sales::actions_view"},
		{name: "method not allowed", answer: says(405, ""), want: Error{Kind: BadRequest, Status: 405, Message: "Method Not Allowed"}, sent: 1},
		{name: "too many requests", answer: says(429, ""), want: Error{Kind: RateLimited, Status: 429, Message: "Too Many Requests"}, sent: 6, hint: "magento.requests_per_second"},
		{name: "maintenance", answer: shows(503, `<html><title>503</title><body>Service Temporarily Unavailable</body></html>`),
			want: Error{Kind: Maintenance, Status: 503, Message: "503"}, sent: 6},
		{name: "a broken record", answer: says(500, reported),
			want: Error{Kind: ServerError, Status: 500, Message: "Internal Error. Details are available in Magento log file. Report ID: webapi-6b04f0", ReportID: "webapi-6b04f0"}, sent: 4, hint: "var/log"},
		{name: "a 500 in plain text", answer: func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "An error has happened during application run. See exception log for details.", 500)
		}, want: Error{Kind: ServerError, Status: 500, Message: "An error has happened during application run. See exception log for details."}, sent: 4},
		{name: "a 500 as a page", answer: shows(500, errorPage), want: Error{Kind: ServerError, Status: 500, ReportID: "a1b2c3"}, sent: 4, message: "There has been an error"},
		{name: "bad gateway", answer: shows(502, `<html><title>502 Bad Gateway</title></html>`), want: Error{Kind: Gateway, Status: 502}, sent: 6, message: "502 Bad Gateway"},
		{name: "Cloudflare's page about a shop that is down", answer: shows(504, cloudflare), want: Error{Kind: Gateway, Status: 504}, sent: 6, message: "Cloudflare"},
		{name: "Cloudflare's own 5xx", answer: says(522, ""), want: Error{Kind: Gateway, Status: 522, Message: "no message"}, sent: 6},
		{name: "half a document", answer: says(200, `{"items":[{"id":1},{"i`), want: Error{Kind: BadJSON, Status: 200}, sent: 6, message: "cut short"},
		{name: "nothing", answer: says(200, ""), want: Error{Kind: BadJSON, Status: 200, Message: "the answer is empty"}, sent: 6},
		{name: "the storefront", answer: shows(200, storefront), want: Error{Kind: BadJSON, Status: 200, Message: "HTML instead of JSON: Home"}, sent: 6, hint: "magento.store_url"},
		{name: "a message as a success", answer: says(200, `{"message":"No such entity with %fieldName","parameters":{"fieldName":"id"}}`),
			want: Error{Kind: MessageOnly, Status: 200, Message: "No such entity with id"}, sent: 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/orders": test.answer})
			e := mustFail(t, newTestClient(t, shop.URL), "orders")
			if test.message != "" {
				if !strings.Contains(e.Message, test.message) {
					t.Errorf("message %q: does not say %q", e.Message, test.message)
				}
				test.want.Message = e.Message
			}
			got := Error{Kind: e.Kind, Status: e.Status, Message: e.Message, Resource: e.Resource, ReportID: e.ReportID, Max: e.Max}
			if got != test.want {
				t.Errorf("got %+v\nwant %+v", got, test.want)
			}
			if e.Attempts != test.sent || shop.count() != test.sent {
				t.Errorf("%d attempts told, %d requests; want %d", e.Attempts, shop.count(), test.sent)
			}
			if e.Retryable() != (test.sent > 1) {
				t.Errorf("Retryable is %v after %d attempts", e.Retryable(), test.sent)
			}
			if !strings.Contains(e.Hint(), test.hint) {
				t.Errorf("hint %q: does not say %q", e.Hint(), test.hint)
			}
			for _, part := range []string{"GET orders", strconv.Itoa(e.Status), e.Message, e.Hint()} {
				if !strings.Contains(e.Error(), part) {
					t.Errorf("%q: does not say %q", e, part)
				}
			}
		})
	}
}

func TestGet_SucceedsAfterPassingFaults(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"429": says(429, ""), "500": says(500, reported), "502": shows(502, ""), "503": shows(503, ""), "504": says(504, ""),
		"half a document": says(200, `{"a`), "a page": shows(200, storefront), "a message": says(200, `{"message":"x"}`),
		"reset": reset, "short body": shortBody, "half a gzip stream": halfGzip,
	} {
		shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/orders": answers(fault, fault, says(200, `{"items":[]}`))})
		got, err := newTestClient(t, shop.URL).Get(context.Background(), "orders", nil)
		if err != nil || string(got.Body) != `{"items":[]}` || got.Attempts != 3 {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestGet_TellsAMissingPermissionFromABadToken(t *testing.T) {
	for name, test := range map[string]struct {
		modules   http.HandlerFunc
		kind      Kind
		hint, say string
	}{
		"the token works":  {says(200, `["Magento_Store"]`), Forbidden, "give its integration the permission Magento_Sales::actions_view", "authorized"},
		"the token is bad": {says(401, strings.ReplaceAll(notAllowed, "Sales::actions_view", "Backend::admin")), Unauthorized, "check magento.access_token", "not a permission"},
		"nobody knows":     {says(500, `{}`), Unauthorized, "alike", "authorized"},
	} {
		shop := newFakeShop(t, map[string]http.HandlerFunc{
			"GET /rest/V1/orders": says(401, notAllowed), "GET /rest/V1/modules": test.modules, "GET /rest/V1/products": says(401, notAllowed),
		})
		c := newTestClient(t, shop.URL)
		e := mustFail(t, c, "orders")
		if e.Kind != test.kind || !strings.Contains(e.Hint(), test.hint) || !strings.Contains(e.Message, test.say) || e.Retryable() {
			t.Errorf("%s: got kind %s, %q", name, e.Kind, e)
		}
		mustFail(t, c, "products")
		if shop.count() != 3 {
			t.Errorf("%s: %d requests, want 2 and one for the modules", name, shop.count())
		}
	}
}

func TestGet_KnowsAPasswordOfTheWebServer(t *testing.T) {
	shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/orders": shows(401, "<html>Authorization Required</html>")})
	e := mustFail(t, newTestClient(t, shop.URL), "orders")
	if e.Kind != Unauthorized || !strings.Contains(e.Hint(), "password of its own") {
		t.Errorf("got %v", e)
	}
}

func TestError_EveryKindHasAPolicy(t *testing.T) {
	retried := map[Kind]bool{RateLimited: true, Maintenance: true, ServerError: true, Gateway: true, Transport: true, Stalled: true, Unreachable: true, BadJSON: true, MessageOnly: true}
	for _, k := range []Kind{
		Unauthorized, Forbidden, UnknownStoreCode, PageSizeLimit, BadRequest, NoRoute, NotFound, HTMLNotFound, Firewall, RateLimited, Maintenance,
		ServerError, Gateway, Transport, Stalled, Unreachable, BadJSON, MessageOnly, BadShape, NotInOrder, Redirected, TooLarge,
	} {
		e := &Error{Kind: k}
		if e.Retryable() != retried[k] {
			t.Errorf("%s: Retryable is %v", k, e.Retryable())
		}
		switch k {
		case BadRequest: // the message says all there is
		default:
			if e.Hint() == "" {
				t.Errorf("%s: no hint", k)
			}
		}
	}
}

func TestParseMessage_FillsTheLongestNameFirst(t *testing.T) {
	got := parseMessage([]byte(`{"message":"%1 %10 %11 %fieldName %field %none","parameters":{"1":7,"10":10,"field":"a_b","fieldName":true}}`))
	if want := "7 10 71 true a_b %none"; got.text != want {
		t.Errorf("got %q, want %q", got.text, want)
	}
}

func FuzzParseMessage(f *testing.F) {
	for _, seed := range []string{notAllowed, noSuchSKU, reported, "", "[]", `{"message":"%1","parameters":null}`, `{"message":5}`, `{"message":"%","parameters":{"":"x"}}`} {
		f.Add([]byte(seed), 404)
	}
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		e := classify(status, http.Header{}, body, func(s string) string { return s })
		if e == nil {
			if status/100 != 2 {
				t.Fatalf("status %d: no error", status)
			}
			return
		}
		if e.Kind == "" || e.Message == "" && status/100 != 2 {
			t.Fatalf("an error without kind or message: %+v", e)
		}
		if n := len([]rune(e.Message)); n > 2*maxMessage {
			t.Fatalf("a message of %d characters", n)
		}
		if strings.ContainsAny(e.Message, "\n\r\x00") {
			t.Fatalf("a message of several lines: %q", e.Message)
		}
	})
}

func TestError_IsFoundThroughWrapping(t *testing.T) {
	err := errors.Join(errors.New("read orders page 12"), &Error{Kind: Gateway})
	var e *Error
	if !errors.As(err, &e) || e.Kind != Gateway {
		t.Error("not found")
	}
}
