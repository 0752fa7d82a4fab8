package magento

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// reset closes the connection in the middle of a body.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn, buf, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	fmt.Fprint(buf, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{\"items\"\r\n")
	buf.Flush()
	_ = conn.(*net.TCPConn).SetLinger(0)
	conn.Close()
}

// shortBody sends less than its Content-Length says, of JSON that is whole.
func shortBody(w http.ResponseWriter, _ *http.Request) {
	conn, buf, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	fmt.Fprint(buf, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"items\":[]}")
	buf.Flush()
	conn.Close()
}

// halfGzip ends its stream of chunks as it should, but not the packing.
func halfGzip(w http.ResponseWriter, _ *http.Request) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprint(z, `{"items":[]}`)
	z.Close()
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = w.Write(packed.Bytes()[:packed.Len()-6])
}

func TestGet_CallsABrokenConnectionTransport(t *testing.T) {
	for name, fault := range map[string]http.HandlerFunc{
		"reset": reset, "short body": shortBody, "half a gzip stream": halfGzip,
		"no gzip at all": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			fmt.Fprint(w, `{"items":[]}`)
		},
		"an unknown encoding": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "br")
			fmt.Fprint(w, `{}`)
		},
		"closed before a byte": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			conn.Close()
		},
	} {
		shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/orders": fault})
		e := mustFail(t, newTestClient(t, shop.URL), "orders")
		if e.Kind != Transport || !e.Retryable() || e.Attempts != 6 {
			t.Errorf("%s: got kind %s after %d attempts: %v", name, e.Kind, e.Attempts, e)
		}
	}
}

func TestGet_CallsAShopWithoutAConnectionUnreachable(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	e := mustFail(t, newTestClient(t, gone.URL), "orders")
	if e.Kind != Unreachable || e.Attempts != 1+maxDials || !strings.Contains(e.Hint(), "magento.store_url") {
		t.Errorf("refused: got kind %s after %d attempts: %v", e.Kind, e.Attempts, e)
	}
	secure := httptest.NewUnstartedServer(nil)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of a handshake that fails as it should
	secure.StartTLS()
	defer secure.Close()
	e = mustFail(t, newTestClient(t, secure.URL), "orders")
	if e.Kind != Unreachable || e.Attempts != 1 || e.Retryable() {
		t.Errorf("unknown certificate: got kind %s after %d attempts: %v", e.Kind, e.Attempts, e)
	}
	plain := newFakeShop(t, nil)
	e = mustFail(t, newTestClient(t, strings.Replace(plain.URL, "http:", "https:", 1)), "orders")
	if e.Kind != Unreachable || e.Attempts != 1 {
		t.Errorf("no TLS there: got kind %s after %d attempts: %v", e.Kind, e.Attempts, e)
	}
	c := newTestClient(t, "https://shop.example", func(cfg *Config) {
		cfg.Transport = trip(func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "shop.example", IsNotFound: true}}
		})
	})
	if e = mustFail(t, c, "orders"); e.Kind != Unreachable || !strings.Contains(e.Message, "no such host") {
		t.Errorf("no such name: got %v", e)
	}
}

func TestGet_RefusesABodyThatIsTooLarge(t *testing.T) {
	shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/orders": says(200, `"`+strings.Repeat("x", 100)+`"`)})
	e := mustFail(t, newTestClient(t, shop.URL, func(cfg *Config) { cfg.MaxBody = 101 }), "orders")
	if e.Kind != TooLarge || e.Attempts != 1 {
		t.Errorf("got %v", e)
	}
	if _, err := newTestClient(t, shop.URL, func(cfg *Config) { cfg.MaxBody = 102 }).Get(context.Background(), "orders", nil); err != nil {
		t.Error(err)
	}
}

// trip answers without a network, so that time can be a bubble's.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(r *http.Request, status int, header http.Header, body io.Reader) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(body), Request: r}
}

// trickle gives a byte every pause, and nothing more when it has none left.
type trickle struct {
	ctx   context.Context
	pause time.Duration
	left  int
}

func (r *trickle) Read(p []byte) (int, error) {
	pause := r.pause
	if r.left == 0 {
		pause = 1000 * time.Hour
	}
	select {
	case <-time.After(pause):
	case <-r.ctx.Done():
		return 0, r.ctx.Err()
	}
	r.left--
	p[0] = ' '
	return 1, nil
}

