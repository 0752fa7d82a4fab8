package magentotest

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Admin is an administrator who may ask for a token.
type Admin struct {
	Username, Password string
	// Lifetime is how long a token is good. 0: four hours, Magento's default. [src]
	Lifetime time.Duration
}

// mayFail is how many wrong passwords are answered before the account is locked, for as long as the server lives (a real shop
// unlocks it after half an hour). [src: oauth/authentication_lock/max_failures_count]
const mayFail = 6

// loginPath is where a token is asked for, below /rest or /index.php/rest.
const loginPath = "/V1/integration/admin/token"

// authorized tells what a request is answered instead when it may not use what needs this permission.
func (s *Server) authorized(r *http.Request, resource string) *answer {
	header := r.Header.Get("Authorization")
	if isOAuth(header) && s.oauth() != nil {
		if problem := s.checkOAuth(r); problem != nil {
			return problem
		}
	} else if !s.isBearer(header) {
		return unauthorized(resource)
	}
	if slices.Contains(s.options.DeniedResources, resource) {
		return unauthorized(resource)
	}
	return nil
}

// isBearer tells whether the header holds a good token: an administrator's, or the integration's unless that is switched off.
// A shop that knows no way to sign in takes any.
func (s *Server) isBearer(header string) bool {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return false
	}
	s.mu.Lock()
	expires, isAdmin := s.tokens[token]
	s.mu.Unlock()
	if isAdmin {
		return time.Now().Before(expires)
	}
	if s.options.NoBearer {
		return false
	}
	keys := s.oauth()
	if s.shop.AccessToken == "" && keys == nil {
		return len(s.options.Admins) == 0
	}
	return token == s.shop.AccessToken || keys != nil && token == keys.AccessToken
}

// login answers POST .../integration/admin/token, nil when the request is none.
func (s *Server) login(r *http.Request) *answer {
	path := r.URL.Path
	if !strings.HasSuffix(path, loginPath) || r.Method != http.MethodPost {
		return nil
	}
	if only := s.options.OnlyLoginPath; only != "" && path != only {
		return &answer{status: 404, contentType: "text/html; charset=UTF-8", body: apache404Page}
	}
	var sent struct{ Username, Password *string }
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<16))
	if err != nil || json.Unmarshal(text, &sent) != nil {
		return failure(400, "Decoding error.", "") // [src]
	}
	switch {
	case sent.Username == nil:
		return isRequired("username")
	case sent.Password == nil:
		return isRequired("password")
	}
	token := s.newToken(*sent.Username, *sent.Password)
	if token == "" { // [src: AdminTokenService::createAdminAccessToken]
		return failure(401, "The account sign-in was incorrect or your account is disabled temporarily. "+
			"Please wait and try again later.", "")
	}
	return jsonAnswer(200, appendString(nil, token))
}

// newToken makes a token for an administrator, "" when the password is wrong or was wrong too often.
func (s *Server) newToken(username, password string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.options.Admins, func(a Admin) bool { return a.Username == username && a.Password == password })
	if at < 0 || s.failures[username] >= mayFail {
		if s.failures == nil {
			s.failures = map[string]int{}
		}
		s.failures[username]++
		return ""
	}
	delete(s.failures, username)
	lifetime := s.options.Admins[at].Lifetime
	if lifetime <= 0 {
		lifetime = 4 * time.Hour
	}
	if s.tokens == nil {
		s.tokens = map[string]time.Time{}
	}
	token := rand.Text()
	s.tokens[token] = time.Now().Add(lifetime)
	return token
}

// ExpireAdminTokens ends every token that an administrator has got so far.
func (s *Server) ExpireAdminTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token := range s.tokens {
		s.tokens[token] = time.Time{}
	}
}
