package magento

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sethvargo/go-retry"
)

// handling is what to do about one kind of error: data, so that the policy can
// be read in one place (DESIGN 6.5).
type handling struct {
	retries int // at most so many; 0 none, asConfigured as Config.Retries says
	slow    bool
	hint    string
}

const (
	asConfigured = -1
	// maxServerErrors bounds the retries of a 500, because it may be permanent:
	// then the caller narrows the page instead of waiting.
	maxServerErrors = 3
	// maxDials bounds the retries of a shop that cannot be reached at all.
	maxDials = 2
	// maxWait is the longest wait before a retry that we choose ourselves.
	maxWait = 5 * time.Minute
	// maxRetryAfter is the longest wait that a shop may ask for.
	maxRetryAfter = 15 * time.Minute
	// jitterPercent spreads callers that failed together.
	jitterPercent = 25
)

const askTheShop = "ask the shop to let this machine's address through to /rest/*, or set magento.user_agent or magento.custom_cookies"

// policy says how each kind is handled. slow means that the shop has too much
// to do: the first wait is the whole Config.RetryWait. The other faults are
// over quickly, as a rule, and begin with a tenth of it.
func policy(k Kind) handling {
	switch k {
	case RateLimited:
		return handling{retries: asConfigured, slow: true, hint: "lower magento.requests_per_second or magento.concurrency"}
	case Maintenance:
		return handling{retries: asConfigured, slow: true, hint: "the shop is in maintenance or overloaded: run again later"}
	case Gateway:
		return handling{retries: asConfigured, slow: true, hint: "the shop took too long: lower magento.page_size"}
	case ServerError:
		return handling{retries: maxServerErrors, hint: "the shop's own log (var/log, var/report) tells why"}
	case MessageOnly:
		return handling{retries: maxServerErrors, hint: "the shop answers with a message instead of data: its own log tells why"}
	case Transport:
		return handling{retries: asConfigured, hint: "run again later; if it stays, ask the shop's host what cuts its answers short"}
	case Stalled:
		return handling{retries: asConfigured, hint: "the shop hangs or is too slow: lower magento.page_size, or run again later"}
	case BadJSON:
		return handling{retries: asConfigured, hint: "check that magento.store_url is the shop's own address; if it is, ask the shop's host what spoils its answers"}
	case Unreachable:
		return handling{retries: maxDials, hint: "check magento.store_url"}
	}
	return handling{hint: fatalHint(k)}
}

func fatalHint(k Kind) string {
	switch k {
	case Unauthorized:
		return "check magento.access_token, or magento.username and magento.password; from Magento 2.4.4 on an integration token works as a bearer only if the shop allows it (else set magento.use_oauth); with two-factor sign-in an admin user gets no token"
	case Forbidden:
		return "give the integration the permission"
	case UnknownStoreCode:
		return "check magento.store_code (admin is not allowed, all is)"
	case PageSizeLimit:
		return "lower magento.page_size"
	case NoRoute:
		return "this shop does not have the endpoint: is its version too old, or the module off?"
	case NotFound:
		return "a record of it is missing in the shop: the shop's own log (var/log) tells which"
	case HTMLNotFound:
		return "the web server answered, not Magento: check magento.store_url; Apache refuses a SKU with a slash this way"
	case Firewall:
		return askTheShop
	case BadShape:
		return "the answer is no page of a listing: is the fields expression right?"
	case NotInOrder:
		return "the shop ignores the filter or the sort order: see magento.paging"
	case Changing:
		return "run again when no import is going on"
	case Redirected:
		return "set magento.store_url to the address it redirects to"
	case TooLarge:
		return "lower magento.page_size"
	}
	return ""
}

// backoff decides, for the attempts of one request, whether there is another
// one and when. It implements retry.Backoff over the last error seen.
type backoff struct {
	limit int           // Config.Retries
	wait  time.Duration // Config.RetryWait
	slow  retry.Backoff
	quick retry.Backoff

	count int // retries so far
	seen  map[Kind]int
	last  *Error
}

func newBackoff(limit int, wait time.Duration) *backoff {
	return &backoff{limit: limit, wait: wait, seen: map[Kind]int{}, slow: growing(wait), quick: growing(max(wait/10, 1))}
}

// growing waits base, then about 2, 4, 8... times as long, up to maxWait.
func growing(base time.Duration) retry.Backoff {
	first := true
	grow := retry.NewExponential(base)
	spread := retry.WithCappedDuration(maxWait, retry.WithJitterPercent(jitterPercent, retry.WithCappedDuration(maxWait, grow)))
	return retry.BackoffFunc(func() (time.Duration, bool) {
		if first {
			first = false
			return grow.Next()
		}
		return spread.Next()
	})
}

// Next implements retry.Backoff.
func (b *backoff) Next() (time.Duration, bool) {
	h := policy(b.last.Kind)
	allowed := h.retries
	if allowed == asConfigured || allowed > b.limit {
		allowed = b.limit
	}
	b.seen[b.last.Kind]++
	b.count++
	if b.count > b.limit || b.seen[b.last.Kind] > allowed {
		return 0, true
	}
	if b.last.RetryAfter > 0 {
		return min(b.last.RetryAfter, maxRetryAfter), false
	}
	if h.slow {
		return b.slow.Next()
	}
	return b.quick.Next()
}

// do runs attempt until it succeeds, fails for good, or the retries are used
// up. The error is an *Error, or the context's when that ended.
func (b *backoff) do(ctx context.Context, attempt func(ctx context.Context) error) error {
	return retry.Do(ctx, b, func(ctx context.Context) error {
		err := attempt(ctx)
		var e *Error
		if !errors.As(err, &e) || !e.Retryable() {
			return err
		}
		b.last = e
		return retry.RetryableError(e)
	})
}

// parseRetryAfter reads a Retry-After header: seconds, or an HTTP date. What
// cannot be read, or lies in the past, is 0. Never more than maxRetryAfter.
func parseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if n, err := strconv.ParseUint(value, 10, 64); err == nil {
		if n > uint64(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil || !at.After(now) {
		return 0
	}
	return min(at.Sub(now), maxRetryAfter)
}
