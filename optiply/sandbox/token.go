package sandbox

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Credentials are who may get a token. An empty member accepts anything that is not empty.
type Credentials struct {
	ClientID, ClientSecret, Username, Password string
}

// tokens issues and knows access tokens. They live in memory: a sandbox started again knows none of the old ones.
type tokens struct {
	mu       sync.Mutex
	who      Credentials
	lifetime time.Duration
	now      func() time.Time
	access   map[string]time.Time // until when
	refresh  map[string]bool
}

func newTokens(o Options) *tokens {
	return &tokens{
		who: o.Credentials, lifetime: o.TokenLifetime, now: o.Now,
		access: map[string]time.Time{}, refresh: map[string]bool{},
	}
}

// issue answers POST {dashboard}/auth/oauth/token. Grant and user may come in the query or in the form (seen).
func (t *tokens) issue(r *http.Request, body []byte) answer {
	if r.Method != http.MethodPost {
		return oauthAnswer(http.StatusMethodNotAllowed, "method_not_allowed", "Request method not supported")
	}
	id, secret, ok := r.BasicAuth()
	if !ok {
		return oauthAnswer(http.StatusUnauthorized, "unauthorized", "Full authentication is required to access this resource")
	}
	if !fits(t.who.ClientID, id) || !fits(t.who.ClientSecret, secret) {
		return oauthAnswer(http.StatusUnauthorized, "unauthorized", // the text is the real one (seen)
			"UserDetailsService returned null, which is an interface contract violation")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return oauthAnswer(http.StatusBadRequest, "invalid_request", "cannot read the form")
	}
	query := r.URL.Query()
	get := func(name string) string {
		if v := form.Get(name); v != "" {
			return v
		}
		return query.Get(name)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch get("grant_type") {
	case "password":
		if !fits(t.who.Username, get("username")) || !fits(t.who.Password, get("password")) {
			return oauthAnswer(http.StatusBadRequest, "invalid_grant", "Bad credentials")
		}
	case "refresh_token":
		old := get("refresh_token")
		if !t.refresh[old] {
			return oauthAnswer(http.StatusBadRequest, "invalid_grant", "Invalid refresh token")
		}
		delete(t.refresh, old) // each refresh gives a new pair (seen)
	default:
		return oauthAnswer(http.StatusBadRequest, "unsupported_grant_type", "Unsupported grant type")
	}
	return t.grant()
}

func fits(want, got string) bool { return got != "" && (want == "" || want == got) }

func (t *tokens) grant() answer {
	access, refresh := uuid.NewString(), uuid.NewString()
	t.access[access] = t.now().Add(t.lifetime)
	t.refresh[refresh] = true
	a := jsonAnswer(http.StatusOK, map[string]any{
		"access_token": access, "refresh_token": refresh, "token_type": "bearer", "scope": "read write",
		"expires_in": int64(t.lifetime / time.Second),
	})
	a.header["Content-Type"] = "application/json"
	return a
}

// valid checks the Authorization header of an API request.
func (t *tokens) valid(header string) bool {
	scheme, token, _ := strings.Cut(header, " ")
	t.mu.Lock()
	defer t.mu.Unlock()
	until, known := t.access[token]
	return strings.EqualFold(scheme, "Bearer") && known && t.now().Before(until)
}

func (t *tokens) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.access)
}
