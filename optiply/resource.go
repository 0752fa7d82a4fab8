package optiply

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
)

// Resource is one object as Optiply answers it.
type Resource struct {
	ID   string // digits; a string in answers (seen), a number is accepted too
	Type string
	UUID string // always there since 2025-01 (documented)
	// RemoteIDs is the attribute remoteIdMap: the remote id by coupling id. Answers have no plain remoteId (seen).
	RemoteIDs map[string]string
	// Attributes are the raw ones. Money comes as a string, or as a number; see Text.
	Attributes json.RawMessage
}

// RemoteID is the remote id under one coupling.
func (r *Resource) RemoteID(couplingID int64) (string, bool) {
	id, ok := r.RemoteIDs[strconv.FormatInt(couplingID, 10)]
	return id, ok
}

// Text gives a scalar attribute as text, without quotes; false when it is absent or null. Numbers keep the digits the
// server sent, so that money never passes through a float.
func (r *Resource) Text(attribute string) (string, bool) {
	var all map[string]json.RawMessage
	if json.Unmarshal(r.Attributes, &all) != nil {
		return "", false
	}
	return scalar(all[attribute])
}

func scalar(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s, true
	}
	return string(raw), true
}

// UnmarshalJSON reads a resource object.
func (r *Resource) UnmarshalJSON(data []byte) error {
	var object struct {
		ID         json.RawMessage `json:"id"`
		Type       string          `json:"type"`
		Attributes json.RawMessage `json:"attributes"`
	}
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	var named struct {
		UUID      string                     `json:"uuid"`
		RemoteIDs map[string]json.RawMessage `json:"remoteIdMap"`
	}
	if len(object.Attributes) > 0 {
		if err := json.Unmarshal(object.Attributes, &named); err != nil {
			return fmt.Errorf("attributes: %w", err)
		}
	}
	id, _ := scalar(object.ID)
	*r = Resource{ID: id, Type: object.Type, UUID: named.UUID, Attributes: object.Attributes, RemoteIDs: map[string]string{}}
	for coupling, raw := range named.RemoteIDs {
		if remote, ok := scalar(raw); ok {
			r.RemoteIDs[coupling] = remote
		}
	}
	return nil
}

// Create posts one resource: 201, or 200 (seen). Sell orders take their lines inline, as attribute orderLines: a flat
// array of quantity, subtotalValue, productId. One attempt, plus one with a new token after a 401.
func (c *Client) Create(ctx context.Context, kind string, attributes json.RawMessage) (*Resource, error) {
	req := call{method: http.MethodPost, path: kind, query: c.writeQuery()}
	if err := req.setBody(kind, attributes); err != nil {
		return nil, err
	}
	return c.one(ctx, req)
}

// Update patches the given attributes: absent means unchanged, null clears (seen). One attempt, like Create.
func (c *Client) Update(ctx context.Context, kind, id string, attributes json.RawMessage) (*Resource, error) {
	req := call{method: http.MethodPatch, path: kind + "/" + id, query: c.writeQuery()}
	if err := errors.Join(req.checkID(id), req.setBody(kind, attributes)); err != nil {
		return nil, err
	}
	return c.one(ctx, req)
}

// Delete removes one resource: 204. One attempt, like Create. A 404 comes back as NotFound; every client seen counts
// it as done. Products are not deleted but disabled, by an Update (documented).
func (c *Client) Delete(ctx context.Context, kind, id string) error {
	req := call{method: http.MethodDelete, path: kind + "/" + id, query: c.writeQuery()}
	if err := errors.Join(req.checkKind(kind), req.checkID(id)); err != nil {
		return err
	}
	_, err := c.do(ctx, req)
	return err
}

// Get reads one resource, and repeats by itself what is worth repeating.
func (c *Client) Get(ctx context.Context, kind, id string) (*Resource, error) {
	req := call{method: http.MethodGet, path: kind + "/" + id, query: url.Values{"filter[accountId]": {c.account}}}
	if err := errors.Join(req.checkKind(kind), req.checkID(id)); err != nil {
		return nil, err
	}
	var found *Resource
	err := c.repeat(ctx, req, func(ctx context.Context) (err error) {
		found, err = c.one(ctx, req)
		return err
	})
	return found, err
}

// repeat runs a read under the retry policy. A cancelled wait is an Error too.
func (c *Client) repeat(ctx context.Context, req call, f func(context.Context) error) error {
	err := c.retries.do(ctx, f)
	if _, ok := errors.AsType[*Error](err); err != nil && !ok {
		return req.fail(Transport, err)
	}
	return err
}

// one does a call that is answered with one resource.
func (c *Client) one(ctx context.Context, req call) (*Resource, error) {
	ans, err := c.do(ctx, req)
	if err != nil {
		return nil, err
	}
	_, wanted := splitID(req.path)
	if ans.status == http.StatusNoContent && req.method == http.MethodPatch { // JSON:API allows it; never seen
		return &Resource{ID: wanted}, nil
	}
	if ans.bodyErr != nil {
		return nil, req.broken(ans.status, ans.bodyErr)
	}
	var doc struct {
		Data *Resource `json:"data"`
	}
	if err := json.Unmarshal(ans.body, &doc); err != nil {
		return nil, req.broken(ans.status, fmt.Errorf("read answer: %w", err))
	}
	if doc.Data == nil || doc.Data.ID == "" {
		return nil, req.broken(ans.status, errors.New("the answer holds no resource with an id"))
	}
	if wanted != "" && doc.Data.ID != wanted {
		return nil, req.broken(ans.status, fmt.Errorf("the answer is about id %q", printableID(doc.Data.ID)))
	}
	return doc.Data, nil
}

func (c *Client) writeQuery() url.Values {
	return url.Values{"accountId": {c.account}, "couplingId": {c.coupling}}
}

// setBody wraps attributes without changing a byte of them, so that a ledger's hash is that of what was sent. data.id
// is left out, as the clients in production that update products do (seen).
func (c *call) setBody(kind string, attributes json.RawMessage) error {
	if err := c.checkKind(kind); err != nil {
		return err
	}
	trimmed := bytes.TrimSpace(attributes)
	if !bytes.HasPrefix(trimmed, []byte("{")) || !json.Valid(trimmed) {
		return c.fail(Rejected, errors.New("attributes are not a JSON object"))
	}
	c.body = fmt.Appendf(nil, `{"data":{"type":%q,"attributes":%s}}`, kind, trimmed)
	return nil
}

var (
	kindForm = regexp.MustCompile(`^[A-Za-z]+$`)
	idForm   = regexp.MustCompile(`^[0-9]{1,19}$`)
)

func (c call) checkKind(kind string) error {
	if !kindForm.MatchString(kind) {
		return c.fail(Rejected, fmt.Errorf("%q is not a kind of resource", printableID(kind)))
	}
	return nil
}

// checkID keeps /products/nan and /products/ from ever being requested; clients have done so, and got a 500 (seen).
func (c call) checkID(id string) error {
	if !idForm.MatchString(id) {
		return c.fail(Rejected, fmt.Errorf("%q is not an Optiply id", printableID(id)))
	}
	return nil
}

func splitID(path string) (kind, id string) {
	for i := range path {
		if path[i] == '/' {
			return path[:i], path[i+1:]
		}
	}
	return path, ""
}

func printableID(s string) string {
	if texts := printable(s); len(texts) > 0 {
		return texts[0]
	}
	return ""
}
