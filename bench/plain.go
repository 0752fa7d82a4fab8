package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// plainFetch is the floor of an extraction: the same GETs by net/http, as many at a time, unpacked and thrown away. It reads the
// requests from stdin, and prints how many bytes came.
func plainFetch(ctx context.Context, args []string) error {
	return plain(ctx, args, func(ctx context.Context, client *http.Client, base string, a asked) (int64, error) {
		req, err := http.NewRequestWithContext(ctx, a.Method, base+a.URL, nil)
		if err != nil {
			return 0, err
		}
		req.Header.Set("Authorization", "Bearer any")
		return send(client, req, http.StatusOK)
	})
}

// plainSend is the floor of a load: the same writes by net/http, as many at a time, without a ledger.
func plainSend(ctx context.Context, args []string) error {
	var token string
	return plain(ctx, args, func(ctx context.Context, client *http.Client, base string, a asked) (int64, error) {
		if a.Method == "" { // before all others
			var err error
			token, err = signIn(ctx, base)
			return 0, err
		}
		req, err := http.NewRequestWithContext(ctx, a.Method, base+a.URL, strings.NewReader(a.Body))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/vnd.api+json")
		req.Header.Set("Accept", "application/vnd.api+json")
		return send(client, req, http.StatusCreated)
	})
}

func plain(ctx context.Context, args []string, do func(context.Context, *http.Client, string, asked) (int64, error)) error {
	f := flag.NewFlagSet("plain", flag.ContinueOnError)
	base := f.String("base", "", "address of the server")
	workers := f.Int("workers", 1, "requests at a time")
	if err := f.Parse(args); err != nil {
		return err
	}
	var list []asked
	if err := json.NewDecoder(os.Stdin).Decode(&list); err != nil {
		return fmt.Errorf("read the requests: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: *workers}}
	if len(list) > 0 && list[0].Method == "" {
		if _, err := do(ctx, client, *base, list[0]); err != nil {
			return err
		}
		list = list[1:]
	}
	var bytes atomic.Int64
	work := make(chan asked)
	group, ctx := errgroup.WithContext(ctx)
	for range *workers {
		group.Go(func() error {
			for a := range work {
				n, err := do(ctx, client, *base, a)
				if err != nil {
					return err
				}
				bytes.Add(n)
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(work)
		for _, a := range list {
			select {
			case work <- a:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, bytes.Load())
	return nil
}

func send(client *http.Client, req *http.Request, want int) (int64, error) {
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil && res.StatusCode != want {
		err = fmt.Errorf("%s %s: HTTP %d", req.Method, req.URL.Path, res.StatusCode)
	}
	return n, err
}
