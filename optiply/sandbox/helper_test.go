package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// caller speaks raw HTTP to a sandbox, so that the tests see the wire and not a client's view of it.
type caller struct {
	*testing.T
	box   *Sandbox
	token string
}

func begin(t *testing.T, opts Options) *caller {
	t.Helper()
	if opts.Now == nil {
		opts.Now = func() time.Time { return time.Date(2026, 11, 23, 8, 30, 1, 0, time.UTC) }
	}
	box, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	c := &caller{T: t, box: box}
	c.login()
	return c
}

func (c *caller) login() {
	c.Helper()
	r := httptest.NewRequest(http.MethodPost, tokenPath, strings.NewReader("grant_type=password&username=u&password=p"))
	r.SetBasicAuth("id", "secret")
	c.token = c.do(r).member("access_token").(string)
}

// reply is an answer with its body decoded.
type reply struct {
	*testing.T
	status int
	header http.Header
	text   string
	body   map[string]any
}

func (c *caller) do(r *http.Request) reply {
	c.Helper()
	w := httptest.NewRecorder()
	c.box.ServeHTTP(w, r)
	got := reply{T: c.T, status: w.Code, header: w.Header(), text: w.Body.String()}
	d := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	d.UseNumber()
	_ = d.Decode(&got.body)
	return got
}

// send makes a request with all that the conventions ask for; path may carry a query, else a write gets the usual one.
func (c *caller) send(method, path, body string) reply {
	c.Helper()
	if method != http.MethodGet && !strings.Contains(path, "?") {
		path += "?accountId=98&couplingId=4711"
	}
	name, query, _ := strings.Cut(path, "?")
	r := httptest.NewRequest(method, apiPrefix+"/"+name+"?"+query, strings.NewReader(body))
	r.Header.Set("Content-Type", mediaType)
	r.Header.Set("Authorization", "Bearer "+c.token)
	return c.do(r)
}

func (c *caller) post(kind, attributes string) reply {
	c.Helper()
	return c.send(http.MethodPost, kind, `{"data":{"type":"`+kind+`","attributes":`+attributes+`}}`)
}

func (c *caller) patch(kind, id, attributes string) reply {
	c.Helper()
	return c.send(http.MethodPatch, kind+"/"+id, `{"data":{"type":"`+kind+`","attributes":`+attributes+`}}`)
}

// ids lists a kind and gives the ids of the first page. The query is written unencoded.
func (c *caller) ids(kind, query string) []string {
	c.Helper()
	q := url.Values{}
	for part := range strings.SplitSeq(query, "&") {
		if name, value, ok := strings.Cut(part, "="); ok {
			q.Add(name, value)
		}
	}
	got := c.send(http.MethodGet, kind+"?"+q.Encode(), "").want(http.StatusOK)
	out := []string{}
	for _, row := range got.body["data"].([]any) {
		out = append(out, row.(map[string]any)["id"].(string))
	}
	return out
}

func (r reply) want(status int) reply {
	r.Helper()
	if r.status != status {
		r.Fatalf("status %d, want %d: %s", r.status, status, r.text)
	}
	return r
}

// member follows names into the body.
func (r reply) member(names ...string) any {
	r.Helper()
	var v any = r.body
	for _, name := range names {
		m, ok := v.(map[string]any)
		if !ok {
			r.Fatalf("no %s in %s", strings.Join(names, "."), r.text)
		}
		v = m[name]
	}
	return v
}

func (r reply) id() string { r.Helper(); return r.member("data", "id").(string) }

func (r reply) attribute(name string) any { r.Helper(); return r.member("data", "attributes", name) }

// message is the first of errors[].
func (r reply) message() string {
	r.Helper()
	list, _ := r.body["errors"].([]any)
	if len(list) == 0 {
		return ""
	}
	first := list[0].(map[string]any)
	if first["meta"].(map[string]any)["message"] != first["detail"] || first["status"] != fmt.Sprint(r.status) {
		r.Errorf("error form: %s", r.text)
	}
	return first["detail"].(string)
}

const stool = `{"remoteId":"1501","name":"Oak stool","skuCode":"OAK-ST-1","articleCode":"1501","price":49.95,"unlimitedStock":false,` +
	`"stockLevel":12,"status":"enabled","createdAtRemote":"2024-03-01T09:15:00Z","remoteDataSyncedToDate":"2026-11-23T08:30:00Z"}`

func order(product, more string) string {
	return `{"remoteId":"9001","placed":"2026-11-20T14:03:11Z","completed":"2026-11-21T07:00:00Z","totalValue":149.85,` +
		`"orderLines":[{"quantity":3,"subtotalValue":149.85,"productId":` + product + `}` + more + `]}`
}
