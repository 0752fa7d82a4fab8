package magento

import (
	"errors"
	"math/bits"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"magento-optiply/politeness"
)

// leastSent keeps one slow or refused request from holding up all others: while one waits Config.RetryWait for its retry, so many
// are sent. With 30 s that is one in five seconds.
const leastSent = 6

// outcomeOf says what an attempt tells of the shop's load. A 500 tells nothing:
// one broken record answers so for ever. Nor does a shop that cannot be reached.
func outcomeOf(status int, err error) (politeness.Outcome, time.Duration) {
	var e *Error
	switch {
	case err == nil:
		return politeness.Fine, 0
	case !errors.As(err, &e):
		return politeness.Neutral, 0
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return politeness.Refused, e.RetryAfter
	case e.Kind == Gateway, e.Kind == Stalled:
		return politeness.Overloaded, e.RetryAfter
	}
	return politeness.Neutral, 0
}

// classOf names what a request's latency may be compared with: its endpoint,
// and its page size to the power of two, since products take 6 to 8 ms each
// whatever the page size.
func classOf(path string, u *url.URL) string {
	name := endpointName(path)
	q := u.Query()
	size, err := strconv.ParseUint(orElse(q.Get("searchCriteria[pageSize]"), q.Get("pageSize")), 10, 32)
	if err != nil {
		return name
	}
	return name + " " + strconv.Itoa(bits.Len64(size))
}

// Politeness tells where the budget is that all users of the client share.
func (c *Client) Politeness() politeness.Status { return c.gate.Status() }
