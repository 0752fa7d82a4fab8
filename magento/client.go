package magento

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"magento-optiply/politeness"
)

// Config is what a client is made of. Only StoreURL and Auth are needed.
type Config struct {
	StoreURL  string // shop.example or https://shop.example; /rest is appended
	StoreCode string // store view whose values are read; "" is the default one
	Auth      Auth
	UserAgent string
	// Cookies are sent with every request, for firewalls and staging gates.
	// There is no jar: Magento sets a PHPSESSID on every answer to a signed-in
	// caller, and sending it back would make the requests wait for each other.
	Cookies map[string]string

	Concurrency       int           // requests at a time, at most; 0 means 4
	RequestsPerSecond float64       // at most; 0: no limit
	Retries           int           // at most so many for one request; 0 means 5, negative none
	RetryWait         time.Duration // before the first retry of a busy shop; 0 means 30 s
	Timeout           time.Duration // for one answer; 0 means 10 min
	StallTimeout      time.Duration // without a byte; 0 means 2 min
	MaxBody           int64         // bytes of an answer, unpacked; 0 means 256 MiB

	Transport http.RoundTripper // nil: one of our own, which uses no proxy
	Now       func() time.Time  // nil: time.Now
	// OnRequest hears of every attempt, from several goroutines at a time.
	OnRequest func(RequestInfo)
}

// String and its kin keep cookies out of logs.
func (c Config) String() string       { return "magento " + c.StoreURL }
func (c Config) GoString() string     { return c.String() }
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

func (c *Config) fillIn() {
	c.Concurrency = orDefault(c.Concurrency, 4)
	c.RetryWait = orDefault(c.RetryWait, 30*time.Second)
	c.Timeout = orDefault(c.Timeout, 10*time.Minute)
	c.StallTimeout = orDefault(c.StallTimeout, 2*time.Minute)
	c.MaxBody = orDefault(c.MaxBody, 256<<20)
	c.UserAgent = orElse(c.UserAgent, "magento-optiply")
	if c.Retries == 0 {
		c.Retries = 5
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.OnRequest == nil {
		c.OnRequest = func(RequestInfo) {}
	}
	if c.Transport == nil {
		c.Transport = newTransport(c.Concurrency)
	}
}

func orDefault[T int | int64 | time.Duration](v, fallback T) T {
	if v <= 0 {
		return fallback
	}
	return v
}

// RequestInfo tells of one attempt, for progress and statistics. It holds no
// SKU, no query and no secret.
type RequestInfo struct {
	Endpoint  string        // such as products or stockStatuses/{sku}
	StoreCode string        // "" is the default store view
	Status    int           // 0: no answer
	Kind      Kind          // "" when all is well
	Duration  time.Duration // from sending to the last byte
	Waited    time.Duration // before sending, for its turn within the shop's limits
	Bytes     int64         // of the body as it came, packed or not
	Attempt   int           // from 1; above 1 it is a retry
	Date      time.Time     // the shop's clock, to the second; zero if it did not say
}

// Client reads from one shop. It is safe for concurrent use, and all users of
// one client share its limits.
type Client struct {
	cfg     Config
	shop    *url.URL
	http    *http.Client
	gate    *politeness.Gate
	retries int
	doubt   *doubt

	unpackers *sync.Pool
	bodies    *bodies
}

// NewClient checks the settings; it sends nothing.
func NewClient(cfg Config) (*Client, error) {
	shop, err := parseStoreURL(cfg.StoreURL)
	if err != nil {
		return nil, err
	}
	if err := checkStoreCode(cfg.StoreCode); err != nil {
		return nil, err
	}
	if err := checkCookies(cfg.Cookies); err != nil {
		return nil, err
	}
	if cfg.Auth == nil {
		return nil, errors.New("magento: no way to sign in: set access_token, username and password, or use_oauth")
	}
	if err := cfg.Auth.check(); err != nil {
		return nil, err
	}
	cfg.fillIn()
	return &Client{
		cfg:  cfg,
		shop: shop,
		http: &http.Client{
			Transport:     cfg.Transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		gate:    politeness.New(cfg.Concurrency, cfg.RequestsPerSecond, leastSent/cfg.RetryWait.Seconds()),
		retries: max(cfg.Retries, 0),
		doubt:   &doubt{busy: make(chan struct{}, 1)},

		unpackers: newUnpackers(), bodies: &bodies{},
	}, nil
}

// WithRetries is the same client, limits included, with another number of
// retries: a caller that narrows a broken page need not wait for each step.
func (c *Client) WithRetries(n int) *Client {
	other := *c
	other.retries = max(n, 0)
	return &other
}

// Response is the shop's answer to a Get.
type Response struct {
	Body     []byte        // valid JSON as it was sent, unpacked; or what GetKept kept of it
	Header   http.Header   // of the answer
	Date     time.Time     // the shop's clock, to the second; zero if it did not say
	Attempts int           // how often the request was sent
	Duration time.Duration // of the last attempt
	Bytes    int64         // of the body as it came, packed or not
}

// Get reads path, relative to the API's root and percent-encoded where needed
// (see SKUPath), under the configured store code. The error is an *Error, or
// wraps the context's.
func (c *Client) Get(ctx context.Context, path string, query Query) (*Response, error) {
	return c.GetIn(ctx, c.cfg.StoreCode, path, query)
}

// GetIn is Get under another store code; "" is the default store view, "all"
// the values before any store view's. The code does not restrict products,
// orders or customers to a store; it chooses names, prices, and the stock that
// stockStatuses tells of.
func (c *Client) GetIn(ctx context.Context, storeCode, path string, query Query) (*Response, error) {
	return c.get(ctx, storeCode, path, query, nil)
}

// GetKept is Get for a caller that keeps a part of the answer, such as what fields= asked for of whole records. keep is given what
// came with a 2xx, which may be anything and of any depth: it returns a copy of what it keeps, nil for all of it, and whether it has
// seen that the whole is JSON, in the same pass. Where it has not, the answer is checked and given as it was sent. keep may be nil;
// it is called once an attempt.
func (c *Client) GetKept(ctx context.Context, path string, query Query, keep func(body []byte) (kept []byte, ok bool)) (*Response, error) {
	return c.get(ctx, c.cfg.StoreCode, path, query, keep)
}

func (c *Client) get(ctx context.Context, storeCode, path string, query Query, keep func(body []byte) ([]byte, bool)) (*Response, error) {
	u, err := endpoint(c.shop, storeCode, path, query)
	if err != nil {
		return nil, err
	}
	call := &call{client: c, path: path, storeCode: storeCode, url: u, keep: keep}
	tries := newBackoff(c.retries, c.cfg.RetryWait)
	err = tries.do(ctx, call.attempt)
	if err == nil {
		return call.answer, nil
	}
	var e *Error
	if !errors.As(err, &e) {
		if tries.last != nil { // the time ran out while the shop was failing
			return nil, fmt.Errorf("magento: GET %s: %w (before that: %s: %s)", path, err, tries.last.Kind, tries.last.Message)
		}
		return nil, fmt.Errorf("magento: GET %s: %w", path, err)
	}
	final := *e
	final.Attempts = max(call.sent, 1)
	if final.Kind == Unauthorized && final.signed == noFault && final.magento && !call.login {
		c.explain(ctx, &final, path)
	}
	return nil, &final
}
