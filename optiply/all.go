package optiply

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// All reads every resource of a kind by ascending id, each page asking for ids above the last one seen: offset paging
// skips rows when others are deleted meanwhile (inferred). A server that refuses or ignores the filter is paged by offset
// from there on, so the caller compares what it got with [Client.Count]. The sequence ends with the last row or with one error.
func (c *Client) All(ctx context.Context, kind string) iter.Seq2[*Resource, error] {
	return c.Above(ctx, kind, "")
}

// Above is All from an id on, which is not among them; "" is below all.
func (c *Client) Above(ctx context.Context, kind, id string) iter.Seq2[*Resource, error] {
	return func(yield func(*Resource, error) bool) {
		last := id
		for {
			rows, more, err := c.above(ctx, kind, last)
			if err != nil {
				yield(nil, err)
				return
			}
			if rows == nil {
				c.rest(ctx, kind, last, yield)
				return
			}
			for i := range rows {
				if !yield(&rows[i], nil) {
					return
				}
				last = rows[i].ID
			}
			if !more {
				return
			}
		}
	}
}

// above reads one page of ids above last. rows is nil where the server does not filter by id.
func (c *Client) above(ctx context.Context, kind, last string) (rows []Resource, more bool, err error) {
	req := call{method: http.MethodGet, path: kind, query: url.Values{
		"filter[accountId]": {c.account}, "sort": {"id"}, "page[limit]": {strconv.Itoa(pageLimit)}, "page[offset]": {"0"},
	}}
	if err := req.checkKind(kind); err != nil {
		return nil, false, err
	}
	if last != "" {
		req.query.Set("filter[id]["+GT+"]", last)
	}
	p, err := c.page(ctx, req)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Rejected && last != "" {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	for before, i := last, 0; i < len(p.rows); i++ {
		if !LessID(before, p.rows[i].ID) {
			return nil, false, nil // neither above the last id nor in order
		}
		before = p.rows[i].ID
	}
	return append([]Resource{}, p.rows...), len(p.rows) > 0 && (p.nextLink != "" || len(p.rows) == pageLimit), nil
}

// rest reads by offset what is above an id.
func (c *Client) rest(ctx context.Context, kind, last string, yield func(*Resource, error) bool) {
	for r, err := range c.List(ctx, kind, ListQuery{Sort: "id"}) {
		if err == nil && !LessID(last, r.ID) {
			continue
		}
		if !yield(r, err) || err != nil {
			return
		}
	}
}

// LessID compares ids as numbers; "" is below all.
func LessID(a, b string) bool {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// Count asks how many resources of a kind the account holds. Where the answer does not tell (meta.totalResourceCount is
// seen, not documented), exact is false, and n is 0 or at least 1.
func (c *Client) Count(ctx context.Context, kind string) (n int64, exact bool, err error) {
	req := call{method: http.MethodGet, path: kind, query: url.Values{
		"filter[accountId]": {c.account}, "sort": {"id"}, "page[limit]": {"1"}, "page[offset]": {"0"},
	}}
	if err := req.checkKind(kind); err != nil {
		return 0, false, err
	}
	p, err := c.page(ctx, req)
	if err != nil {
		return 0, false, err
	}
	if p.total != nil {
		return *p.total, true, nil
	}
	return int64(len(p.rows)), len(p.rows) == 0, nil
}
