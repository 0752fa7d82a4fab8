package optiply_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
)

const (
	oakStool = `{"remoteId":"1501","name":"Oak stool","skuCode":"OAK-ST-1","articleCode":"1501","price":"49.95",` +
		`"unlimitedStock":false,"stockLevel":12,"status":"enabled","createdAtRemote":"2024-03-01T09:15:00Z"}`
	secretToken = "token-that-must-not-show"
)

// heard is what arrived at the server, headers included.
type heard struct {
	mu       sync.Mutex
	requests []*http.Request
}

func (h *heard) last(t *testing.T, path string) *http.Request {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := len(h.requests) - 1; i >= 0; i-- {
		if h.requests[i].URL.Path == path {
			return h.requests[i]
		}
	}
	t.Fatalf("no request for %s", path)
	return nil
}

// account is a sandbox with a client that speaks to it over HTTP.
type account struct {
	*optiply.Client
	sandbox *sandbox.Sandbox
	heard   *heard
	config  optiply.Config
}

// open starts a sandbox; change may adjust the client's settings.
func open(t *testing.T, opts sandbox.Options, change func(*optiply.Config)) account {
	t.Helper()
	box, err := sandbox.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	h := &heard{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.requests = append(h.requests, r.Clone(context.Background()))
		h.mu.Unlock()
		box.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	cfg := settings(server.URL)
	if change != nil {
		change(&cfg)
	}
	return account{Client: client(t, cfg), sandbox: box, heard: h, config: cfg}
}

func settings(root string) optiply.Config {
	return optiply.Config{
		BaseURL: root + "/v1", DashboardURL: root + "/api",
		ClientID: "shop", ClientSecret: "s3cret-client", Username: "user@shop.example", Password: "p4ss-word",
		AccountID: 98, CouplingID: 4711, RetryWait: time.Millisecond,
	}
}

func client(t *testing.T, cfg optiply.Config) *optiply.Client {
	t.Helper()
	c, err := optiply.NewClient(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// serve is a client against a handler, for answers that the sandbox never gives.
func serve(t *testing.T, answer http.HandlerFunc) *optiply.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/auth/oauth/token" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"access_token":"` + secretToken + `","expires_in":86400}`))
			return
		}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return client(t, settings(server.URL))
}

func text(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func asError(t *testing.T, err error) *optiply.Error {
	t.Helper()
	e, ok := errors.AsType[*optiply.Error](err)
	if !ok {
		t.Fatalf("error %v (%T) is no *optiply.Error", err, err)
	}
	return e
}

func must(t *testing.T, r *optiply.Resource, err error) *optiply.Resource {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func raw(s string) json.RawMessage { return json.RawMessage(s) }
