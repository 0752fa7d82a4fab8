package magento

import (
	"fmt"
	"strings"
	"time"
)

// Kind is what went wrong, in one word that also fits a column or a log line.
type Kind string

// The kinds of failure. The comment tells what the shop answered.
const (
	// Unauthorized is a 401 that the token is to blame for, or that could not
	// be explained further. Magento answers a wrong token and a missing
	// permission with the same 401 and the same text.
	Unauthorized Kind = "unauthorized"
	// Forbidden is a 401 of a token that does work (GET /V1/modules answered
	// it): the permission in Error.Resource is missing. Magento itself has no
	// 403; a JSON 403 of something in front of it is Forbidden too.
	Forbidden Kind = "forbidden"
	// UnknownStoreCode is 400 "Specified request cannot be processed.".
	UnknownStoreCode Kind = "unknown_store_code"
	// PageSizeLimit is a 400 that names the largest page the shop allows, in
	// Error.Max.
	PageSizeLimit Kind = "page_size_limit"
	// BadRequest is any other 4xx in JSON: the request itself is wrong.
	BadRequest Kind = "bad_request"
	// NoRoute is 404 "Request does not match any route.": the shop does not
	// have this endpoint.
	NoRoute Kind = "no_route"
	// NotFound is a 404 of Magento about a product or another entity.
	NotFound Kind = "not_found"
	// HTMLNotFound is a 404 that Magento did not write. Apache answers so to
	// "%2F" in a path, so it is no proof that a product is gone.
	HTMLNotFound Kind = "html_not_found"
	// Firewall is a page of something in front of the shop that refuses us.
	Firewall Kind = "firewall"
	// RateLimited is 429.
	RateLimited Kind = "rate_limited"
	// Maintenance is 503.
	Maintenance Kind = "maintenance"
	// ServerError is 500; Error.ReportID names the entry in the shop's log. It
	// can be permanent: one broken record makes its whole page answer 500, and
	// so does a filter on an unknown field of orders.
	ServerError Kind = "server_error"
	// Gateway is 502, 504, or one of the other 5xx codes of proxies.
	Gateway Kind = "gateway"
	// Transport is a connection that broke, or a body that was cut: reset,
	// EOF, fewer bytes than Content-Length says, half a gzip stream.
	Transport Kind = "transport"
	// Stalled is a shop that sent no byte for Config.StallTimeout, or took
	// longer than Config.Timeout for one answer.
	Stalled Kind = "stalled"
	// Unreachable is a shop to which no connection could be made: DNS,
	// refused, TLS.
	Unreachable Kind = "unreachable"
	// BadJSON is a 2xx whose body is empty or no JSON.
	BadJSON Kind = "bad_json"
	// MessageOnly is a 2xx with an error in it: {"message": ...} instead of
	// data, as Magento 2.1 answered an orders page with a deleted product
	// (magento2#7518).
	MessageOnly Kind = "message_only"
	// BadShape is valid JSON that is no page of a listing, such as the [] that
	// answers a broken fields= expression.
	BadShape Kind = "bad_shape"
	// NotInOrder is a page that does not follow from its question: the shop
	// ignored the filter or the sort order. Going on would lose rows.
	NotInOrder Kind = "not_in_order"
	// Changing is a list that changed each time it was read, so that rows can
	// be missing.
	Changing Kind = "changing"
	// Redirected is a redirect to somewhere the credentials must not go.
	Redirected Kind = "redirected"
	// TooLarge is a body of more than Config.MaxBody bytes.
	TooLarge Kind = "too_large"
)

// Error is what every failed request returns. It holds no secret: whatever is
// known to the client as one is replaced by "***".
type Error struct {
	Kind       Kind
	Status     int           // HTTP status, 0 when there was no answer
	Message    string        // the shop's words, template filled in, or ours
	Resource   string        // permission that a 401 names, such as Magento_Sales::actions_view
	ReportID   string        // entry in the shop's log that a 500 names
	Method     string        // GET
	Path       string        // relative, as sent, without the query
	RetryAfter time.Duration // what the shop asked for, 0 if it did not
	Max        int           // largest page size allowed, for PageSizeLimit
	Attempts   int           // how often the request was sent

	err     error // cause, for errors.Is
	noMore  bool  // retrying cannot help although the kind says so
	magento bool  // Magento wrote the answer, not something in front of it
	signed  fault // what OAuth 1.0a did not like
}

// fault is a reason of a 401 that only OAuth 1.0a knows.
type fault int

const (
	noFault fault = iota
	nonceRefused
	signatureRefused
	keyRefused
	tokenRefused
)

// Error tells what was asked, what came back, and what to do, in one line.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "magento: %s %s: ", e.Method, e.Path)
	if e.Status != 0 {
		fmt.Fprintf(&b, "HTTP %d: ", e.Status)
	}
	b.WriteString(e.Message)
	if e.ReportID != "" && !strings.Contains(e.Message, e.ReportID) {
		fmt.Fprintf(&b, " (report %s)", e.ReportID)
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " (%d attempts)", e.Attempts)
	}
	if hint := e.Hint(); hint != "" {
		fmt.Fprintf(&b, "; %s", hint)
	}
	return b.String()
}

// Unwrap gives the cause, if there was one below HTTP.
func (e *Error) Unwrap() error { return e.err }

// Retryable says whether the same request may succeed later. The client has
// already retried such an error as often as it is allowed to.
func (e *Error) Retryable() bool { return !e.noMore && policy(e.Kind).retries != 0 }

// SignatureRefused says whether the shop refused an OAuth 1.0a signature, in every form that it was given. That can be about
// this address alone: something in front of the shop changes it (magento2#37278).
func (e *Error) SignatureRefused() bool { return e.signed == signatureRefused }

// TooMuch says whether the shop took too long, or sent too much, so that asking
// for less at a time can help.
func (e *Error) TooMuch() bool {
	return e.Kind == Gateway || e.Kind == Stalled || e.Kind == TooLarge
}

// Hint says what a person should do next, naming the setting or the
// permission; empty when there is nothing to do but to wait.
func (e *Error) Hint() string {
	switch e.Kind {
	case Forbidden:
		if e.Resource != "" {
			return "the token works: give its integration the permission " + e.Resource
		}
	case Unauthorized:
		if hint := e.unauthorizedHint(); hint != "" {
			return hint
		}
	case PageSizeLimit:
		if e.Max > 0 {
			return fmt.Sprintf("set magento.page_size (and source_items_page_size) to %d or less", e.Max)
		}
	}
	return policy(e.Kind).hint
}

func (e *Error) unauthorizedHint() string {
	switch {
	case e.signed == signatureRefused:
		return "check magento.consumer_secret and magento.access_token_secret, and that the shop sees the same scheme and host as magento.store_url"
	case e.signed == nonceRefused:
		return "check this machine's clock: Magento refuses a time stamp that lies ahead of its own"
	case e.signed == keyRefused:
		return "check magento.consumer_key: the shop has no integration with this one, or it is not active"
	case e.signed == tokenRefused:
		return "check magento.access_token: the shop's integration has another one, or was authorized anew"
	case !e.magento && e.Status != 0:
		return "the web server in front of the shop wants a password of its own: see magento.custom_cookies"
	case e.Resource != "":
		return "Magento answers a wrong token and a missing permission alike: check magento.access_token, and that the integration may use " + e.Resource
	}
	return ""
}
