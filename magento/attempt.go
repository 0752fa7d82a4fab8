package magento

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"magento-optiply/politeness"
)

// maxRedirects bounds how many redirects on the same host are followed.
const maxRedirects = 3

// call is one request with all its attempts.
type call struct {
	client    *Client
	path      string
	storeCode string
	url       *url.URL
	keep      func(body []byte) (kept []byte, ok bool) // of GetKept; may be nil
	sent      int                                      // attempts that left
	answer    *Response                                // of the one that succeeded
	login     bool                                     // the last error is of signing in
}

// attempt sends the request once, as a rule. It sends it again at once where
// that is no retry: after a redirect on the same host, and after a 401 that a
// new token or signature may answer (DESIGN 6.5).
func (c *call) attempt(ctx context.Context) error {
	target, redirects, tried := c.url, 0, &trial{}
	for {
		var req *http.Request
		traced := onReplay(ctx, func() { c.resign(ctx, req, tried) })
		req, err := c.client.newRequest(traced, http.MethodGet, target, nil)
		if err != nil {
			return err
		}
		c.login = false
		if err := c.client.cfg.Auth.sign(ctx, c.client, req, tried); err != nil {
			c.login = true
			return err
		}
		c.sent++
		got, err := c.client.send(traced, req, c.path, c.storeCode, c.sent, c.keep)
		if err == nil {
			c.client.cfg.Auth.accepted(tried)
			got.Attempts = c.sent
			c.answer = got
			return nil
		}
		var e *Error
		if !errors.As(err, &e) {
			return err
		}
		switch {
		case e.Kind == Redirected && got != nil && redirects < maxRedirects:
			if target = sameShop(target, got.Header.Get("Location")); target == nil {
				return err
			}
			redirects++
		case e.Kind == Unauthorized && got != nil && c.client.cfg.Auth.refused(c.client, req, e, got.Header, tried):
		default:
			return err
		}
	}
}

// onReplay calls f before net/http sends a request another time by itself: it does so with a GET when a connection that was
// kept turns out to be dead.
func onReplay(ctx context.Context, f func()) context.Context {
	sent := false
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) {
		if sent {
			f()
		}
		sent = true
	}})
}

// resign signs a request that is sent another time anew, since a shop refuses a nonce that it has seen.
func (c *call) resign(ctx context.Context, req *http.Request, t *trial) {
	if auth, ok := c.client.cfg.Auth.(*oauth); ok {
		c.sent++
		_ = auth.sign(ctx, c.client, req, t) // it went well before
	}
}

func (c *Client) newRequest(ctx context.Context, method string, u *url.URL, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.URL = u // as it is, where parsing its text might differ
	if body == nil {
		req.Body, req.GetBody = nil, nil
	}
	// Magento answers 500 with HTML to an Accept without JSON in it.
	req.Header.Set("Accept", "application/json")
	// Asked for by hand so that a gzip stream that is cut is seen to be.
	req.Header.Set("Accept-Encoding", "gzip")
	req.Header.Set("User-Agent", c.cfg.UserAgent)
	if len(c.cfg.Cookies) > 0 {
		req.Header.Set("Cookie", cookieHeader(c.cfg.Cookies))
	}
	return req, nil
}

func cookieHeader(cookies map[string]string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(cookies)) {
		pairs = append(pairs, name+"="+cookies[name])
	}
	return strings.Join(pairs, "; ")
}

func checkCookies(cookies map[string]string) error {
	for name, value := range cookies {
		if name == "" || strings.ContainsAny(name+value, ";\r\n\x00") || strings.ContainsAny(name, "= ") {
			return fmt.Errorf("magento: custom_cookies: %q is no cookie", name)
		}
	}
	return nil
}

// send is one request over the wire. A failed one returns, beside its *Error,
// what is known of the answer, if there was one.
func (c *Client) send(ctx context.Context, req *http.Request, path, storeCode string, attempt int, keep func([]byte) ([]byte, bool)) (*Response, error) {
	turn, waited, err := c.gate.Enter(ctx, classOf(path, req.URL))
	if err != nil {
		return nil, ended(ctx)
	}
	start := time.Now()
	got, status, err := c.exchange(ctx, req, keep)
	info := RequestInfo{Endpoint: endpointName(path), StoreCode: storeCode, Status: status, Duration: time.Since(start), Waited: waited, Attempt: attempt}
	var e *Error
	if errors.As(err, &e) {
		e.Method, e.Path, e.Attempts = req.Method, path, attempt
		info.Kind = e.Kind
	}
	if got != nil {
		got.Duration = info.Duration
		info.Bytes, info.Date = got.Bytes, got.Date
	}
	told, after := outcomeOf(status, err)
	c.gate.Leave(politeness.Result{Ticket: turn, Latency: info.Duration, Outcome: told, RetryAfter: after})
	c.cfg.OnRequest(info)
	return got, err
}

