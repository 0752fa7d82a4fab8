package sandbox

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const mediaType = "application/vnd.api+json"

// answer is what goes back, as a value: a fault may still cut it short.
type answer struct {
	status  int
	header  map[string]string
	body    []byte
	applied bool // a write was committed
}

func jsonAnswer(status int, v any) answer {
	return answer{status: status, body: encode(v), header: map[string]string{"Content-Type": mediaType}}
}

// errorAnswer has the form that a client's message extractor expects (seen): errors[], the text in detail and, where it
// looks first, in meta.message.
func errorAnswer(p *problem) answer {
	type message struct {
		Message string `json:"message"`
	}
	type item struct {
		Status string  `json:"status"`
		Title  string  `json:"title"`
		Detail string  `json:"detail"`
		Meta   message `json:"meta"`
	}
	title := strings.ToUpper(strings.ReplaceAll(http.StatusText(p.status), " ", "_"))
	items := []item{}
	for _, m := range p.messages {
		items = append(items, item{Status: strconv.Itoa(p.status), Title: title, Detail: m, Meta: message{m}})
	}
	return jsonAnswer(p.status, map[string]any{"errors": items})
}

// oauthAnswer is an error of the token endpoint, and of a refused token (seen).
func oauthAnswer(status int, code, description string) answer {
	a := jsonAnswer(status, map[string]string{"error": code, "error_description": description})
	a.header["Content-Type"] = "application/json"
	return a
}

type links map[string]any

type resourceObject struct {
	ID            string                      `json:"id"`
	Type          string                      `json:"type"`
	Attributes    map[string]any              `json:"attributes"`
	Relationships map[string]map[string]links `json:"relationships,omitempty"`
	Links         links                       `json:"links"`
}

// object is a resource as answered: the full attribute set whatever was sent (seen), without orderLines (seen). base
// is the address of the API.
func object(r *record, base string) resourceObject {
	self := base + "/" + r.kind.name + "/" + formatID(r.id)
	o := resourceObject{
		ID: formatID(r.id), Type: r.kind.name, Attributes: answered(r),
		Relationships: map[string]map[string]links{}, Links: links{"self": self},
	}
	for _, name := range r.kind.relations {
		o.Relationships[name] = map[string]links{"links": {"self": self + "/relationships/" + name, "related": self + "/" + name}}
	}
	return o
}

func answered(r *record) map[string]any {
	out := map[string]any{}
	for _, a := range r.kind.attributes {
		if !a.hidden {
			out[a.name] = r.values[a.name]
		}
	}
	return out
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }

// listAnswer cuts a page out of what matches. links.next is null on the last page (seen).
func listAnswer(found []*record, l listing, base string, at *url.URL) answer {
	total := len(found)
	from, to := min(l.offset, total), min(l.offset+l.limit, total)
	data := []resourceObject{}
	for _, r := range found[from:to] {
		data = append(data, object(r, base))
	}
	link := func(offset int) string {
		q := at.Query()
		q.Set("page[limit]", strconv.Itoa(l.limit))
		q.Set("page[offset]", strconv.Itoa(offset))
		return base + strings.TrimPrefix(at.Path, apiPrefix) + "?" + q.Encode()
	}
	page := links{"first": link(0), "last": link(max(total-1, 0) / l.limit * l.limit), "next": nil, "prev": nil}
	if to < total {
		page["next"] = link(l.offset + l.limit)
	}
	if l.offset > 0 {
		page["prev"] = link(l.offset - l.limit)
	}
	return jsonAnswer(http.StatusOK, map[string]any{
		"data": data, "links": page, "meta": map[string]int{"totalResourceCount": total},
	})
}
