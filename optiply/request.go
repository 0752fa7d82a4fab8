package optiply

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"magento-optiply/politeness"
)

// mediaType is required on every request, GET too (documented).
const mediaType = "application/vnd.api+json"

// Answers are read up to here and no further: a resource is some kilobytes, a page of 100 some hundreds of them.
const maxAnswer = 32 << 20

// call is one request relative to the base URL.
type call struct {
	method string
	path   string
	query  url.Values
	body   []byte
}

// answer is a 2xx. bodyErr is why the body could not be read whole: a delete does not mind.
type answer struct {
	status  int
	body    []byte
	bodyErr error
}

// fail is the beginning of every error about a call.
func (c call) fail(kind Kind, err error) *Error {
	return &Error{Kind: kind, Method: c.method, Path: c.path, Err: err}
}

// broken is the error for an accepted request whose answer cannot be used; for a write its outcome is unknown.
func (c call) broken(status int, err error) *Error {
	e := c.fail(Transport, err)
	e.Status, e.Sent = status, true
	return e
}

// do sends the call once, and once more with a new token when the API answers 401: an expired token is refused before
// anything is applied (seen in four clients). A second 401 is fatal.
func (c *Client) do(ctx context.Context, req call) (*answer, error) {
	token, err := c.tokens.token(ctx, "")
	if err != nil {
		return nil, req.noToken(err)
	}
	ans, e := c.attempt(ctx, req, token)
	if e != nil && e.Kind == Unauthorized {
		if token, err = c.tokens.token(ctx, token); err != nil {
			return nil, req.noToken(err)
		}
		if ans, e = c.attempt(Again(ctx), req, token); e != nil && e.Kind == Unauthorized {
			e.Err = errors.New("a token just issued is refused: check that optiply.base_url and optiply.dashboard_url belong together")
		}
	}
	if e != nil {
		return nil, e
	}
	return ans, nil
}

// noToken says of a failed token request that the call itself was never sent, or was refused.
func (c call) noToken(err error) error {
	e := c.fail(Transport, err)
	if cause, ok := errors.AsType[*Error](err); ok {
		e.Kind, e.Status, e.RetryAfter, e.fromToken = cause.Kind, 0, cause.RetryAfter, true
	}
	return e
}

// uncut is the key of Uncut's contexts.
type uncut struct{}

// Uncut makes a context whose end keeps a request from leaving, and does not cut off one that has left: its answer is waited
// for. So a caller that stops knows the outcome of all it has sent.
func Uncut(ctx context.Context) context.Context { return context.WithValue(ctx, uncut{}, true) }

// attempt waits for a turn and does one HTTP exchange.
func (c *Client) attempt(ctx context.Context, req call, token string) (*answer, *Error) {
	kind, _ := splitID(req.path)
	turn, waited, err := c.gate.Enter(ctx, req.method+" "+kind)
	if err != nil {
		return nil, req.fail(Transport, err)
	}
	if ctx.Value(uncut{}) != nil {
		ctx = context.WithoutCancel(ctx)
	}
	start := time.Now()
	ans, size, e := c.exchange(ctx, req, token)
	told, after := outcomeOf(e)
	c.gate.Leave(politeness.Result{Ticket: turn, Outcome: told, RetryAfter: after})
	info := RequestInfo{Endpoint: req.endpoint(), Duration: time.Since(start), Waited: waited, Bytes: size, Retry: ctx.Value(again{}) != nil}
	if ans != nil {
		info.Status = ans.status
	} else {
		info.Status = e.Status
	}
	c.told(info)
	return ans, e
}

// endpoint names what a call asks for, without the id.
func (c call) endpoint() string {
	kind, id := splitID(c.path)
	if id != "" {
		kind += "/{id}"
	}
	return c.method + " " + kind
}

// again is the key of Again's contexts.
type again struct{}

// Again makes a context whose requests are told of as retries.
func Again(ctx context.Context) context.Context { return context.WithValue(ctx, again{}, true) }

