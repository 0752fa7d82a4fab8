package optiply

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
)

const (
	tokenPath = "auth/oauth/token"
	// renewBefore is the rest of a token's life at which the clients in production fetch the next one (seen: 120 s and 300 s).
	renewBefore = 120 * time.Second
	// wrongClient is in the text of the 401 that unknown client credentials get (seen).
	wrongClient = "UserDetailsService returned null"
)

// tokenSource holds the account's token and renews it, one caller at a time; the others wait for the outcome.
type tokenSource struct {
	conf               oauth2.Config
	username, password string
	http               *http.Client
	retries            retryPolicy
	redact             *strings.Replacer
	now                func() time.Time

	turn     chan struct{} // held while reading or renewing what follows
	value    string
	renewAt  time.Time // zero: the server named no lifetime, a 401 will tell
	failed   error
	attempts atomic.Int64
}

func newTokenSource(cfg Config, dashboard string, c *Client) *tokenSource {
	client := *c.http
	client.Transport = basicAuth{next: client.Transport, id: cfg.ClientID, secret: cfg.ClientSecret}
	return &tokenSource{
		conf: oauth2.Config{
			ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret,
			Endpoint: oauth2.Endpoint{TokenURL: dashboard + "/" + tokenPath, AuthStyle: oauth2.AuthStyleInHeader},
		},
		username: cfg.Username, password: cfg.Password,
		http: &client, retries: c.retries, redact: c.redact, now: cfg.Now,
		turn: make(chan struct{}, 1),
	}
}

// basicAuth sends client id and secret as they are. oauth2 percent-encodes them first, as RFC 6749 says, and no client
// seen in production does: a secret with "+" or "/" in it would be refused.
type basicAuth struct {
	next       http.RoundTripper
	id, secret string
}

func (b basicAuth) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.SetBasicAuth(b.id, b.secret)
	return b.next.RoundTrip(req)
}

// Authenticate fetches a token now, so that wrong credentials show before anything is planned.
func (c *Client) Authenticate(ctx context.Context) error {
	_, err := c.tokens.token(ctx, "")
	return err
}

// token gives a token that is not the refused one and has some life left.
func (s *tokenSource) token(ctx context.Context, refused string) (string, error) {
	seen := s.attempts.Load()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return "", s.fail(Transport, ctx.Err())
	}
	if s.value != "" && s.value != refused && (s.renewAt.IsZero() || s.now().Before(s.renewAt)) {
		return s.value, nil
	}
	// While this caller waited another one tried and failed: knocking again would only lock the account sooner.
	if s.failed != nil && s.attempts.Load() > seen && !errors.Is(s.failed, context.Canceled) {
		return "", s.failed
	}
	err := s.renew(ctx)
	s.failed = err
	s.attempts.Add(1)
	if err != nil {
		return "", err
	}
	return s.value, nil
}

// renew redoes the password grant, as all of Optiply's own tools do rather than use the refresh token (seen).
func (s *tokenSource) renew(ctx context.Context) error {
	var tok *oauth2.Token
	err := s.retries.do(ctx, func(ctx context.Context) error {
		var err error
		if tok, err = s.conf.PasswordCredentialsToken(context.WithValue(ctx, oauth2.HTTPClient, s.http), s.username, s.password); err != nil {
			return s.explain(err)
		}
		return nil
	})
	if err != nil {
		if _, ok := errors.AsType[*Error](err); !ok {
			return s.fail(Transport, err)
		}
		return err
	}
	s.value, s.renewAt = tok.AccessToken, time.Time{}
	if tok.ExpiresIn > 0 {
		life := time.Duration(tok.ExpiresIn) * time.Second
		margin := renewBefore
		if life <= margin {
			margin = life / 4 // or every request would fetch a token
		}
		s.renewAt = s.now().Add(life - margin)
	}
	return nil
}

func (s *tokenSource) fail(kind Kind, err error) *Error {
	return &Error{Kind: kind, Method: http.MethodPost, Path: tokenPath, Err: err}
}

// explain turns what oauth2 reports, whose text holds the raw answer, into an error that may be shown.
func (s *tokenSource) explain(err error) error {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		if cause := errors.Unwrap(err); cause != nil { // url.Error: address and cause
			return s.fail(Transport, cause)
		}
		return s.fail(Transport, errors.New(s.redact.Replace(strings.TrimPrefix(printableText(err), "oauth2: "))+
			": check optiply.dashboard_url"))
	}
	status := answer.Response.StatusCode
	e := s.fail(kindOf(status), nil)
	e.Status = status
	e.RetryAfter = retryAfter(answer.Response.Header, s.now())
	for _, m := range messages(answer.Body) {
		e.Messages = append(e.Messages, s.redact.Replace(m))
	}
	switch {
	case e.Kind == Throttled || e.Kind == Unavailable:
		return e
	case e.Kind == NotFound || e.Kind == Misdirected && status/100 != 2:
		e.Kind = Misdirected
		e.Err = errors.New("there is no token endpoint here: check optiply.dashboard_url")
	default:
		e.Kind = Unauthorized
		e.Err = errors.New(advice(status, answer.ErrorCode, answer.Body))
	}
	return e
}

// advice names the pair of settings that was refused: 401 is about the client, invalid_grant about the user.
func advice(status int, code string, body []byte) string {
	switch {
	case code == "invalid_grant":
		return "Optiply refuses the user: check optiply.username and optiply.password"
	case status == http.StatusUnauthorized, code == "invalid_client", strings.Contains(string(body), wrongClient):
		return "Optiply refuses the client: check optiply.client_id and optiply.client_secret"
	default:
		return "Optiply gives no token: check optiply.client_id, client_secret, username and password"
	}
}

func printableText(err error) string {
	if texts := printable(fmt.Sprint(err)); len(texts) > 0 {
		return texts[0]
	}
	return "unreadable answer"
}
