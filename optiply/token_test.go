package optiply_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
)

func tokenRequests(s *sandbox.Sandbox) int {
	n := 0
	for _, r := range s.Requests() {
		if strings.HasSuffix(r.Path, "/auth/oauth/token") {
			n++
		}
	}
	return n
}

func TestToken_IsAskedForAsTheContractSays(t *testing.T) {
	a := open(t, sandbox.Options{}, func(c *optiply.Config) { c.ClientSecret = "a+b/c=%d" })
	if err := a.Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := a.heard.last(t, "/api/auth/oauth/token")
	if id, secret, _ := r.BasicAuth(); id != "shop" || secret != "a+b/c=%d" {
		t.Errorf("Basic %q %q", id, secret)
	}
	if media := r.Header.Get("Content-Type"); media != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" {
		t.Errorf("Content-Type %q, query %q", media, r.URL.RawQuery)
	}
}

func TestToken_IsFetchedOnceByManyCallers(t *testing.T) {
	a := open(t, sandbox.Options{Latency: 20 * time.Millisecond}, nil)
	writeAtOnce := func() {
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() {
				if _, err := a.Create(t.Context(), optiply.Products, raw(oakStool)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	writeAtOnce()
	if n := tokenRequests(a.sandbox); n != 1 {
		t.Errorf("%d token requests", n)
	}
	a.sandbox.ExpireTokens()
	writeAtOnce()
	if n := tokenRequests(a.sandbox); n != 2 {
		t.Errorf("%d token requests after the token expired", n)
	}
	if n := len(a.sandbox.Products()); n != 24 {
		t.Errorf("%d products", n)
	}
}

func TestToken_IsRenewedBeforeItExpires(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	a := open(t, sandbox.Options{TokenLifetime: time.Hour, Now: clock}, func(c *optiply.Config) { c.Now = clock })
	for _, step := range []struct {
		wait time.Duration
		want int
	}{{0, 1}, {57*time.Minute + 59*time.Second, 1}, {time.Second, 2}, {time.Minute, 2}} {
		mu.Lock()
		now = now.Add(step.wait)
		mu.Unlock()
		if _, err := a.Create(t.Context(), optiply.Products, raw(oakStool)); err != nil {
			t.Fatal(err)
		}
		if n := tokenRequests(a.sandbox); n != step.want {
			t.Errorf("at %v: %d token requests, want %d", now, n, step.want)
		}
	}
}

func TestToken_OfAShortLifeIsStillUsed(t *testing.T) {
	a := open(t, sandbox.Options{TokenLifetime: time.Minute}, nil)
	for range 3 {
		if _, err := a.Create(t.Context(), optiply.Products, raw(oakStool)); err != nil {
			t.Fatal(err)
		}
	}
	if n := tokenRequests(a.sandbox); n != 1 {
		t.Errorf("%d token requests", n)
	}
}

func TestToken_ExpiredInTheMiddleIsRenewedOnce(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	a.sandbox.AddFault(sandbox.Fault{Effect: sandbox.ExpireTokens, Skip: 1})
	for range 3 {
		if _, err := a.Create(t.Context(), optiply.Products, raw(oakStool)); err != nil {
			t.Fatal(err)
		}
	}
	if n, products := tokenRequests(a.sandbox), len(a.sandbox.Products()); n != 2 || products != 3 {
		t.Errorf("%d token requests, %d products", n, products)
	}
}

func TestToken_SecondRefusalIsFatal(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	a.sandbox.AddFault(sandbox.Fault{Effect: sandbox.Answer, Status: http.StatusUnauthorized, Times: -1})
	_, err := a.Create(t.Context(), optiply.Products, raw(oakStool))
	e := asError(t, err)
	if e.Kind != optiply.Unauthorized || !e.Fatal() || e.Unknown() || e.Retryable() {
		t.Errorf("%+v", e)
	}
	if n := len(a.sandbox.Requests()); n != 4 { // token, create, token, create
		t.Errorf("%d requests", n)
	}
}

func TestToken_WrongCredentialsNameTheirSettings(t *testing.T) {
	right := sandbox.Credentials{ClientID: "shop", ClientSecret: "s3cret-client", Username: "user@shop.example", Password: "p4ss-word"}
	for name, tc := range map[string]struct {
		change func(*optiply.Config)
		want   string
	}{
		"client id":     {func(c *optiply.Config) { c.ClientID = "other" }, "check optiply.client_id and optiply.client_secret"},
		"client secret": {func(c *optiply.Config) { c.ClientSecret = "hidden-1" }, "check optiply.client_id and optiply.client_secret"},
		"username":      {func(c *optiply.Config) { c.Username = "other" }, "check optiply.username and optiply.password"},
		"password":      {func(c *optiply.Config) { c.Password = "hidden-2" }, "check optiply.username and optiply.password"},
		"dashboard":     {func(c *optiply.Config) { c.DashboardURL += "/nowhere" }, "check optiply.dashboard_url"},
	} {
		t.Run(name, func(t *testing.T) {
			a := open(t, sandbox.Options{Credentials: right}, tc.change)
			err := a.Authenticate(t.Context())
			if err == nil {
				t.Fatal("accepted")
			}
			e := asError(t, err)
			if name == "dashboard" { // another path of the sandbox answers as the API does
				e.Kind = optiply.Unauthorized
			} else if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v", err)
			}
			if e.Kind != optiply.Unauthorized || !e.Fatal() || strings.Contains(err.Error(), "hidden") {
				t.Errorf("%+v", e)
			}
			_, err = a.Create(t.Context(), optiply.Products, raw(oakStool))
			if e := asError(t, err); !e.Fatal() || e.Unknown() || e.Method != http.MethodPost || e.Path != optiply.Products {
				t.Errorf("create: %+v", e)
			}
			if n := len(a.sandbox.Requests()); n != 2 {
				t.Errorf("%d requests: refused credentials were tried again", n)
			}
		})
	}
}

func TestToken_RefusalIsSharedByThoseWhoWait(t *testing.T) {
	a := open(t, sandbox.Options{Credentials: sandbox.Credentials{Password: "another"}, Latency: 50 * time.Millisecond}, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := a.Authenticate(t.Context()); err == nil {
				t.Error("accepted")
			}
		})
	}
	wg.Wait()
	if n := tokenRequests(a.sandbox); n > 2 { // a late starter may knock once more
		t.Errorf("%d token requests", n)
	}
}