func TestGet_GivesUpOnABodyThatStalls(t *testing.T) {
	for name, test := range map[string]struct {
		body func(context.Context) io.Reader
		took time.Duration
		say  string
	}{
		"silent after ten bytes": {func(ctx context.Context) io.Reader { return &trickle{ctx, 30 * time.Second, 10} }, 360 * time.Second, "sent nothing for 1m0s (magento.stall_timeout)"},
		"a byte for ever":        {func(ctx context.Context) io.Reader { return &trickle{ctx, 30 * time.Second, 1 << 30} }, 10 * time.Minute, "took longer than 10m0s (magento.answer_timeout)"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newTestClient(t, "https://shop.example", func(cfg *Config) {
					cfg.StallTimeout, cfg.Timeout, cfg.Retries = time.Minute, 10*time.Minute, -1
					cfg.Transport = trip(func(r *http.Request) (*http.Response, error) { return reply(r, 200, nil, test.body(r.Context())), nil })
				})
				start := time.Now()
				e := mustFail(t, c, "orders")
				if e.Kind != Stalled || e.Message != test.say || !e.Retryable() {
					t.Errorf("got kind %s: %v", e.Kind, e)
				}
				if took := time.Since(start); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
			})
		})
	}
}

func TestGet_GivesUpOnAShopThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newTestClient(t, "https://shop.example", func(cfg *Config) {
			cfg.Retries = -1
			cfg.Transport = trip(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
		})
		start := time.Now()
		if e := mustFail(t, c, "orders"); e.Kind != Stalled || time.Since(start) != 2*time.Minute {
			t.Errorf("got %v after %v", e, time.Since(start))
		}
	})
}

func TestGet_FollowsRedirectsOnlyToTheSameShop(t *testing.T) {
	for _, test := range []struct {
		name, to string
		follow   bool
	}{
		{"to TLS", "https://shop.example/rest/V1/orders", true},
		{"to TLS with its port", "https://shop.example:443/rest/V1/orders", true},
		{"to another path", "/index.php/rest/V1/orders", true},
		{"to www", "https://www.shop.example/rest/V1/orders", false},
		{"to a stranger", "https://evil.example/rest/V1/orders", false},
		{"to another port", "http://shop.example:8080/rest/V1/orders", false},
		{"with a user name", "https://me@shop.example/rest/V1/orders", false},
		{"to nowhere", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var sent []string
			c := newTestClient(t, "http://shop.example", func(cfg *Config) {
				cfg.Transport = trip(func(r *http.Request) (*http.Response, error) {
					sent = append(sent, r.URL.String())
					if len(sent) == 1 {
						return reply(r, 302, http.Header{"Location": {test.to}}, strings.NewReader("")), nil
					}
					if r.Header.Get("Authorization") == "" {
						t.Error("the second request is not signed")
					}
					return reply(r, 200, nil, strings.NewReader("{}")), nil
				})
			})
			_, err := c.Get(context.Background(), "orders", nil)
			if test.follow {
				if err != nil || len(sent) != 2 {
					t.Errorf("got %v after %v", err, sent)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Kind != Redirected || len(sent) != 1 || e.Retryable() {
				t.Errorf("got %v after %v", err, sent)
			}
		})
	}
}

func TestGet_NeverGoesFromTLSToPlain(t *testing.T) {
	c := newTestClient(t, "https://shop.example", func(cfg *Config) {
		cfg.Transport = trip(func(r *http.Request) (*http.Response, error) {
			return reply(r, 301, http.Header{"Location": {"http://shop.example/rest/V1/orders"}}, strings.NewReader("")), nil
		})
	})
	e := mustFail(t, c, "orders")
	if e.Kind != Redirected || !strings.Contains(e.Message, "http://shop.example") {
		t.Errorf("got %v", e)
	}
}

func TestGet_LeavesACircleOfRedirects(t *testing.T) {
	shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/orders": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/rest/V1/orders", http.StatusFound)
	}})
	e := mustFail(t, newTestClient(t, shop.URL), "orders")
	if e.Kind != Redirected || shop.count() != 1+maxRedirects {
		t.Errorf("got %v after %d requests", e, shop.count())
	}
}
