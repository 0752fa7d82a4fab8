// Package optiply is a client for Optiply's public JSON:API, as far as a shop's products and sell orders need it.
//
// A write is one attempt. The API has no idempotency key and no uniqueness on remote ids (documentation lists no 409
// for products and orders), so a POST repeated blindly is a duplicate product in a customer's purchasing advice. The
// caller keeps a ledger, asks [Error.Unknown] and [Error.Retryable], and decides. Only reads and the token request
// repeat by themselves.
//
// The package logs nothing, and no error holds a token, a secret or a password.
//
// Where a comment names the source of a fact about the API: "documented" is Optiply's own documentation, "seen" is
// client code that ran in production, "inferred" is neither.
package optiply

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"magento-optiply/politeness"
)

// The kinds of resource this program works with; a kind is both the JSON:API type and the path segment (seen).
const (
	Products       = "products"
	SellOrders     = "sellOrders"
	SellOrderLines = "sellOrderLines"
)

const (
	defaultTimeout   = 60 * time.Second // clients in production use 30 s for writes and 60 to 120 s for lists (seen)
	defaultRetryWait = time.Second
	defaultUserAgent = "magento-optiply"
	mostConcurrent   = 64 // where the caller sets no limit
)

// Config says which account of which Optiply is written to, and as whom.
type Config struct {
	// BaseURL is the API with its version, https://api.optiply.com/v1 in production (documented).
	BaseURL string
	// DashboardURL is the token host, https://dashboard.optiply.nl/api in production (seen): another domain than
	// BaseURL's, so neither can be derived from the other.
	DashboardURL string

	ClientID, ClientSecret string
	Username, Password     string

	// AccountID goes along as accountId on writes and filter[accountId] on reads (seen).
	AccountID int64
	// CouplingID names the integration that remote ids belong to. Without it an attribute remoteId means nothing (seen).
	CouplingID int64

	// Concurrency is how many requests there may be at a time, and RequestsPerSecond spaces them evenly; 0 means no limit. Optiply
	// publishes none; its own tools stay at 5 to 10 a second. Both are ceilings: after a 429 or 503 less is asked, then
	// slowly more again, and Retry-After holds all callers.
	Concurrency       int
	RequestsPerSecond float64
	UserAgent         string
	// Timeout bounds one attempt with its answer body; 0 means 60 s.
	Timeout time.Duration
	// RetryWait is the wait before a read's first repetition; it then doubles, with jitter. 0 means 1 s.
	RetryWait time.Duration
	// Tries is how often a read and the token request are sent at most; 0 means 5.
	Tries     uint64
	Transport http.RoundTripper
	// OnRequest hears of every attempt, from several goroutines at a time.
	OnRequest func(RequestInfo)
	Now       func() time.Time
}

// LogValue keeps secrets out of logs.
func (c Config) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("base_url", c.BaseURL),
		slog.String("dashboard_url", c.DashboardURL),
		slog.Int64("account_id", c.AccountID),
		slog.Int64("coupling_id", c.CouplingID),
		slog.Float64("requests_per_second", c.RequestsPerSecond),
	)
}

// String is LogValue for the fmt verbs.
func (c Config) String() string { return c.LogValue().String() }

// RequestInfo tells of one attempt, for statistics. It holds no id and no secret.
type RequestInfo struct {
	Endpoint string        // such as POST products, or PATCH products/{id}
	Status   int           // 0: no answer
	Duration time.Duration // from sending to the last byte
	Waited   time.Duration // before sending, for its turn
	Bytes    int64         // of the answer
	Retry    bool          // of a call that went on after an attempt of it failed
}

// Client speaks to one account. It is safe for concurrent use.
type Client struct {
	base     string
	account  string
	coupling string
	http     *http.Client
	gate     *politeness.Gate
	told     func(RequestInfo)
	tokens   *tokenSource
	retries  retryPolicy
	redact   *strings.Replacer
	now      func() time.Time
}

// NewClient checks cfg and makes a client; it sends nothing. Errors name the setting to correct.
func NewClient(cfg Config) (*Client, error) {
	base, errBase := checkURL("optiply.base_url", cfg.BaseURL)
	dashboard, errDashboard := checkURL("optiply.dashboard_url", cfg.DashboardURL)
	if err := errors.Join(errBase, errDashboard, cfg.checkValues()); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	c := &Client{
		base:     base,
		account:  fmt.Sprint(cfg.AccountID),
		coupling: fmt.Sprint(cfg.CouplingID),
		http:     newHTTPClient(cfg.Transport, cfg.Timeout, cfg.UserAgent),
		told:     cfg.OnRequest,
		gate:     politeness.New(cfg.Concurrency, cfg.RequestsPerSecond, 1/cfg.RetryWait.Seconds()),
		retries:  retryPolicy{tries: cfg.Tries, first: cfg.RetryWait, longest: 10 * time.Minute},
		redact:   redactor(cfg.ClientSecret, cfg.Password),
		now:      cfg.Now,
	}
	c.tokens = newTokenSource(cfg, dashboard, c)
	return c, nil
}

func (c Config) withDefaults() Config {
	if c.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 16
		c.Transport = t
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.RetryWait <= 0 {
		c.RetryWait = defaultRetryWait
	}
	if c.Concurrency <= 0 {
		c.Concurrency = mostConcurrent
	}
	if c.Tries == 0 {
		c.Tries = 5
	}
	if c.UserAgent == "" {
		c.UserAgent = defaultUserAgent
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.OnRequest == nil {
		c.OnRequest = func(RequestInfo) {}
	}
	return c
}

func (c Config) checkValues() error {
	var errs []error
	for _, s := range []struct{ name, value string }{
		{"client_id", c.ClientID}, {"client_secret", c.ClientSecret}, {"username", c.Username}, {"password", c.Password},
	} {
		if s.value == "" {
			errs = append(errs, fmt.Errorf("optiply.%s is not set", s.name))
		}
	}
	if c.AccountID <= 0 {
		errs = append(errs, errors.New("optiply.account_id must be a positive number"))
	}
	if c.CouplingID <= 0 {
		errs = append(errs, errors.New("optiply.coupling_id must be a positive number"))
	}
	if c.Concurrency < 0 {
		errs = append(errs, errors.New("optiply.concurrency must not be negative"))
	}
	if c.RequestsPerSecond < 0 {
		errs = append(errs, errors.New("optiply.requests_per_second must not be negative"))
	}
	return errors.Join(errs...)
}

func checkURL(setting, value string) (string, error) {
	u, err := url.Parse(value)
	switch {
	case value == "":
		return "", fmt.Errorf("%s is not set", setting)
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return "", fmt.Errorf("%s is not an http or https address", setting)
	case u.RawQuery != "", u.Fragment != "", u.User != nil:
		return "", fmt.Errorf("%s must have no query, fragment or user", setting)
	}
	return strings.TrimRight(value, "/"), nil
}

// newHTTPClient follows no redirect: net/http turns a redirected POST into a GET, and would look as if it had worked.
func newHTTPClient(t http.RoundTripper, timeout time.Duration, userAgent string) *http.Client {
	return &http.Client{
		Transport:     userAgentTransport{next: t, agent: userAgent},
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// userAgentTransport names the program on API and token requests alike; oauth2 builds the latter itself.
type userAgentTransport struct {
	next  http.RoundTripper
	agent string
}

func (t userAgentTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", t.agent)
	return t.next.RoundTrip(req)
}

// Politeness tells where the budget is that all users of the client share.
func (c *Client) Politeness() politeness.Status { return c.gate.Status() }
