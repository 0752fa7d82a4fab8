package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"magento-optiply/magento/magentotest"
	"magento-optiply/optiply/sandbox"
)

// asked is a request as it came, so that a floor can send the same.
type asked struct {
	Method string `json:"method"`
	URL    string `json:"url"` // path and query
	Body   string `json:"body,omitempty"`
}

// askedPath gives what was asked since it was called last.
const askedPath = "/bench/asked"

// serveShop serves a generated shop, and prints its address.
func serveShop(ctx context.Context, args []string) error {
	var o magentotest.GenerateOptions
	var latency time.Duration
	var whole bool
	f := flag.NewFlagSet("serve-shop", flag.ContinueOnError)
	f.IntVar(&o.Products, "products", 0, "products")
	f.IntVar(&o.Orders, "orders", 0, "orders")
	f.DurationVar(&latency, "latency", 0, "wait before each answer")
	f.BoolVar(&whole, "whole", false, "send whole records, whatever fields= asks for")
	if err := f.Parse(args); err != nil {
		return err
	}
	o.Seed = 6
	server := magentotest.New(magentotest.Generate(o), magentotest.Options{Latency: latency})
	mux := http.NewServeMux()
	mux.HandleFunc(askedPath, func(w http.ResponseWriter, _ *http.Request) {
		var list []asked
		for _, r := range server.Requests() {
			if r.Status == http.StatusOK {
				list = append(list, asked{Method: r.Method, URL: r.Path + "?" + r.Query})
			}
		}
		server.ClearRequests()
		_ = json.NewEncoder(w).Encode(list)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if whole {
			r.URL.RawQuery = withoutFields(r.URL.RawQuery)
		}
		server.ServeHTTP(w, r)
	})
	return serve(ctx, mux)
}

// withoutFields makes the shop one that does not know fields=.
func withoutFields(query string) string {
	var kept []string
	for _, pair := range strings.Split(query, "&") {
		if !strings.HasPrefix(pair, "fields=") {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

// serveOptiply serves an empty account, and prints its address.
func serveOptiply(ctx context.Context, args []string) error {
	var o sandbox.Options
	f := flag.NewFlagSet("serve-optiply", flag.ContinueOnError)
	f.DurationVar(&o.Latency, "latency", 0, "wait before each answer")
	if err := f.Parse(args); err != nil {
		return err
	}
	box, err := sandbox.Open(o)
	if err != nil {
		return err
	}
	defer box.Close()
	var mu sync.Mutex
	var writes []asked
	mux := http.NewServeMux()
	mux.HandleFunc(askedPath, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewEncoder(w).Encode(writes)
		writes = nil
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/") && r.Method != http.MethodGet {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			mu.Lock()
			writes = append(writes, asked{Method: r.Method, URL: r.URL.RequestURI(), Body: string(body)})
			mu.Unlock()
		}
		box.ServeHTTP(w, r)
	})
	return serve(ctx, mux)
}

// serve listens on a free port, says where, and ends with the process that started it: when stdin does.
func serve(ctx context.Context, handler http.Handler) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stdout, "http://"+listener.Addr().String())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// signIn gets a token of the sandbox, as the program does.
func signIn(ctx context.Context, base string) (string, error) {
	form := url.Values{"grant_type": {"password"}, "username": {"bench"}, "password": {"bench"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/api/auth/oauth/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.SetBasicAuth("bench", "bench")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var got struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil || got.AccessToken == "" {
		return "", fmt.Errorf("sign in: HTTP %d, %w", res.StatusCode, err)
	}
	return got.AccessToken, nil
}
