package optiply_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
)

// outcome is what a caller decides by.
type outcome struct {
	kind                      optiply.Kind
	unknown, retryable, fatal bool
}

func outcomeOf(e *optiply.Error) outcome {
	return outcome{e.Kind, e.Unknown(), e.Retryable(), e.Fatal()}
}

// writes calls each of the three writes.
func writes(ctx context.Context, c *optiply.Client, id string) map[string]error {
	_, create := c.Create(ctx, optiply.Products, raw(oakStool))
	_, update := c.Update(ctx, optiply.Products, id, raw(`{"stockLevel":3}`))
	return map[string]error{"POST": create, "PATCH": update, "DELETE": c.Delete(ctx, optiply.Products, id)}
}

func TestWrites_TellWhatAnAnswerMeans(t *testing.T) {
	for status, want := range map[int]outcome{
		400: {kind: optiply.Rejected},
		403: {kind: optiply.Forbidden, fatal: true},
		404: {kind: optiply.NotFound},
		405: {kind: optiply.Rejected},
		408: {kind: optiply.Unavailable, unknown: true, retryable: true},
		409: {kind: optiply.Rejected},
		415: {kind: optiply.Rejected},
		422: {kind: optiply.Rejected},
		429: {kind: optiply.Throttled, retryable: true},
		500: {kind: optiply.Unavailable, retryable: true},
		502: {kind: optiply.Unavailable, unknown: true, retryable: true},
		503: {kind: optiply.Unavailable, unknown: true, retryable: true},
		504: {kind: optiply.Unavailable, unknown: true, retryable: true},
		302: {kind: optiply.Misdirected, fatal: true},
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel() // Retry-After holds the next write for a second
			a := open(t, sandbox.Options{}, nil)
			a.sandbox.AddFault(sandbox.Fault{Times: -1, Effect: sandbox.Answer, Status: status, Message: "told so", RetryAfter: time.Second})
			for method, err := range writes(t.Context(), a.Client, "20000001") {
				e := asError(t, err)
				if got := outcomeOf(e); got != want || e.Status != status || e.RetryAfter != time.Second || e.Method != method || !e.Sent {
					t.Errorf("%s: %+v, status %d, retry after %v, want %+v", method, got, e.Status, e.RetryAfter, want)
				}
				if !strings.Contains(err.Error(), "told so") {
					t.Errorf("%s: the server's words are lost: %v", method, err)
				}
			}
			if n := len(a.sandbox.Requests()); n != 4 { // a token, and one attempt each
				t.Errorf("%d requests", n)
			}
		})
	}
}

func TestWrites_AreUnknownWhenTheConnectionBreaks(t *testing.T) {
	for effect, applied := range map[sandbox.Effect]bool{
		sandbox.ResetBefore: false, sandbox.ResetAfter: true, sandbox.HangAfter: true, sandbox.TruncateAfter: true,
	} {
		t.Run(string(effect), func(t *testing.T) {
			a := open(t, sandbox.Options{}, func(c *optiply.Config) { c.Timeout = 150 * time.Millisecond })
			if err := a.Authenticate(t.Context()); err != nil {
				t.Fatal(err)
			}
			a.sandbox.AddFault(sandbox.Fault{Effect: effect})
			_, err := a.Create(t.Context(), optiply.Products, raw(oakStool))
			if got, want := outcomeOf(asError(t, err)), (outcome{kind: optiply.Transport, unknown: true, retryable: true}); got != want {
				t.Errorf("%+v: %v", got, err)
			}
			if got := len(a.sandbox.Products()) == 1; got != applied {
				t.Errorf("applied: %v", got)
			}
			if n := len(a.sandbox.Requests()); n != 2 {
				t.Errorf("%d requests: a create was repeated", n)
			}
		})
	}
}

func TestWrites_AreUnknownWhenAGatewayLosesTheServer(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	a.sandbox.AddFault(sandbox.Fault{Effect: sandbox.AnswerAfter, Status: http.StatusGatewayTimeout})
	_, err := a.Create(t.Context(), optiply.Products, raw(oakStool))
	if e := asError(t, err); !e.Unknown() || len(a.sandbox.Products()) != 1 {
		t.Errorf("unknown %v, %d products", e.Unknown(), len(a.sandbox.Products()))
	}
}

func TestWrites_AreNotUnknownWhenNothingLeft(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := "http://" + closed.Addr().String()
	closed.Close()
	down := errors.New("network is down")

	for name, change := range map[string]func(*optiply.Config){
		"connection refused": func(c *optiply.Config) { c.BaseURL = refused + "/v1" },
		"no such host":       func(c *optiply.Config) { c.BaseURL = "http://no-such-host.invalid/v1" },
		"not tls":            func(c *optiply.Config) { c.BaseURL = strings.Replace(c.BaseURL, "http:", "https:", 1) },
		"no trace, dialling": func(c *optiply.Config) {
			c.Transport = only{c.DashboardURL, &net.OpError{Op: "dial", Err: down}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := open(t, sandbox.Options{}, change)
			for method, err := range writes(t.Context(), a.Client, "20000001") {
				if got, want := outcomeOf(asError(t, err)), (outcome{kind: optiply.Transport, retryable: true}); got != want {
					t.Errorf("%s: %+v: %v", method, got, err)
				}
			}
		})
	}
	t.Run("no trace, anything else", func(t *testing.T) {
		a := open(t, sandbox.Options{}, func(c *optiply.Config) { c.Transport = only{c.DashboardURL, down} })
		_, err := a.Create(t.Context(), optiply.Products, raw(oakStool))
		if !asError(t, err).Unknown() {
			t.Error("a transport that says nothing about connections may have sent the request")
		}
	})
}

