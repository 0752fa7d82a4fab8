// Package alert tells other programs how a run went: a heartbeat server that misses runs which never began, a webhook that
// people read, and a file that Prometheus collects. It has a home of its own because it is no part of the work: nothing in it
// can fail a run. It knows neither the shop nor Optiply nor a database; commands gives it plain values.
package alert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sethvargo/go-retry"
)

// The most that telling may take, so that a server that is dead, or that never answers, does not hold up a run.
const (
	attempts       = 3
	timeoutAttempt = 5 * time.Second
)

// maxBody is what healthchecks.io keeps of a ping's body. [https://healthchecks.io/docs/attaching_logs/: 100 kB]
const maxBody = 100_000

// Sender sends to one address.
type Sender struct {
	// Address is a secret: who has it can report for this shop.
	Address   string
	UserAgent string
	// Transport is nil but in tests.
	Transport http.RoundTripper
	// Wait is between attempts. 0: a second.
	Wait time.Duration
}

// Start says that a run has begun: POST <address>/start, by the convention of healthchecks.io, which other servers follow.
func (s Sender) Start(ctx context.Context) error { return s.post(ctx, "/start", "text/plain", nil) }

// End says how a run has ended: POST <address>/<exit code>, with what there is to be said about it. 0 is success there, any
// other code is failure.
func (s Sender) End(ctx context.Context, exitCode int, text string) error {
	if len(text) > maxBody {
		text = strings.ToValidUTF8(text[:maxBody], "")
	}
	return s.post(ctx, fmt.Sprintf("/%d", exitCode), "text/plain; charset=utf-8", []byte(text))
}

// JSON sends a document: POST <address>.
func (s Sender) JSON(ctx context.Context, document []byte) error {
	return s.post(ctx, "", "application/json", document)
}

// post sends once, and again after a failure that may pass. Its errors name the server and never the path, which is the
// secret.
func (s Sender) post(ctx context.Context, path, contentType string, body []byte) error {
	address, err := url.Parse(s.Address)
	if err != nil {
		return errors.New("its address is none")
	}
	if path != "" {
		address = address.JoinPath(path)
	}
	wait := s.Wait
	if wait <= 0 {
		wait = time.Second
	}
	client := &http.Client{Transport: s.Transport, Timeout: timeoutAttempt}
	err = retry.Do(ctx, retry.WithMaxRetries(attempts-1, retry.NewExponential(wait)), func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), bytes.NewReader(body))
		if err != nil {
			return errors.New("its address is none")
		}
		request.Header.Set("Content-Type", contentType)
		request.Header.Set("User-Agent", s.UserAgent)
		response, err := client.Do(request)
		if err != nil {
			var broken *url.Error
			if errors.As(err, &broken) {
				err = broken.Err // without the address
			}
			return retry.RetryableError(err)
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
		switch {
		case response.StatusCode < 300:
			return nil
		case response.StatusCode == http.StatusTooManyRequests || response.StatusCode >= 500:
			return retry.RetryableError(fmt.Errorf("it answered %s", response.Status))
		}
		return fmt.Errorf("it answered %s", response.Status)
	})
	if err != nil {
		return fmt.Errorf("tell %s: %w", address.Host, err)
	}
	return nil
}
