package magento

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"unicode"
)

// Auth is a way to sign in: Bearer, AdminUser or OAuth1. It prints as what it
// is, without its secrets. An AdminUser belongs to one client.
type Auth interface {
	fmt.Stringer
	fmt.GoStringer
	slog.LogValuer

	// sign puts the credentials on one attempt, just before it is sent.
	sign(ctx context.Context, c *Client, req *http.Request, t *trial) error
	// refused hears of a 401 and says whether the same request, signed anew,
	// may be accepted.
	refused(c *Client, sent *http.Request, e *Error, header http.Header, t *trial) bool
	// accepted hears of a request that was not refused.
	accepted(t *trial)
	// secrets are what must not be seen in an error.
	secrets() []string
	// check tells which part is missing.
	check() error
}

// trial is what has been tried to get one request accepted.
type trial struct {
	renewed bool       // a new token
	nonces  int        // new nonces
	forms   []baseForm // forms of the signed URL; the first is the one in use
}

// masked prints as a name instead of the struct around it.
type masked string

func (m masked) String() string       { return string(m) + " ***" }
func (m masked) GoString() string     { return m.String() }
func (m masked) LogValue() slog.Value { return slog.StringValue(m.String()) }

type bearer struct {
	masked
	token string
}

// Bearer signs in with an integration's access token. Magento 2.4.4 and later
// take it only if "Allow OAuth Access Tokens to be used as standalone Bearer
// tokens" is on, and answer as to a wrong token if it is not.
func Bearer(token string) Auth { return &bearer{"bearer token", strings.TrimSpace(token)} }

func (b *bearer) sign(_ context.Context, _ *Client, req *http.Request, _ *trial) error {
	req.Header.Set("Authorization", "Bearer "+b.token)
	return nil
}

func (b *bearer) refused(*Client, *http.Request, *Error, http.Header, *trial) bool { return false }
func (b *bearer) accepted(*trial)                                                  {}
func (b *bearer) secrets() []string                                                { return []string{b.token} }
func (b *bearer) check() error                                                     { return needs("access_token", b.token) }

func needs(name, value string) error {
	if value == "" {
		return errors.New("magento: " + name + " is empty")
	}
	if strings.ContainsFunc(value, unicode.IsControl) {
		return errors.New("magento: " + name + " holds a line break or another control character")
	}
	return nil
}

type adminUser struct {
	masked
	username, password string

	busy  chan struct{} // held while logging in: one login for all callers
	token atomic.Pointer[string]
	known atomic.Pointer[[]string] // every token so far, for secrets
	path  int                      // which login path worked; guarded by busy
}

// AdminUser signs in as an administrator. Its token lives four hours by
// default; it is renewed when the shop refuses it, once for a request and by
// one caller for all.
func AdminUser(username, password string) Auth {
	return &adminUser{masked: "admin user", username: username, password: password, busy: make(chan struct{}, 1)}
}

func (a *adminUser) check() error {
	return errors.Join(needs("username", a.username), needs("password", a.password))
}

func (a *adminUser) secrets() []string {
	if known := a.known.Load(); known != nil {
		return append([]string{a.password}, *known...)
	}
	return []string{a.password}
}

func (a *adminUser) sign(ctx context.Context, c *Client, req *http.Request, _ *trial) error {
	token := a.token.Load()
	if token == nil {
		select {
		case a.busy <- struct{}{}:
			defer func() { <-a.busy }()
		case <-ctx.Done():
			return ended(ctx)
		}
		if token = a.token.Load(); token == nil { // nobody else has been faster
			fresh, err := a.login(ctx, c)
			if err != nil {
				return err
			}
			token = &fresh
			a.remember(fresh)
		}
	}
	req.Header.Set("Authorization", "Bearer "+*token)
	return nil
}

func (a *adminUser) remember(token string) {
	known := []string{token}
	if old := a.known.Load(); old != nil {
		known = append(known, *old...)
	}
	a.known.Store(&known)
	a.token.Store(&token)
}

// refused drops the token that was sent, unless another caller has already
// renewed it.
func (a *adminUser) refused(_ *Client, sent *http.Request, _ *Error, _ http.Header, t *trial) bool {
	if t.renewed {
		return false
	}
	t.renewed = true
	if token := a.token.Load(); token != nil && sent.Header.Get("Authorization") == "Bearer "+*token {
		a.token.CompareAndSwap(token, nil)
	}
	return true
}

func (a *adminUser) accepted(*trial) {}

// loginPaths are tried in this order. Shops without URL rewriting answer only
// the second.
func loginPaths() [2]string {
	return [2]string{"/rest/V1/integration/admin/token", "/index.php/rest/V1/integration/admin/token"}
}

// login gets a token: a bare JSON string. Asking twice does no harm, so it is
// repeated like a GET. The second path is tried when the first did not come to
// a verdict: not after Magento refused the password (it locks the account after
// a few refusals) and not when the shop was too busy (both paths would be).
func (a *adminUser) login(ctx context.Context, c *Client) (string, error) {
	body, err := json.Marshal(map[string]string{"username": a.username, "password": a.password})
	if err != nil {
		return "", err
	}
	var first error
	paths := loginPaths()
	for range paths {
		token, err := c.login(ctx, paths[a.path], body)
		var e *Error
		if err == nil || !errors.As(err, &e) || e.verdict() {
			return token, err
		}
		if first == nil {
			first = err
		}
		a.path = 1 - a.path
	}
	return "", first
}

// verdict is true of a failed login that the other path would not change.
func (e *Error) verdict() bool {
	switch e.Kind {
	case Unauthorized:
		return e.magento // not of a web server that wants a password of its own
	case RateLimited, Maintenance, Gateway, Transport, Stalled, Unreachable:
		return true
	}
	return false
}
