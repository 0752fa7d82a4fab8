package magento

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"magento-optiply/politeness"
)

func TestClassOf_TellsPageSizesApart(t *testing.T) {
	for raw, want := range map[string]string{
		"products?searchCriteria[pageSize]=300": "products 9", "products?searchCriteria%5BpageSize%5D=257": "products 9", "products?searchCriteria[pageSize]=1": "products 1",
		"stockItems/lowStock?scopeId=0&pageSize=1000": "stockItems/lowStock 10", "stockStatuses/A%2FB": "stockStatuses/{sku}", "orders?searchCriteria[pageSize]=x": "orders",
	} {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := classOf(u.EscapedPath(), u); got != want {
			t.Errorf("%s: %q, want %q", raw, got, want)
		}
	}
}

func TestOutcomeOf_TellsLoadFromOtherFailures(t *testing.T) {
	for _, test := range []struct {
		status int
		err    error
		want   politeness.Outcome
	}{
		{200, nil, politeness.Fine},
		{429, &Error{Kind: RateLimited}, politeness.Refused}, {503, &Error{Kind: Maintenance}, politeness.Refused}, {429, &Error{Kind: Firewall}, politeness.Refused},
		{504, &Error{Kind: Gateway}, politeness.Overloaded}, {0, &Error{Kind: Stalled}, politeness.Overloaded},
		{500, &Error{Kind: ServerError}, politeness.Neutral}, {404, &Error{Kind: NotFound}, politeness.Neutral}, {0, &Error{Kind: Unreachable}, politeness.Neutral}, {0, context.Canceled, politeness.Neutral},
	} {
		if got, _ := outcomeOf(test.status, test.err); got != test.want {
			t.Errorf("%d, %v: got %d, want %d", test.status, test.err, got, test.want)
		}
	}
}

// okAfter answers a transport's requests after a time.
func okAfter(latency time.Duration) trip {
	return func(r *http.Request) (*http.Response, error) {
		select {
		case <-time.After(latency):
			return reply(r, 200, http.Header{}, &text{s: "{}"}), nil
		case <-r.Context().Done():
			return nil, errors.New("left")
		}
	}
}

type text struct{ s string }

func (t *text) Read(p []byte) (int, error) {
	if t.s == "" {
		return 0, io.EOF
	}
	n := copy(p, t.s)
	t.s = t.s[n:]
	return n, nil
}
