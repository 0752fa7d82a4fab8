package magento

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"
)

func TestUncut_AnAnswerOnItsWayIsWaitedFor(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	shop := newFakeShop(t, map[string]http.HandlerFunc{
		"GET /rest/V1/products": func(w http.ResponseWriter, _ *http.Request) {
			stop()
			fmt.Fprint(w, `{"items":[],"total_count":0}`)
		},
	})
	f := newTestClient(t, shop.URL)
	group, inGroup := errgroup.WithContext(Uncut(ctx))
	group.Go(func() error {
		_, err := f.Get(inGroup, "products", nil)
		return err
	})
	if err := group.Wait(); err != nil {
		t.Errorf("the answer to a request that had left is lost: %v", err)
	}
	if _, err := f.Get(Uncut(ctx), "products", nil); !errors.Is(err, context.Canceled) || shop.count() != 1 {
		t.Errorf("a request left after the end: %v, %d requests", err, shop.count())
	}
}

func TestUncut_AnotherWorkersFailureCutsAtOnce(t *testing.T) {
	t.Parallel()
	hanging := make(chan struct{})
	shop := newFakeShop(t, map[string]http.HandlerFunc{
		"GET /rest/V1/products": func(_ http.ResponseWriter, r *http.Request) {
			close(hanging)
			<-r.Context().Done()
		},
	})
	f := newTestClient(t, shop.URL)
	group, ctx := errgroup.WithContext(Uncut(t.Context()))
	failure := errors.New("another worker failed")
	group.Go(func() error {
		<-hanging
		return failure
	})
	group.Go(func() error {
		_, err := f.Get(ctx, "products", nil)
		return err
	})
	if err := group.Wait(); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}

// hangingShop answers nothing, until nobody waits any more.
type hangingShop struct{}

func (hangingShop) RoundTrip(req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func TestUncut_AnAnswerIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, err := NewClient(Config{StoreURL: "https://shop.example", Auth: Bearer("token"), Transport: hangingShop{}, Retries: -1})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, stop)
		start := time.Now()
		_, err = client.Get(Uncut(ctx), "products", nil)
		if took := time.Since(start); !errors.Is(err, context.Canceled) || took != time.Second+lastAnswer {
			t.Errorf("ended after %v with %v, want %v after the stop", took, err, lastAnswer)
		}
	})
}
