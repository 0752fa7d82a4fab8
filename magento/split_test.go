package magento

import (
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSplitRange_CoversEveryIDOnceInNearlyEqualParts(t *testing.T) {
	anyID := rapid.OneOf(rapid.Int64Range(-20, 200), rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 0}))
	rapid.Check(t, func(r *rapid.T) {
		lo, hi, parts := anyID.Draw(r, "lo"), anyID.Draw(r, "hi"), rapid.IntRange(-1, 40).Draw(r, "parts")
		ranges := SplitRange(lo, hi, parts)
		if hi <= lo {
			if len(ranges) != 0 {
				r.Fatalf("%v of nothing", ranges)
			}
			return
		}
		width := uint64(hi) - uint64(lo)
		if want := min(width, uint64(max(parts, 1))); uint64(len(ranges)) != want {
			r.Fatalf("%d ranges, want %d", len(ranges), want)
		}
		at, least, most := lo, uint64(math.MaxUint64), uint64(0)
		for _, part := range ranges {
			if part.After != at || part.Upto <= part.After {
				r.Fatalf("%v does not follow %d", part, at)
			}
			at = part.Upto
			least, most = min(least, uint64(part.Upto)-uint64(part.After)), max(most, uint64(part.Upto)-uint64(part.After))
		}
		if at != hi || most-least > 1 {
			r.Fatalf("ends at %d of %d, widths from %d to %d", at, hi, least, most)
		}
	})
}

func TestLastID_AsksForTheLastRowOnly(t *testing.T) {
	for body, want := range map[string]int64{
		`{"items":[{"entity_id":17}],"total_count":9}`: 17, `{"items":[{"id":18}],"total_count":9}`: 18,
		`{"items":null,"total_count":0}`: 0, `{"items":[]}`: 0,
	} {
		shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/products": says(200, body)})
		base := Criteria{Fields: "items[id]"}.Where(Filter{"status", Eq, "1"})
		got, err := newTestClient(t, shop.URL).LastID(context.Background(), "products", "entity_id", base)
		q := shop.last().URL.Query()
		if err != nil || got != want || q.Get("searchCriteria[pageSize]") != "1" || q.Get("searchCriteria[sortOrders][0][direction]") != "DESC" ||
			q.Get("searchCriteria[sortOrders][0][field]") != "entity_id" || q.Get("fields") != "items[id]" || len(base.SortOrders) != 0 {
			t.Errorf("%s: got %d, %v, asked %v", body, got, err, q)
		}
	}
	for body, want := range map[string]Kind{`[]`: BadShape, `{"items":[{"sku":"a"}]}`: BadShape, `{"message":"no"}`: MessageOnly} {
		shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/orders": says(200, body)})
		_, err := newTestClient(t, shop.URL).LastID(context.Background(), "orders", "entity_id", Criteria{})
		var e *Error
		if !errors.As(err, &e) || e.Kind != want || !slices.Contains([]string{"orders"}, e.Path) {
			t.Errorf("%s: got %v", body, err)
		}
	}
}
