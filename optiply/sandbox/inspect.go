package sandbox

import (
	"maps"
	"slices"
	"time"
)

// Resource is a stored resource, for tests and tables.
type Resource struct {
	ID         string            `json:"id"`
	Type       string            `json:"type"`
	UUID       string            `json:"uuid"`
	RemoteIDs  map[string]string `json:"remoteIds"`  // by coupling
	Attributes map[string]any    `json:"attributes"` // as answered: string, int64, json.Number, bool or nil
	Lines      []Resource        `json:"lines,omitempty"`
}

// RemoteID is the remote id under the lowest coupling; usually there is one.
func (r Resource) RemoteID() string {
	for _, coupling := range slices.Sorted(maps.Keys(r.RemoteIDs)) {
		return r.RemoteIDs[coupling]
	}
	return ""
}

func inspect(r *record) Resource {
	remote, _ := r.values["remoteIdMap"].(map[string]string)
	id, _ := r.values["uuid"].(string)
	return Resource{
		ID: formatID(r.id), Type: r.kind.name, UUID: id, RemoteIDs: maps.Clone(remote), Attributes: answered(r),
	}
}

// Products gives all products by id.
func (s *Sandbox) Products() []Resource {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Resource
	for _, r := range s.state.tables[kindProducts].all() {
		out = append(out, inspect(r))
	}
	return out
}

// SellOrders gives all sell orders by id, each with its lines by id.
func (s *Sandbox) SellOrders() []Resource {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Resource
	for _, r := range s.state.tables[kindSellOrders].all() {
		order := inspect(r)
		for _, line := range s.state.linesOf(r.id) {
			order.Lines = append(order.Lines, inspect(line))
		}
		out = append(out, order)
	}
	return out
}

// Request is one that arrived since Open.
type Request struct {
	At      time.Time
	Method  string
	Path    string
	Query   string
	Status  int    // 0 when the connection was cut or left hanging
	Applied bool   // a write that was committed, whatever the client heard of it
	Fault   Effect // the fault that struck, if any
}

// Requests gives all requests in the order of their answers, token requests included.
func (s *Sandbox) Requests() []Request {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	return slices.Clone(s.requests)
}

// Writes counts the committed writes by method and kind, such as "POST products".
func (s *Sandbox) Writes() map[string]int {
	counts := map[string]int{}
	for _, r := range s.Requests() {
		if r.Applied {
			counts[r.Method+" "+pathKind(r.Path)]++
		}
	}
	return counts
}

func (s *Sandbox) record(r Request) {
	s.logMu.Lock()
	defer s.logMu.Unlock()
	s.requests = append(s.requests, r)
}
