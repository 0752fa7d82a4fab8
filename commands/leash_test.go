package commands

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// passes is a transport that lets everything through.
type passes struct{}

func (passes) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(""))}, nil
}

func onLeash(t *testing.T, kind string, now func() time.Time) (ctx context.Context, l *leash, stdin *io.PipeWriter) {
	t.Helper()
	from, stdin := io.Pipe()
	t.Cleanup(func() { _ = stdin.Close() })
	ctx, l = leashed(t.Context(), Env{Stdin: from, Now: now, LookupEnv: func(name string) (string, bool) { return kind, name == leashVariable }})
	return ctx, l, stdin
}

func send(l *leash, method string) error {
	req, err := http.NewRequest(method, "https://optiply.example/v1/products", nil)
	if err != nil {
		return err
	}
	resp, err := l.guard(passes{}).RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	return err
}

func TestLeash_NothingIsSentAfterTheLease(t *testing.T) {
	now := time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC)
	ctx, l, stdin := onLeash(t, leashLease, func() time.Time { return now })
	// The first request waits for the first line, which may come later than it.
	go func() { _, _ = io.WriteString(stdin, leaseLine(now.Add(time.Second))) }()
	if err := send(l, http.MethodPost); err != nil {
		t.Fatalf("within the lease: %v", err)
	}
	now = now.Add(time.Second)
	if err := send(l, http.MethodGet); err != nil {
		t.Errorf("to look is allowed: %v", err)
	}
	if ctx.Err() != nil {
		t.Error("the run is stopped although it has sent nothing")
	}
	if err := send(l, http.MethodPatch); !errors.Is(err, errLeaseEnded) || !errors.Is(context.Cause(ctx), errLeaseEnded) {
		t.Errorf("after the lease: %v, and the run is stopped by %v", err, context.Cause(ctx))
	}
}

func TestLeash_ThatEndsStopsTheRun(t *testing.T) {
	for _, kind := range []string{leashTied, leashLease} {
		ctx, _, stdin := onLeash(t, kind, time.Now)
		_ = stdin.Close()
		<-ctx.Done()
		if cause := context.Cause(ctx); !errors.Is(cause, errLeashEnded) {
			t.Errorf("%s: stopped by %v", kind, cause)
		}
	}
	if _, l, _ := onLeash(t, "", time.Now); l != nil || l.guard(passes{}) != http.RoundTripper(passes{}) {
		t.Error("a run of its own is on a leash")
	}
}
