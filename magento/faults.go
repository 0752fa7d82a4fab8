package magento

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"html"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// newTransport has no proxy: which one to use would come from the environment,
// and that is for the commands to read.
func newTransport(concurrency int) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:   true,
		TLSHandshakeTimeout: 30 * time.Second,
		MaxIdleConns:        concurrency,
		MaxIdleConnsPerHost: concurrency,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true, // see newRequest
	}
}

// ended is why the caller's context ended. A group of callers is stopped by the error of one of them, which says nothing about
// the requests of the others: taken for theirs, it would be retried, blamed on a record, or signed for anew.
func ended(ctx context.Context) error {
	var e *Error
	if cause := context.Cause(ctx); !errors.As(cause, &e) {
		return cause
	}
	return ctx.Err()
}

// broken explains an attempt without a whole answer. The end of the caller's
// context is passed on as it is.
func (c *Client) broken(parent, ctx context.Context, err error, status int) error {
	if parent.Err() != nil {
		return ended(parent)
	}
	e := &Error{Kind: Transport, Status: status, err: err}
	var cause *url.Error
	if errors.As(err, &cause) {
		err = cause.Err // without method and URL, which e has
	}
	e.Message = cut(c.clean("the connection broke: " + err.Error()))
	switch why := context.Cause(ctx); {
	case errors.Is(why, errStalled):
		e.Kind, e.Message = Stalled, "sent nothing for "+c.cfg.StallTimeout.String()+" (magento.stall_timeout)"
	case errors.Is(why, errTooSlow):
		e.Kind, e.Message = Stalled, "took longer than "+c.cfg.Timeout.String()+" (magento.answer_timeout)"
	case errors.Is(err, errTooLarge):
		e.Kind, e.Message = TooLarge, "the answer is too large"
	case status == 0:
		c.unreachable(e, err)
	}
	return e
}

// unreachable recognises that no connection came about. A certificate that is
// not accepted will not be accepted a moment later.
func (c *Client) unreachable(e *Error, err error) {
	var dns *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch {
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &name), errors.As(err, &invalid), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		e.Kind, e.noMore = Unreachable, true
	case errors.As(err, &alert), errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial":
		e.Kind = Unreachable
	default:
		return
	}
	e.Message = cut(c.clean("cannot be reached: " + err.Error()))
}

// shortestSecret is how long a secret must be to be taken out of texts: a
// cookie of one letter would take every such letter out.
const shortestSecret = 4

// clean takes everything secret out of a text from outside (invariant 6): a
// page of a firewall may repeat the request to whoever reads it.
func (c *Client) clean(text string) string {
	secrets := c.cfg.Auth.secrets()
	for _, value := range c.cfg.Cookies {
		secrets = append(secrets, value)
	}
	// The longest first: a secret may be part of another.
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	for _, s := range secrets {
		if len(s) < shortestSecret {
			continue
		}
		for _, form := range []string{s, escape(s), url.QueryEscape(s), html.EscapeString(s)} {
			text = strings.ReplaceAll(text, form, "***")
		}
	}
	return text
}