// errStalled and errTooSlow cancel an attempt.
var (
	errStalled = errors.New("stalled")
	errTooSlow = errors.New("too slow")
)

// exchange sends and reads. status is 0 without an answer.
func (c *Client) exchange(parent context.Context, req *http.Request, keep func([]byte) ([]byte, bool)) (_ *Response, status int, _ error) {
	ctx, cancel := inFlight(parent)
	defer cancel(nil)
	watch := time.AfterFunc(c.cfg.StallTimeout, func() { cancel(errStalled) })
	defer watch.Stop()
	limit := time.AfterFunc(c.cfg.Timeout, func() { cancel(errTooSlow) })
	defer limit.Stop()

	res, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return nil, 0, c.broken(parent, ctx, err, 0)
	}
	defer res.Body.Close()
	watch.Reset(c.cfg.StallTimeout)
	wire := &counter{r: res.Body, watch: watch, stall: c.cfg.StallTimeout}
	body, err := c.readBody(res.Header, wire)
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) // of a shop's PHP file saved with a mark
	got := &Response{Body: body, Header: res.Header, Bytes: wire.n}
	got.Date, _ = http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return got, res.StatusCode, c.broken(parent, ctx, err, res.StatusCode)
	}
	if res.StatusCode/100 == 3 {
		return got, res.StatusCode, c.redirected(req.URL, res)
	}
	if keep != nil && res.StatusCode/100 == 2 {
		if kept, ok := keep(body); ok {
			if kept != nil {
				got.Body = kept
				c.bodies.giveBack(body)
			}
			return got, res.StatusCode, nil
		}
	}
	if e := classify(res.StatusCode, res.Header, body, c.clean); e != nil {
		e.RetryAfter = parseRetryAfter(res.Header.Get("Retry-After"), c.cfg.Now())
		return got, res.StatusCode, e
	}
	return got, res.StatusCode, nil
}

// counter counts what comes over the wire, and winds up the watch at each byte.
type counter struct {
	r     io.Reader
	n     int64
	watch *time.Timer
	stall time.Duration
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if n > 0 {
		c.n += int64(n)
		c.watch.Reset(c.stall)
	}
	return n, err
}

// newUnpackers keeps readers of gzip for the next answer: each has buffers of 50 kB.
func newUnpackers() *sync.Pool {
	return &sync.Pool{New: func() any { return new(gzip.Reader) }}
}

// errTooLarge is a body of more than Config.MaxBody bytes.
var errTooLarge = errors.New("too large")

// readBody reads to the end and unpacks. Magento packs only what asked for it.
func (c *Client) readBody(header http.Header, wire io.Reader) ([]byte, error) {
	r, limit := wire, c.cfg.MaxBody
	switch encoding := strings.ToLower(header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip", "x-gzip":
		unpacked := c.unpackers.Get().(*gzip.Reader)
		defer c.unpackers.Put(unpacked)
		err := unpacked.Reset(wire)
		if errors.Is(err, io.EOF) {
			return nil, nil // an empty body needs no packing
		}
		if err != nil {
			return nil, fmt.Errorf("unpack: %w", err)
		}
		r = unpacked
	default:
		return nil, fmt.Errorf("packed as %.20q, which was not asked for", encoding)
	}
	room := c.bodies.take()
	_, err := room.ReadFrom(io.LimitReader(r, limit+1))
	body := room.Bytes()
	if err != nil {
		return body, err
	}
	if int64(len(body)) > limit {
		return nil, errTooLarge
	}
	return body, nil
}

// sameShop is where a redirect leads if the credentials may go there: the same
// host and port, or from http to https on the host's standard ports.
func sameShop(from *url.URL, location string) *url.URL {
	to, err := from.Parse(location)
	if err != nil || location == "" || to.User != nil {
		return nil
	}
	upgrade := from.Scheme == "http" && to.Scheme == "https" &&
		(from.Port() == "" || from.Port() == "80") && (to.Port() == "" || to.Port() == "443")
	same := from.Scheme == to.Scheme && strings.EqualFold(from.Host, to.Host)
	if same || upgrade && strings.EqualFold(from.Hostname(), to.Hostname()) {
		return to
	}
	return nil
}

func (c *Client) redirected(from *url.URL, res *http.Response) *Error {
	e := &Error{Kind: Redirected, Status: res.StatusCode, Message: "redirects without saying where"}
	to, err := from.Parse(res.Header.Get("Location"))
	if err != nil || res.Header.Get("Location") == "" {
		return e
	}
	place := to.Scheme + "://" + to.Host
	e.Message = cut(c.clean("redirects too often, at last to " + place + to.EscapedPath()))
	if sameShop(from, res.Header.Get("Location")) == nil {
		e.Message = cut(c.clean("redirects to " + place + ", another address: the credentials were not sent there"))
	}
	return e
}