func TestToken_IsAskedForAgainWhenTheHostIsDownForAMoment(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	a.sandbox.AddFault(sandbox.Fault{Path: "oauth/token", Times: 3, Effect: sandbox.Answer, Status: http.StatusServiceUnavailable})
	if _, err := a.Create(t.Context(), optiply.Products, raw(oakStool)); err != nil {
		t.Fatal(err)
	}
	a.sandbox.ExpireTokens()
	a.sandbox.AddFault(sandbox.Fault{Path: "oauth/token", Times: -1, Effect: sandbox.ResetBefore})
	before := tokenRequests(a.sandbox)
	_, err := a.Get(t.Context(), optiply.Products, "20000001")
	if e := asError(t, err); e.Unknown() || !e.Retryable() || e.Sent {
		t.Errorf("%+v", e)
	}
	if n := tokenRequests(a.sandbox) - before; n != 5 { // a read does not multiply the tries
		t.Errorf("%d token requests", n)
	}
}

func TestToken_UnusableAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		kind   optiply.Kind
	}{
		"redirect":        {http.StatusFound, "", optiply.Misdirected},
		"web page":        {http.StatusOK, "<html>", optiply.Transport},
		"no token":        {http.StatusOK, "{}", optiply.Transport},
		"missing page":    {http.StatusNotFound, "<html>", optiply.Misdirected},
		"error in a 200":  {http.StatusOK, `{"error":"invalid_grant","error_description":"p4ss-word is wrong"}`, optiply.Unauthorized},
		"forbidden":       {http.StatusForbidden, `{"message":"s3cret-client"}`, optiply.Unauthorized},
		"too many logins": {http.StatusTooManyRequests, "", optiply.Throttled},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				text(tc.status, tc.body)(w, r)
			}))
			defer server.Close()
			err := client(t, settings(server.URL)).Authenticate(t.Context())
			e, ok := errors.AsType[*optiply.Error](err)
			if !ok || e.Kind != tc.kind || e.Unknown() {
				t.Fatalf("%+v", err)
			}
			if strings.Contains(err.Error(), "p4ss-word") || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("shows a secret: %v", err)
			}
			if tc.kind != optiply.Throttled && !strings.Contains(err.Error(), "check optiply.") {
				t.Errorf("names no setting: %v", err)
			}
		})
	}
}
