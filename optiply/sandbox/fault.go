package sandbox

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Effect is what a fault does to a request.
type Effect string

const (
	// Answer answers Status (with Retry-After, if set) and applies nothing.
	Answer Effect = "answer"
	// AnswerAfter applies the request and then answers Status, as a gateway does that lost the server behind it.
	AnswerAfter Effect = "answer_after"
	// ExpireTokens makes all tokens invalid, so that this request and the others in flight get 401.
	ExpireTokens Effect = "expire_tokens"
	// ResetBefore closes the connection and applies nothing.
	ResetBefore Effect = "reset_before"
	// ResetAfter applies the request, durably, and closes the connection without an answer.
	ResetAfter Effect = "reset_after"
	// HangAfter applies the request, durably, and never answers.
	HangAfter Effect = "hang_after"
	// TruncateAfter applies the request, durably, and closes the connection in the middle of the answer.
	TruncateAfter Effect = "truncate_after"
	// Slow waits for Delay and then goes on as ever.
	Slow Effect = "slow"
)

// Fault is one scripted misbehaviour. Of all that match a request, the one that was added first strikes.
type Fault struct {
	Method   string // empty: any
	Path     string // part of the path, such as "sellOrders"; empty: any of the API, never the token endpoint
	Contains string // part of the request body; empty: any

	Skip   int     // so many matching requests pass first
	Times  int     // how often it strikes; 0 means once, negative means for ever
	Chance float64 // probability from 0 to 1 of striking a match, from Options.Seed; 0 means always

	Effect     Effect
	Status     int // for Answer and AnswerAfter; 0 means 500
	Message    string
	RetryAfter time.Duration // sent as whole seconds, rounded up
	Delay      time.Duration // for Slow
}

// answer is what Answer and AnswerAfter give. Gateways answer in HTML, as the ones before the API do (inferred).
func (f Fault) answer() answer {
	status := f.Status
	if status == 0 {
		status = http.StatusInternalServerError
	}
	message := f.Message
	if message == "" {
		message = http.StatusText(status)
	}
	a := errorAnswer(refuse(status, "%s", message))
	if status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout {
		a.header["Content-Type"] = "text/html"
		a.body = []byte("<html><head><title>" + message + "</title></head><body></body></html>")
	}
	if f.RetryAfter > 0 {
		a.header["Retry-After"] = seconds(f.RetryAfter)
	}
	return a
}

// script holds the faults and decides which one strikes.
type script struct {
	mu     sync.Mutex
	random *rand.Rand
	faults []*scripted
}

type scripted struct {
	Fault
	seen, struck int
}

func newScript(seed uint64) *script {
	return &script{random: rand.New(rand.NewPCG(seed, seed))}
}

func (s *script) add(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &scripted{Fault: f})
}

func (s *script) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// strike gives the fault for this request; its Effect is empty when there is none.
func (s *script) strike(method, path string, body []byte) Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.spent() || !f.matches(method, path, body) {
			continue
		}
		if f.seen++; f.seen <= f.Skip {
			continue
		}
		if f.Chance > 0 && s.random.Float64() >= f.Chance {
			continue
		}
		f.struck++
		return f.Fault
	}
	return Fault{}
}

func (f *scripted) spent() bool { return f.Times >= 0 && f.struck >= max(f.Times, 1) }

func (f *scripted) matches(method, path string, body []byte) bool {
	if f.Method != "" && f.Method != method {
		return false
	}
	if f.Path == "" && !strings.HasPrefix(path, apiPrefix) || !strings.Contains(path, f.Path) {
		return false
	}
	return strings.Contains(string(body), f.Contains)
}
