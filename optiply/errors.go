package optiply

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Kind is what an error means for the row that was being sent.
type Kind string

const (
	// Rejected: 400, 409, 415, 422 and the other 4xx. The same bytes will be refused again.
	Rejected Kind = "rejected"
	// NotFound: 404. On an update or delete the resource is gone; on a create something it refers to does not exist.
	NotFound Kind = "not_found"
	// Unauthorized: the token endpoint refuses the credentials, or the API a token just issued. Fatal.
	Unauthorized Kind = "unauthorized"
	// Forbidden: 403, a missing scope (documented). Fatal.
	Forbidden Kind = "forbidden"
	// Misdirected: a redirect, or a web page where an API was expected. The address is wrong. Fatal.
	Misdirected Kind = "misdirected"
	// Throttled: 429. Nothing was applied.
	Throttled Kind = "throttled"
	// Unavailable: 5xx, and 408 from a gateway. Some 500s are the answer to one particular payload (seen), so the
	// caller must not repeat without end.
	Unavailable Kind = "unavailable"
	// Transport: no usable answer came: connection, timeout, broken body.
	Transport Kind = "transport"
)

// Error is every error of a request. Its text holds no secret.
type Error struct {
	Kind   Kind
	Status int // 0 when there was no answer
	// Messages are the server's, shortened to something printable; possibly none.
	Messages []string
	// RetryAfter is how long the server asked to wait, 0 when it did not.
	RetryAfter time.Duration
	Method     string
	Path       string // relative to the base URL, without query
	// Sent is false when the request is known not to have left: no connection, no token, cancelled before.
	Sent bool
	Err  error

	fromToken bool // the token request failed, which has its own retries
}

// Error reads "POST products: 400: price must not be negative".
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", e.Method, e.Path)
	switch {
	case e.Status != 0:
		fmt.Fprintf(&b, "%d", e.Status)
		if len(e.Messages) == 0 && e.Err == nil {
			fmt.Fprintf(&b, " %s", http.StatusText(e.Status))
		}
	case e.Err == nil:
		b.WriteString("no answer")
	}
	for i, part := range e.details() {
		if i > 0 || e.Status != 0 {
			b.WriteString(": ")
		}
		b.WriteString(part)
	}
	return b.String()
}

func (e *Error) details() []string {
	var parts []string
	if len(e.Messages) > 0 {
		parts = append(parts, strings.Join(e.Messages, "; "))
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return parts
}

// Unwrap gives the cause, such as context.Canceled.
func (e *Error) Unwrap() error { return e.Err }

// Unknown says whether a write may or may not have been applied, so that it must be read back before it is sent
// again: the connection broke or timed out after the request may have left, the answer to an accepted write was not
// readable (a create without an id included), or a gateway answered for a server it had lost. A plain 500 is the
// server's own answer and counts as not applied.
func (e *Error) Unknown() bool {
	if !e.Sent || e.Method == http.MethodGet {
		return false
	}
	switch e.Kind {
	case Transport:
		return true
	case Unavailable:
		return e.Status != http.StatusInternalServerError && e.Status != http.StatusNotImplemented
	default:
		return false
	}
}

// Retryable says whether the same request may be answered otherwise later. A create that is Unknown must be read back
// first all the same.
func (e *Error) Retryable() bool {
	switch e.Kind {
	case Throttled, Unavailable:
		return true
	case Transport:
		return !errors.Is(e.Err, context.Canceled)
	default:
		return false
	}
}

// Fatal says that no other row will fare better: credentials, permissions or addresses must be corrected first.
func (e *Error) Fatal() bool {
	return e.Kind == Unauthorized || e.Kind == Forbidden || e.Kind == Misdirected
}

// kindOf maps a status that is not 2xx.
func kindOf(status int) Kind {
	switch {
	case status == http.StatusUnauthorized:
		return Unauthorized
	case status == http.StatusForbidden:
		return Forbidden
	case status == http.StatusNotFound:
		return NotFound
	case status == http.StatusTooManyRequests:
		return Throttled
	case status == http.StatusRequestTimeout, status >= 500:
		return Unavailable
	case status >= 400:
		return Rejected
	default:
		return Misdirected
	}
}
