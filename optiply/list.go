package optiply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// pageLimit is the most the API gives in one page; its default is 50 (documented).
const pageLimit = 100

// The operators of a filter (documented).
const (
	EQ   = "EQ"
	NEQ  = "NEQ"
	LIKE = "LIKE" // part of a text
	LT   = "LT"
	LE   = "LE"
	GT   = "GT"
	GE   = "GE"
)

// Filter compares one attribute. Any attribute of the object can be named (documented), but not remoteId, which no client
// was seen to filter by; id and createdAt can. The value "null" stands for no value (seen).
type Filter struct {
	Attribute string
	Operator  string // empty means EQ
	Value     string
}

// FilterTime writes a time the way the one client that filters by time does: UTC with +00:00 rather than Z (seen).
func FilterTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05-07:00") }

// ListQuery selects and orders. All filters must hold (seen).
type ListQuery struct {
	Filters []Filter
	// Sort is an attribute, with "-" before it for descending. Empty means id, the one order in which offset paging
	// does not shift when rows are added meanwhile; rows deleted meanwhile make it skip in any order (inferred).
	Sort string
}

// List reads all pages. The sequence ends with the last row or with one error, never with both silently: a page that
// brings nothing new is an error, because some server ignored where it was asked to go on.
func (c *Client) List(ctx context.Context, kind string, q ListQuery) iter.Seq2[*Resource, error] {
	return func(yield func(*Resource, error) bool) {
		req := call{method: http.MethodGet, path: kind}
		if err := req.checkKind(kind); err != nil {
			yield(nil, err)
			return
		}
		query, err := q.values(c.account)
		if err != nil {
			yield(nil, req.fail(Rejected, err))
			return
		}
		for at, done := (cursor{limit: pageLimit}), false; !done; {
			req.query = at.apply(query)
			page, err := c.page(ctx, req)
			if err == nil {
				at, done, err = at.next(page)
			}
			if err != nil {
				yield(nil, asCallError(req, err))
				return
			}
			for i := range page.rows {
				if !yield(&page.rows[i], nil) {
					return
				}
			}
		}
	}
}

func asCallError(req call, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return req.broken(http.StatusOK, err)
}

func (q ListQuery) values(account string) (url.Values, error) {
	v := url.Values{"filter[accountId]": {account}, "sort": {"id"}}
	if q.Sort != "" {
		v.Set("sort", q.Sort)
	}
	for _, f := range q.Filters {
		if !kindForm.MatchString(f.Attribute) || f.Attribute == "accountId" {
			return nil, fmt.Errorf("cannot filter by %q", f.Attribute)
		}
		name := "filter[" + f.Attribute + "]"
		if f.Operator != "" && f.Operator != EQ {
			name += "[" + f.Operator + "]"
		}
		v.Add(name, f.Value)
	}
	return v, nil
}

// page is one answer of a listing.
type page struct {
	rows      []Resource
	nextLink  string // empty on the last page
	linksGive bool   // whether the answer has links at all, so that a missing next means the end
	total     *int64 // of all pages; nil where the answer does not tell
}

func (c *Client) page(ctx context.Context, req call) (page, error) {
	var p page
	err := c.repeat(ctx, req, func(ctx context.Context) error {
		ans, err := c.do(ctx, req)
		if err != nil {
			return err
		}
		if ans.bodyErr != nil {
			return req.broken(ans.status, ans.bodyErr)
		}
		if p, err = decodePage(ans.body); err != nil {
			return req.broken(ans.status, err)
		}
		return nil
	})
	return p, err
}

func decodePage(body []byte) (page, error) {
	var doc struct {
		Data  *[]Resource                `json:"data"`
		Links map[string]json.RawMessage `json:"links"`
		Meta  json.RawMessage            `json:"meta"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return page{}, fmt.Errorf("read answer: %w", err)
	}
	if doc.Data == nil {
		return page{}, errors.New("the answer holds no list")
	}
	p := page{rows: *doc.Data, linksGive: doc.Links != nil}
	for i := range p.rows {
		if p.rows[i].ID == "" {
			return page{}, fmt.Errorf("row %d of the page has no id", i+1)
		}
	}
	var meta struct {
		Total *int64 `json:"totalResourceCount"`
	}
	if json.Unmarshal(doc.Meta, &meta) == nil { // nobody depends on it but Count
		p.total = meta.Total
	}
	raw := doc.Links["next"]
	var object struct{ Href string }
	if json.Unmarshal(raw, &object) == nil && object.Href != "" { // JSON:API's other form of a link
		p.nextLink = object.Href
	} else {
		p.nextLink, _ = scalar(raw)
	}
	return p, nil
}

// cursor is where a listing stands.
type cursor struct {
	limit, offset int
	first         string // id of the first row of the page before
}

func (c cursor) apply(query url.Values) url.Values {
	v := url.Values{"page[limit]": {strconv.Itoa(c.limit)}, "page[offset]": {strconv.Itoa(c.offset)}}
	for name, values := range query {
		v[name] = values
	}
	return v
}

// next says where to go on after p. The last page has no links.next (seen), is short, or is empty; of a link only the
// numbers are used, never its host.
func (c cursor) next(p page) (cursor, bool, error) {
	if len(p.rows) == 0 {
		return c, true, nil
	}
	if p.rows[0].ID == c.first {
		return c, false, fmt.Errorf("no progress: the page at offset %d repeats the one before", c.offset)
	}
	if p.nextLink == "" && (p.linksGive || len(p.rows) < c.limit) {
		return c, true, nil
	}
	following := cursor{limit: c.limit, offset: c.offset + c.limit, first: p.rows[0].ID}
	if p.nextLink != "" {
		following.limit, following.offset = linkNumbers(p.nextLink, following)
	}
	if following.offset <= c.offset {
		return c, false, fmt.Errorf("no progress: after offset %d the server goes on at %d", c.offset, following.offset)
	}
	if following.offset > c.offset+len(p.rows) {
		return c, false, fmt.Errorf("rows are missing: the page at offset %d holds %d and the server goes on at %d",
			c.offset, len(p.rows), following.offset)
	}
	return following, false, nil
}

func linkNumbers(link string, fallback cursor) (limit, offset int) {
	limit, offset = fallback.limit, fallback.offset
	u, err := url.Parse(link)
	if err != nil {
		return limit, offset
	}
	q := u.Query()
	if n, err := strconv.Atoi(q.Get("page[limit]")); err == nil && n > 0 && n <= pageLimit {
		limit = n
	}
	if n, err := strconv.Atoi(q.Get("page[offset]")); err == nil {
		offset = n
	}
	return limit, offset
}
