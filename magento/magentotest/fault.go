package magentotest

import (
	"net/http"
	"regexp"
	"strings"
	"time"
)

// Fault is a scripted misbehaviour: which requests it meets, and what happens to them. The first fault of a server that still
// applies wins.
type Fault struct {
	// Name appears in the request log.
	Name string

	// Prefix matches the start of the path without /rest and store code, percent-encoded as sent: "/V1/orders".
	Prefix string
	// Pattern matches path and query as sent, together with Prefix when both are given.
	Pattern *regexp.Regexp
	// After lets this many matching requests pass first: 2 means from the third on.
	After int
	// Times is how many requests it meets, then it is spent. 0: no end.
	Times int

	// Delay waits before anything else. Alone, the request is then answered well.
	Delay time.Duration
	// Close breaks the connection before a byte is answered.
	Close bool
	// Cut breaks the connection after this part of the body, be it the shop's or the one below: 0.5 is the middle.
	Cut float64
	// Status, Header and Body are answered instead. Without a Content-Type it is JSON when the body begins with { or [, else HTML.
	Status int
	Header map[string]string
	Body   string
}

// scripted is a fault that a server watches for.
type scripted struct {
	Fault
	met int // matching requests so far
}

// AddFault adds a fault and returns what takes it away again.
func (s *Server) AddFault(fault Fault) (remove func()) {
	added := &scripted{Fault: fault}
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

// fault returns the fault that this request meets, nil when it meets none.
func (s *Server) fault(r *http.Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fault := range s.faults {
		if !fault.matches(r) {
			continue
		}
		turn := fault.met - fault.After
		fault.met++
		if turn >= 0 && (fault.Times == 0 || turn < fault.Times) {
			found := fault.Fault
			return &found
		}
	}
	return nil
}

func (f *Fault) matches(r *http.Request) bool {
	path := r.URL.EscapedPath()
	if at := strings.Index(path, "/V1/"); at > 0 {
		path = path[at:]
	}
	return strings.HasPrefix(path, f.Prefix) && (f.Pattern == nil || f.Pattern.MatchString(r.URL.RequestURI()))
}

// answer is what the fault says instead of the shop.
func (f *Fault) answer(w http.ResponseWriter) *answer {
	contentType := "text/html; charset=UTF-8"
	if strings.HasPrefix(f.Body, "{") || strings.HasPrefix(f.Body, "[") {
		contentType = jsonType
	}
	for name, value := range f.Header {
		w.Header().Set(name, value)
		if http.CanonicalHeaderKey(name) == "Content-Type" {
			contentType = value
		}
	}
	return &answer{status: f.Status, contentType: contentType, body: []byte(f.Body)}
}
