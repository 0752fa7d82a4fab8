package main_test

import (
	nethttp "net/http" // architecture_test.go has a name http
	"os"
	"regexp"
	"strings"
	"testing"

	"magento-optiply/magento/magentotest"
)

// These tests run the main job with each way to sign in, over a shop that verifies them as Magento does.

const loginPath = "/V1/integration/admin/token"

var oauthKeys = magentotest.OAuth{ConsumerKey: "s3cret-key", ConsumerSecret: "s3cret-consumer", AccessToken: "s3cret-token", AccessTokenSecret: "s3cret-secret"}

const (
	asAdmin = "username: s3cret-user\npassword: s3cret-password"
	asOAuth = "use_oauth: true\nconsumer_key: s3cret-key\nconsumer_secret: s3cret-consumer\naccess_token: s3cret-token\naccess_token_secret: s3cret-secret"
)

// newSignedShop serves night 1 to those who sign in as the options say.
func newSignedShop(t *testing.T, signIn string, options magentotest.Options) servedShop {
	t.Helper()
	shop, err := magentotest.Load(os.DirFS("fixtures/demo/night-1"))
	if err != nil {
		t.Fatal(err)
	}
	shop.AccessToken = "s3cret-token"
	options.Admins = []magentotest.Admin{{Username: "s3cret-user", Password: "s3cret-password"}}
	server := magentotest.New(shop, options)
	url, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return servedShop{newShop(t, "stock_bulk: off", "store_url: "+url+"\n"+signIn), shop, server}
}

func TestSignIn_AnAdministratorsTokenIsRenewedInTheMiddleOfARun(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		path   string // the only one where a token is given; empty: both
		logins string
	}{
		"with URL rewriting":    {"", "/rest" + loginPath + " 200, /rest" + loginPath + " 200"},
		"without URL rewriting": {"/index.php/rest" + loginPath, "/rest" + loginPath + " 404, /index.php/rest" + loginPath + " 200, /index.php/rest" + loginPath + " 200"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSignedShop(t, asAdmin, magentotest.Options{OnlyLoginPath: test.path, NoBearer: true})
			s.server.AddFault(magentotest.Fault{Prefix: stock, After: 9, Times: 1, Between: func(int) { s.server.ExpireAdminTokens() }})
			r := s.must(3, logged("json", "run")...)
			s.matches(1, "default")
			var logins []string
			refused := 0
			for _, q := range s.server.Requests() {
				if q.Method == nethttp.MethodPost {
					logins = append(logins, q.Path+" "+map[int]string{200: "200", 404: "404"}[q.Status])
				}
				if q.Status == nethttp.StatusUnauthorized {
					refused++
				}
			}
			if got := strings.Join(logins, ", "); got != test.logins {
				t.Errorf("signed in with %s, want %s", got, test.logins)
			}
			if refused == 0 {
				t.Error("the token was not refused in the middle, so nothing was tested")
			}
			s.looks(r)
		})
	}
}

func TestSignIn_EveryRequestOfOAuthIsSignedAnew(t *testing.T) {
	t.Parallel()
	s := newSignedShop(t, asOAuth, magentotest.Options{OAuth: &oauthKeys, NoBearer: true, Faults: []magentotest.Fault{
		on(products, 0, 1, saying(429, "slow down")),
		on(orders, 0, 2, saying(500, "Fatal error")),
		on(stock, 3, 1, magentotest.Fault{Close: true, Reset: true}),
		on(stock+"SKU%2FSLASH%2F1", 0, 1, saying(500, "Fatal error")),
		on(stock+"UNI-", 0, 1, magentotest.Fault{Cut: 0.5, Reset: true}),
	}})
	r := s.must(3, logged("text", "run")...)
	s.matches(1, "default") // with the stock of SKUs that hold a space, / + % # & ' " \ and letters beyond ASCII
	nonce, nonces, retries := regexp.MustCompile(`oauth_nonce="([^"]+)"`), map[string]bool{}, 0
	for _, q := range s.server.Requests() {
		m := nonce.FindStringSubmatch(q.Header.Get("Authorization"))
		if m == nil || nonces[m[1]] {
			t.Fatalf("%s %s is not signed, or with a nonce that was used", q.Method, q.Path)
		}
		if nonces[m[1]] = true; q.Status == nethttp.StatusUnauthorized {
			t.Errorf("%s was refused", q.Path)
		}
		if q.Fault != "" {
			retries++
		}
	}
	if retries != 6 {
		t.Errorf("%d faults were met, want 6", retries)
	}
	s.looks(r)
}

func TestSignIn_AWrongOneIsSaidInASentence(t *testing.T) {
	long(t)
	t.Parallel()
	for name, test := range map[string]struct {
		signIn string
		code   int
		says   []string
		asked  int // requests that a wrong sign-in may cost, so that no account is locked
	}{
		"a token that may not be a bearer": {"access_token: s3cret-token", 1, []string{"HTTP 401", "magento.use_oauth"}, 2},
		"a wrong token":                    {"access_token: s3cret-other", 1, []string{"HTTP 401", "magento.access_token"}, 2},
		"a wrong password":                 {"username: s3cret-user\npassword: s3cret-typo", 1, []string{"HTTP 401", "magento.username and magento.password"}, 1},
		"no password":                      {"username: s3cret-user", 2, []string{"magento.password"}, 0},
		"no consumer secret":               {dropFirst(asOAuth+"\n", "consumer_secret"), 2, []string{"magento.consumer_secret"}, 0},
		"a wrong consumer key":             {strings.Replace(asOAuth, "s3cret-key", "s3cret-typo", 1), 1, []string{"HTTP 401", "magento.consumer_key"}, 2},
		"a wrong consumer secret":          {strings.Replace(asOAuth, "s3cret-consumer", "s3cret-typo", 1), 1, []string{"HTTP 401", "magento.consumer_secret"}, 6},
		"a wrong access token":             {strings.Replace(asOAuth, "s3cret-token", "s3cret-typo", 1), 1, []string{"HTTP 401", "magento.access_token"}, 2},
		"a wrong access token secret":      {strings.Replace(asOAuth, "s3cret-secret", "s3cret-typo", 1), 1, []string{"HTTP 401", "magento.access_token_secret"}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSignedShop(t, test.signIn, magentotest.Options{OAuth: &oauthKeys, NoBearer: true})
			r := s.must(test.code, logged("text", "run")...)
			for _, words := range test.says {
				if !strings.Contains(reason(t, r), words) {
					t.Errorf("the reason does not say %q: %s", words, reason(t, r))
				}
			}
			if n := len(s.server.Requests()); n > test.asked {
				t.Errorf("%d requests were sent, want %d at most", n, test.asked)
			}
			if len(s.shopRuns()) != 0 {
				t.Errorf("a run that read nothing has left %v", s.shopRuns())
			}
			s.keeps("what was said", r.stdout+r.stderr)
		})
	}
}