// outcomeOf says what an answer tells of the server's load. Latency does not count: a write takes what it takes. Nor does a
// 500, which is the answer to some payloads for ever (seen), or a server that cannot be reached.
func outcomeOf(e *Error) (politeness.Outcome, time.Duration) {
	switch {
	case e == nil:
		return politeness.Fine, 0
	case e.Status == http.StatusTooManyRequests, e.Status == http.StatusServiceUnavailable:
		return politeness.Refused, e.RetryAfter
	case e.Status == http.StatusGatewayTimeout:
		return politeness.Overloaded, e.RetryAfter
	case e.Kind == Rejected, e.Kind == NotFound:
		return politeness.Fine, 0 // it was answered
	}
	return politeness.Neutral, e.RetryAfter
}

// exchange sends and reads. size is that of the answer's body.
func (c *Client) exchange(ctx context.Context, req call, token string) (_ *answer, size int64, _ *Error) {
	var sent departure
	httpReq, err := http.NewRequestWithContext(sent.trace(ctx), req.method, c.url(req), bytes.NewReader(req.body))
	if err != nil {
		return nil, 0, req.fail(Rejected, err)
	}
	httpReq.Header.Set("Content-Type", mediaType)
	httpReq.Header.Set("Accept", mediaType)
	httpReq.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.http.Do(httpReq)
	if err != nil {
		e := req.fail(Transport, plain(err))
		e.Sent = sent.possible(err)
		return nil, 0, e
	}
	defer resp.Body.Close()
	body, bodyErr := readLimited(resp.Body)
	if resp.StatusCode/100 == 2 {
		return &answer{status: resp.StatusCode, body: body, bodyErr: bodyErr}, int64(len(body)), nil
	}
	return nil, int64(len(body)), c.refusal(req, resp, body, token)
}

func (c *Client) url(req call) string {
	address := c.base + "/" + req.path
	if len(req.query) > 0 {
		address += "?" + req.query.Encode()
	}
	return address
}

func (c *Client) refusal(req call, resp *http.Response, body []byte, token string) *Error {
	e := req.fail(kindOf(resp.StatusCode), nil)
	e.Status, e.Sent = resp.StatusCode, true
	e.RetryAfter = retryAfter(resp.Header, c.now())
	for _, m := range messages(body) {
		e.Messages = append(e.Messages, c.redact.Replace(strings.ReplaceAll(m, token, "***")))
	}
	// The API's own 404 is never a web page; a web server's is, and believing it would report products as gone.
	if e.Kind == NotFound && isHTML(body) {
		e.Kind = Misdirected
	}
	switch e.Kind {
	case Misdirected:
		e.Err = errors.New("this is not the API: check optiply.base_url")
	case Forbidden:
		e.Err = errors.New("the credentials lack a permission for this: check the scopes of optiply.client_id and that optiply.account_id is theirs")
	}
	return e
}

// plain strips the address that net/http puts before a cause.
func plain(err error) error {
	u, ok := errors.AsType[*url.Error](err)
	if !ok {
		return err
	}
	if u.Timeout() {
		return fmt.Errorf("no answer in time: %w", u.Err)
	}
	return u.Err
}

func readLimited(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err != nil {
		return body, fmt.Errorf("read answer: %w", err)
	}
	if len(body) > maxAnswer {
		return body[:maxAnswer], fmt.Errorf("read answer: longer than %d MB", maxAnswer>>20)
	}
	return body, nil
}

// departure knows whether a request may have left this machine.
type departure struct{ asked, connected atomic.Bool }

func (d *departure) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { d.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { d.connected.Store(true) },
	})
}

// possible is true unless it is proven that nothing left: no connection was handed out, or, behind a transport that
// does not report connections, the error is one of dialling.
func (d *departure) possible(err error) bool {
	if d.connected.Load() {
		return true
	}
	if d.asked.Load() {
		return false
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return false
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return false
	}
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	return !untrusted
}
