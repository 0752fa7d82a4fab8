package magento

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// fakeShop is a server that knows the requests of one test and fails it on any
// other. A handler is found by method and path as it was sent.
type fakeShop struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
}

func newFakeShop(t *testing.T, routes map[string]http.HandlerFunc) *fakeShop {
	t.Helper()
	shop := &fakeShop{}
	shop.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shop.mu.Lock()
		shop.requests = append(shop.requests, r)
		shop.mu.Unlock()
		if handle, ok := routes[r.Method+" "+r.URL.EscapedPath()]; ok {
			handle(w, r)
			return
		}
		t.Errorf("a request that this shop does not know: %s %s", r.Method, r.URL.EscapedPath())
		http.Error(w, "unknown", http.StatusTeapot)
	}))
	t.Cleanup(shop.Close)
	return shop
}

func (s *fakeShop) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *fakeShop) last() *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[len(s.requests)-1]
}

// answers sends one answer after the other, and the last one for ever.
func answers(steps ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	n := 0
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		step := steps[min(n, len(steps)-1)]
		n++
		mu.Unlock()
		step(w, r)
	}
}

// says is an answer of Magento's, in JSON.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// shows is a page.
func shows(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

const token = "t0ken-with-40-characters-of-no-meaning-xx"

// newTestClient waits next to nothing between retries.
func newTestClient(t *testing.T, url string, change ...func(*Config)) *Client {
	t.Helper()
	cfg := Config{StoreURL: url, Auth: Bearer(token), RetryWait: time.Millisecond}
	for _, f := range change {
		f(&cfg)
	}
	c, err := NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustFail(t *testing.T, c *Client, path string) *Error {
	t.Helper()
	_, err := c.Get(context.Background(), path, nil)
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("Get %s: got %v, want an *Error", path, err)
	}
	return e
}
