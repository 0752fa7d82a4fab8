package magento

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

const loginPath = "POST /rest/V1/integration/admin/token"

// adminShop issues tokens one after the other and takes only the newest.
type adminShop struct {
	logins atomic.Int64
	valid  atomic.Pointer[string]
}

func (s *adminShop) login(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if string(body) != `{"password":"pass\"word","username":"me"}` || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "" {
		says(401, `{"message":"The account sign-in was incorrect or your account is disabled temporarily. Please wait and try again later."}`)(w, r)
		return
	}
	issued := fmt.Sprintf("admin-token-%d", s.logins.Add(1))
	s.valid.Store(&issued)
	says(200, `"`+issued+`"`)(w, r)
}

func (s *adminShop) orders(w http.ResponseWriter, r *http.Request) {
	if valid := s.valid.Load(); valid == nil || r.Header.Get("Authorization") != "Bearer "+*valid {
		says(401, notAllowed)(w, r)
		return
	}
	says(200, `{"items":[]}`)(w, r)
}

func asAdmin(cfg *Config) { cfg.Auth = AdminUser("me", `pass"word`) }

func TestAdminUser_SignsInOnceAndRenewsOnceForAllCallers(t *testing.T) {
	s := &adminShop{}
	shop := newFakeShop(t, map[string]http.HandlerFunc{loginPath: s.login, "GET /rest/V1/orders": s.orders})
	c := newTestClient(t, shop.URL, asAdmin, func(cfg *Config) { cfg.Concurrency = 2 })
	for round := int64(1); round <= 3; round++ {
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := c.Get(context.Background(), "orders", nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := s.logins.Load(); got != round {
			t.Fatalf("round %d: %d logins", round, got)
		}
		expired := "expired"
		s.valid.Store(&expired)
	}
}

func TestAdminUser_TriesTheOtherPath(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{
		"Apache's 404": shows(404, apache404), "no route": says(404, `{"message":"Request does not match any route."}`),
		"a password of the web server": shows(401, "<html>Authorization Required</html>"), "a page": shows(200, storefront), "not a token": says(200, `{"a":1}`),
	} {
		s := &adminShop{}
		shop := newFakeShop(t, map[string]http.HandlerFunc{loginPath: first, "POST /index.php/rest/V1/integration/admin/token": s.login, "GET /rest/V1/orders": s.orders})
		c := newTestClient(t, shop.URL, asAdmin)
		if _, err := c.Get(context.Background(), "orders", nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		before := shop.count()
		expired := "expired"
		s.valid.Store(&expired)
		if _, err := c.Get(context.Background(), "orders", nil); err != nil || shop.count() != before+3 {
			t.Errorf("%s: %v; %d requests to renew, want 3: the path that works is known", name, err, shop.count()-before)
		}
	}
}

func TestAdminUser_AsksOnlyOnceWithAWrongPassword(t *testing.T) {
	shop := newFakeShop(t, map[string]http.HandlerFunc{loginPath: (&adminShop{}).login})
	c := newTestClient(t, shop.URL, func(cfg *Config) { cfg.Auth = AdminUser("me", "wrong") })
	e := mustFail(t, c, "orders")
	if e.Kind != Unauthorized || e.Method != "POST" || shop.count() != 1 || !strings.Contains(e.Hint(), "magento.password") {
		t.Errorf("got %v after %d requests; a shop locks an account after a few", e, shop.count())
	}
}

func TestAdminUser_SaysTheFirstFailureOfBothPaths(t *testing.T) {
	shop := newFakeShop(t, map[string]http.HandlerFunc{
		loginPath: shows(403, cloudflare), "POST /index.php/rest/V1/integration/admin/token": shows(404, apache404),
	})
	if e := mustFail(t, newTestClient(t, shop.URL, asAdmin), "orders"); e.Kind != Firewall {
		t.Errorf("got %v", e)
	}
}

func TestAdminUser_WaitsForABusyShop(t *testing.T) {
	s := &adminShop{}
	shop := newFakeShop(t, map[string]http.HandlerFunc{loginPath: answers(says(503, ""), says(429, ""), s.login), "GET /rest/V1/orders": s.orders})
	if _, err := newTestClient(t, shop.URL, asAdmin).Get(context.Background(), "orders", nil); err != nil {
		t.Error(err)
	}
}

func TestAdminUser_RenewsOnlyOnceForOneRequest(t *testing.T) {
	s := &adminShop{}
	shop := newFakeShop(t, map[string]http.HandlerFunc{loginPath: s.login, "GET /rest/V1/orders": says(401, notAllowed), "GET /rest/V1/modules": s.orders})
	e := mustFail(t, newTestClient(t, shop.URL, asAdmin), "orders")
	if e.Kind != Forbidden || s.logins.Load() != 2 {
		t.Errorf("got %v after %d logins", e, s.logins.Load())
	}
}

// Invariant 6: whatever a shop, or something that claims to be one, puts into
// its answers, no secret of ours is in an error, nor in what prints settings.
func TestSecrets_AreNeverInErrors(t *testing.T) {
	secret := rapid.StringMatching(`[A-Za-z0-9+/=&%<>"' ,;.:_-]{8,40}[A-Za-z0-9]`)
	rapid.Check(t, func(r *rapid.T) {
		s := func(name string) string { return secret.Draw(r, name) }
		secrets := []string{s("token"), s("other"), s("third"), s("fourth")}
		auth := rapid.SampledFrom([]Auth{
			Bearer("x" + secrets[0]), AdminUser("somebody", secrets[1]), OAuth1(secrets[0], secrets[1], secrets[2], secrets[3]),
		}).Draw(r, "sign-in")
		cookie := rapid.StringMatching(`[a-z0-9]{8,20}`).Draw(r, "cookie")
		status := rapid.SampledFrom([]int{200, 302, 400, 401, 403, 404, 429, 500, 503}).Draw(r, "status")
		page := rapid.Bool().Draw(r, "page")
		c, err := NewClient(Config{StoreURL: "https://shop.example", Auth: auth, Retries: -1, Cookies: map[string]string{"gate": cookie},
			Transport: trip(func(req *http.Request) (*http.Response, error) { return echo(req, status, page), nil })})
		if err != nil {
			r.Fatal(err)
		}
		_, err = c.Get(context.Background(), "orders", nil)
		if err == nil {
			r.Fatal("no error")
		}
		text := err.Error() + fmt.Sprintf("%v %+v %#v", err, err, err)
		var e *Error
		if errors.As(err, &e) {
			text += fmt.Sprintf("%+v", *e)
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "error", err, "config", c.cfg, "auth", auth)
		text += log.String() + fmt.Sprintf("%v %+v %#v %s", c.cfg, c.cfg, c.cfg, auth) + fmt.Sprintf("%v %+v %#v", auth, auth, auth)
		for _, known := range append(c.cfg.Auth.secrets(), cookie) {
			if strings.Contains(text, known) {
				r.Fatalf("%q is in %s", known, text)
			}
		}
	})
}

// echo repeats what it was sent, as some firewalls and debuggers do. A login
// is answered with a token, so that the request after it has one to repeat.
func echo(req *http.Request, status int, page bool) *http.Response {
	header := http.Header{"Content-Type": {"application/json"}}
	if req.Method == http.MethodPost {
		return reply(req, 200, header, strings.NewReader(`"issued-to-nobody-else"`))
	}
	sent := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(req.Header.Get("Authorization") + " " + req.Header.Get("Cookie"))
	body := `{"message":"refused %1 ` + sent + `","parameters":["` + sent + `"]}`
	if page {
		header.Set("Content-Type", "text/html")
		body = "<html><title>" + sent + "</title>access denied: " + sent + "</html>"
	}
	header.Set("Location", "https://evil.example/?"+req.Header.Get("Authorization"))
	return reply(req, status, header, strings.NewReader(body))
}