// only lets token requests through.
type only struct {
	prefix string
	err    error
}

func (o only) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.String(), o.prefix) {
		return http.DefaultTransport.RoundTrip(r)
	}
	return nil, o.err
}

func TestWrites_TellACancelledRequestApart(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	if err := a.Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := a.Create(before, optiply.Products, raw(oakStool))
	if e := asError(t, err); e.Unknown() || e.Retryable() || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %+v", e)
	}

	a.sandbox.AddFault(sandbox.Fault{Effect: sandbox.HangAfter})
	during, stop := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer stop()
	_, err = a.Create(during, optiply.Products, raw(oakStool))
	if e := asError(t, err); !e.Unknown() || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled while it was away: %+v", e)
	}
}

func TestWrites_AreUnknownWhenTheAnswerCannotBeUsed(t *testing.T) {
	for name, body := range map[string]string{
		"empty": "", "null": "null", "no json": "OK", "html": "<html></html>", "no data": "{}", "no id": `{"data":{"type":"products"}}`,
		"empty id": `{"data":{"id":""}}`, "null id": `{"data":{"id":null}}`, "a list": `{"data":[]}`, "cut": `{"data":{"id":"1`,
		"odd attributes": `{"data":{"id":"1","attributes":[]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, text(http.StatusCreated, body))
			_, err := c.Create(t.Context(), optiply.Products, raw(oakStool))
			if e := asError(t, err); e.Kind != optiply.Transport || !e.Unknown() || e.Status != http.StatusCreated {
				t.Errorf("%+v", e)
			}
		})
	}
	t.Run("another id", func(t *testing.T) {
		c := serve(t, text(http.StatusOK, `{"data":{"id":"8"}}`))
		_, err := c.Update(t.Context(), optiply.Products, "7", raw(`{}`))
		if !asError(t, err).Unknown() {
			t.Error(err)
		}
	})
}

func TestUpdate_AcceptsAnAnswerWithoutContent(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	r, err := c.Update(t.Context(), optiply.Products, "7", raw(`{}`))
	if r = must(t, r, err); r.ID != "7" {
		t.Errorf("%+v", r)
	}
}

func TestErrors_ReadTheServersWords(t *testing.T) {
	long := strings.Repeat("x", 1000)
	for body, want := range map[string]string{
		`{"errors":[{"title":"t","detail":"d","message":"m","meta":{"message":"mm"}}]}`: "POST products: 400: mm",
		`{"errors":[{"detail":"d","message":"m"},{"message":"m2"}]}`:                    "POST products: 400: d; m2",
		`{"message":"top","error":"e"}`:                                                 "POST products: 400: top",
		`{"error":"e","error_description":"why"}`:                                       "POST products: 400: e; why",
		`{"errors":[]}`:             "POST products: 400 Bad Request",
		``:                          "POST products: 400 Bad Request",
		`null`:                      "POST products: 400 Bad Request",
		"\x00 broken\n\x1b[31mred ": "POST products: 400: broken [31mred",
		`<!DOCTYPE html><html><TITLE>Gone
			fishing</TITLE>`: `POST products: 400: a web page titled "Gone fishing"`,
		`{"message":"` + long + `"}`:                      "POST products: 400: " + long[:300] + "...",
		`{"message":"your token is ` + secretToken + `"}`: "POST products: 400: your token is ***",
		`{"message":"p4ss-word, s3cret-client"}`:          "POST products: 400: ***, ***",
	} {
		c := serve(t, text(http.StatusBadRequest, body))
		_, err := c.Create(t.Context(), optiply.Products, raw(oakStool))
		if err == nil || err.Error() != want {
			t.Errorf("body %.40q\n got %v\nwant %s", body, err, want)
		}
	}
}

func TestErrors_AWebPageIsNotAMissingProduct(t *testing.T) {
	c := serve(t, text(http.StatusNotFound, "<html><title>404 Not Found</title></html>"))
	_, err := c.Update(t.Context(), optiply.Products, "7", raw(`{}`))
	if e := asError(t, err); e.Kind != optiply.Misdirected || !strings.Contains(err.Error(), "optiply.base_url") {
		t.Error(err)
	}
}

func TestErrors_ReadRetryAfterAsADate(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusTooManyRequests)
	})
	_, err := c.Create(t.Context(), optiply.Products, raw(oakStool))
	if e := asError(t, err); e.RetryAfter < 59*time.Minute || e.RetryAfter > time.Hour {
		t.Errorf("retry after %v", e.RetryAfter)
	}
}
