package magentotest

import (
	"net/http"
	"regexp"
	"strings"
	"time"
)

// Fault is a scripted misbehaviour: which requests it meets, and what happens to them.
//
// Of the faults that break an answer, the first that still applies wins. Those that are about the shop's records (Poison, Hide,
// UnstableTies, Between) all apply, beside the one that wins.
type Fault struct {
	// Name appears in the request log.
	Name string

	// Prefix matches the start of the path without /rest and store code, percent-encoded as sent: "/V1/orders".
	Prefix string
	// Pattern matches path and query as sent, together with Prefix when both are given.
	Pattern *regexp.Regexp
	// WiderThan meets only lists whose window, what the filters on updated_at or created_at leave, is longer than this. A
	// window without a beginning is endless; one without an end ends now.
	WiderThan time.Duration
	// After lets this many matching requests pass first: 2 means from the third on.
	After int
	// Times is how many requests it meets, then it is spent. 0: no end.
	Times int
	// For is how long it lasts from when it was added. 0: no end.
	For time.Duration

	// Delay waits before anything else. Alone, the request is then answered well.
	Delay time.Duration
	// Close breaks the connection before a byte is answered.
	Close bool
	// Reset makes Close and Cut a reset (RST) instead of an end (FIN).
	Reset bool
	// Cut breaks the connection after this part of the body, be it the shop's or the one below: 0.5 is the middle.
	Cut float64
	// Truncate ends the body after this part of it as if that were all.
	Truncate float64
	// CutGzip ends the compressed body after this part of it; a client that takes no gzip gets its answer truncated there.
	CutGzip float64
	// LongerBy promises this many bytes more in Content-Length than are sent.
	LongerBy int
	// ShorterBy promises this many bytes less in Content-Length than are sent; the rest stands on the connection.
	ShorterBy int
	// Trickle sends the body slowly, and never ends it.
	Trickle *Trickle
	// Status, Header and Body are answered instead. Without a Content-Type it is JSON when the body begins with { or [, else HTML.
	Status int
	Header map[string]string
	Body   string

	// Poison breaks every answer that would hold one record.
	Poison *Poison
	// Hide keeps a record out of every answer: with For or Times a row that is committed late, whatever its updated_at.
	Hide *Hide
	// UnstableTies sorts rows that are equal by the sort orders differently for each request.
	UnstableTies bool
	// Between is called before each request it meets, never twice at the same time, with the number of requests met before.
	// It may change the shop, that is what other people do between two requests; it must not ask the server.
	Between func(n int)
}

// Poison is a record that Magento cannot answer. A page that would hold it is broken as a whole, whatever `fields=` asks for.
type Poison struct {
	Stream string `json:"stream"`
	Key    string `json:"key"` // see Key; a product's is its SKU, an order's its entity_id
	// Status and Body are the answer, which fields= does not cut. Status 0 is a 500 with a Report ID, as for an exception in a plugin.
	Status int    `json:"status,omitempty"`
	Body   string `json:"body,omitempty"`
}

// Hide names a record. From is for Recorded; a fault hides its record from every question.
type Hide struct {
	Stream string `json:"stream"`
	Key    string `json:"key"`
	From   string `json:"from,omitempty"`
}

// Trickle is a speed: some bytes, then a pause. When the body is sent, blanks follow.
type Trickle struct {
	Bytes int
	Every time.Duration
}

// Forbidden is a 403 that names a permission, as some versions and proxies answer it instead of 401.
func Forbidden(prefix, resource string) Fault {
	return Fault{Name: "forbidden", Prefix: prefix, Status: http.StatusForbidden,
		Body: string(unauthorized(resource).body)}
}

// MissingProduct makes every page of orders that holds this order a 404, as when an extension loads a product that was deleted.
// The message is Magento's own unless another is given: shops answer it in their language.
func MissingProduct(orderID, message string) Fault {
	if message == "" {
		message = noProduct
	}
	return Fault{Name: "missing product", Prefix: "/V1/orders",
		Poison: &Poison{Stream: "orders", Key: orderID, Status: http.StatusNotFound, Body: string(failure(404, message, "").body)}}
}

// scripted is a fault that a server watches for.
type scripted struct {
	Fault
	added time.Time
	met   int // matching requests so far
}

// AddFault adds a fault and returns what takes it away again.
func (s *Server) AddFault(fault Fault) (remove func()) {
	added := &scripted{Fault: fault, added: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, added)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i, fault := range s.faults {
			if fault == added {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
				return
			}
		}
	}
}

// ClearFaults takes all faults away.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// fault returns the fault that breaks the answer to this request, nil when none does.
func (s *Server) fault(r *http.Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fault := range s.faults {
		if !fault.ofRecords() && s.matches(fault, r) && fault.takesTurn() {
			found := fault.Fault
			return &found
		}
	}
	return nil
}

// ofRecords tells the faults that are about records from those that break an answer.
func (f *Fault) ofRecords() bool {
	return f.Poison != nil || f.Hide != nil || f.UnstableTies || f.Between != nil
}

// takesTurn counts a matching request and tells whether the fault meets it.
func (f *scripted) takesTurn() bool {
	turn := f.met - f.After
	f.met++
	return turn >= 0 && (f.Times == 0 || turn < f.Times)
}

func (s *Server) matches(f *scripted, r *http.Request) bool {
	path := r.URL.EscapedPath()
	if at := strings.Index(path, "/V1/"); at > 0 {
		path = path[at:]
	}
	return strings.HasPrefix(path, f.Prefix) && (f.Pattern == nil || f.Pattern.MatchString(r.URL.RequestURI())) &&
		(f.For == 0 || time.Since(f.added) < f.For) && (f.WiderThan == 0 || windowOf(r, s.now()) > f.WiderThan)
}

// answer is what the fault says instead of the shop.
func (f *Fault) answer(w http.ResponseWriter) *answer {
	contentType := contentTypeOf(f.Body)
	for name, value := range f.Header {
		w.Header().Set(name, value)
		if http.CanonicalHeaderKey(name) == "Content-Type" {
			contentType = value
		}
	}
	return &answer{status: f.Status, contentType: contentType, body: []byte(f.Body)}
}

func contentTypeOf(body string) string {
	if strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") {
		return jsonType
	}
	return "text/html; charset=UTF-8"
}
