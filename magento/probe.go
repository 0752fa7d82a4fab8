package magento

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// login asks one of Magento's login paths for an administrator's token.
func (c *Client) login(ctx context.Context, path string, body []byte) (string, error) {
	u, err := url.Parse(c.shop.String() + path)
	if err != nil {
		return "", err
	}
	req, err := c.newRequest(ctx, http.MethodPost, u, body)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	got, err := c.send(ctx, req, "integration/admin/token", "", 1, nil)
	if err != nil {
		return "", err
	}
	var token string
	if json.Unmarshal(got.Body, &token) != nil || token == "" {
		return "", &Error{Kind: BadShape, Method: req.Method, Path: "integration/admin/token", Message: "the answer is no token", noMore: true}
	}
	return token, nil
}

// doubtLasts is how long an answer about the token is believed.
const doubtLasts = time.Minute

// doubt is what is known about the token, so that many refused requests ask
// only once.
type doubt struct {
	busy  chan struct{}
	asked time.Time
	works verdict
}

type verdict int

const (
	untold verdict = iota
	tokenWorks
	tokenBad
)

// explain tells a missing permission from a bad token, which Magento answers
// with the same 401: GET /V1/modules answered 200 to tokens that may read
// nothing but orders, and 401 to a wrong one.
func (c *Client) explain(ctx context.Context, e *Error, path string) {
	works := tokenBad
	if path != "modules" {
		works = c.askModules(ctx)
	}
	switch works {
	case tokenWorks:
		e.Kind = Forbidden
	case tokenBad:
		e.Message += " (GET modules was refused as well, so it is the token or the sign-in, not a permission)"
		e.Resource = ""
	}
}

func (c *Client) askModules(ctx context.Context) verdict {
	select {
	case c.doubt.busy <- struct{}{}:
		defer func() { <-c.doubt.busy }()
	case <-ctx.Done():
		return untold
	}
	if !c.doubt.asked.IsZero() && time.Since(c.doubt.asked) < doubtLasts {
		return c.doubt.works
	}
	u, err := endpoint(c.shop, "", "modules", nil)
	if err != nil {
		return untold
	}
	works := untold
	ask := &call{client: c, path: "modules", url: u}
	err = ask.attempt(ctx)
	var e *Error
	switch {
	case err == nil:
		works = tokenWorks
	case errors.As(err, &e) && e.Kind == Unauthorized:
		works = tokenBad
	}
	c.doubt.asked, c.doubt.works = time.Now(), works
	return works
}
