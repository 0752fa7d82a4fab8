package magento

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

func TestGet_SendsWhatMagentoWantsAndReturnsTheBodyAsSent(t *testing.T) {
	body := `{"items": [ {"id":1,"name":"\u00c4"} ],"total_count":1}` + "\n"
	shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/products": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", "Mon, 23 Nov 2026 09:24:59 GMT")
		http.SetCookie(w, &http.Cookie{Name: "PHPSESSID", Value: "abc"})
		says(200, body)(w, r)
	}})
	c := newTestClient(t, shop.URL+"/", func(cfg *Config) {
		cfg.UserAgent = "tester/1"
		cfg.Cookies = map[string]string{"gate": "open", "a": "b"}
	})
	for range 2 { // twice: the session cookie must not come back
		got, err := c.Get(context.Background(), "products", Criteria{PageSize: 3}.Where(Filter{"name", Eq, "a b+c"}).Query())
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Body) != body {
			t.Errorf("body: got %q, want %q", got.Body, body)
		}
		if want := time.Date(2026, 11, 23, 9, 24, 59, 0, time.UTC); !got.Date.Equal(want) {
			t.Errorf("date: got %v, want %v", got.Date, want)
		}
		r := shop.last()
		for name, want := range map[string]string{
			"Accept": "application/json", "Authorization": "Bearer " + token, "User-Agent": "tester/1", "Cookie": "a=b; gate=open",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		if q := r.URL.RawQuery; !strings.Contains(q, "=a%20b%2Bc&") || strings.Contains(q, "+") {
			t.Errorf("query %q: a space must be %%20 and a plus %%2B", q)
		}
	}
}

func TestGetIn_AsksUnderAnotherStoreCode(t *testing.T) {
	shop := newFakeShop(t, map[string]http.HandlerFunc{
		"GET /rest/nl/V1/store/storeViews":  says(200, `"nl"`),
		"GET /rest/all/V1/store/storeViews": says(200, `"all"`),
		"GET /rest/V1/store/storeViews":     says(200, `"default"`),
	})
	c := newTestClient(t, shop.URL, func(cfg *Config) { cfg.StoreCode = "nl" })
	for code, want := range map[string]string{"all": `"all"`, "": `"default"`, "nl": `"nl"`} {
		got, err := c.GetIn(context.Background(), code, "store/storeViews", nil)
		if err != nil || string(got.Body) != want {
			t.Errorf("under %q: got %v, %v", code, got, err)
		}
	}
	if got, err := c.Get(context.Background(), "store/storeViews", nil); err != nil || string(got.Body) != `"nl"` {
		t.Errorf("Get: got %v, %v; want the configured store code", got, err)
	}
}

func TestGet_UnpacksGzip(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	fmt.Fprint(z, `{"items":[]}`)
	z.Close()
	shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/orders": func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Errorf("Accept-Encoding: got %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(packed.Bytes())
	}})
	got, err := newTestClient(t, shop.URL).Get(context.Background(), "orders", nil)
	if err != nil || string(got.Body) != `{"items":[]}` || got.Bytes != int64(packed.Len()) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestGet_LeavesOutAByteOrderMark(t *testing.T) {
	shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/orders": says(200, "\xef\xbb\xbf[]")})
	got, err := newTestClient(t, shop.URL).Get(context.Background(), "orders", nil)
	if err != nil || string(got.Body) != "[]" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestGet_TellsEachAttemptWithoutTheSKU(t *testing.T) {
	shop := newFakeShop(t, map[string]http.HandlerFunc{
		"GET /rest/V1/stockStatuses/A%2FB": answers(says(500, `{"message":"no"}`), says(200, `{}`)),
	})
	var seen []RequestInfo
	c := newTestClient(t, shop.URL, func(cfg *Config) { cfg.OnRequest = func(i RequestInfo) { seen = append(seen, i) } })
	got, err := c.Get(context.Background(), "stockStatuses/"+SKUPath("A/B"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got.Attempts != 2 || len(seen) != 2 {
		t.Fatalf("attempts: %d in the response, %d told", got.Attempts, len(seen))
	}
	for i, want := range []RequestInfo{
		{Endpoint: "stockStatuses/{sku}", Status: 500, Kind: ServerError, Attempt: 1, Bytes: 16},
		{Endpoint: "stockStatuses/{sku}", Status: 200, Attempt: 2, Bytes: 2},
	} {
		if seen[i].Date.IsZero() {
			t.Error("an attempt does not tell the shop's clock")
		}
		want.Duration, want.Date = seen[i].Duration, seen[i].Date
		if seen[i] != want {
			t.Errorf("got %+v, want %+v", seen[i], want)
		}
	}
}

func TestGet_NeverAsksMoreAtATimeThanAllowed(t *testing.T) {
	var mu sync.Mutex
	now, most := 0, 0
	shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/products": func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		now++
		most = max(most, now)
		mu.Unlock()
		time.Sleep(2 * time.Millisecond)
		mu.Lock()
		now--
		mu.Unlock()
		says(200, `{}`)(w, r)
	}})
	c := newTestClient(t, shop.URL, func(cfg *Config) { cfg.Concurrency = 3 })
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := c.Get(context.Background(), "products", nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most > 3 {
		t.Errorf("%d requests at a time, 3 allowed", most)
	}
}

func TestGet_EndsWithTheContext(t *testing.T) {
	shop := newFakeShop(t, map[string]http.HandlerFunc{"GET /rest/V1/products": says(503, `{"message":"busy"}`)})
	ctx, cancel := context.WithCancel(context.Background())
	c := newTestClient(t, shop.URL, func(cfg *Config) {
		cfg.RetryWait = time.Hour
		cfg.OnRequest = func(RequestInfo) { cancel() }
	})
	_, err := c.Get(ctx, "products", nil)
	var e *Error
	if !errors.Is(err, context.Canceled) || errors.As(err, &e) || !strings.Contains(err.Error(), "maintenance: busy") {
		t.Errorf("got %v, want the context's end", err)
	}
}

func TestNewClient_RefusesSettingsThatCannotWork(t *testing.T) {
	good := Config{StoreURL: "shop.example", Auth: Bearer(token)}
	for name, spoil := range map[string]func(*Config){
		"no address":           func(c *Config) { c.StoreURL = "" },
		"ftp":                  func(c *Config) { c.StoreURL = "ftp://shop.example" },
		"password in address":  func(c *Config) { c.StoreURL = "https://u:hunter22@shop.example" },
		"query in address":     func(c *Config) { c.StoreURL = "https://shop.example/?a=b" },
		"no sign-in":           func(c *Config) { c.Auth = nil },
		"empty token":          func(c *Config) { c.Auth = Bearer(" ") },
		"line break in token":  func(c *Config) { c.Auth = Bearer("a\nb") },
		"no password":          func(c *Config) { c.Auth = AdminUser("me", "") },
		"three of four keys":   func(c *Config) { c.Auth = OAuth1("a", "b", "c", "") },
		"store code is a path": func(c *Config) { c.StoreCode = "../x" },
		"cookie with a break":  func(c *Config) { c.Cookies = map[string]string{"a": "b\r\nX: y"} },
	} {
		cfg := good
		spoil(&cfg)
		_, err := NewClient(cfg)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s: the password is in %q", name, err)
		}
	}
	if _, err := NewClient(good); err != nil {
		t.Error(err)
	}
}

// The error of one caller stops a group's others. It is not theirs: taken for it, a 401 without an answer was looked into, and the
// program crashed.
func TestGet_IsNotBlamedForTheErrorThatStopsIt(t *testing.T) {
	t.Parallel()
	hanging := make(chan struct{})
	refused := says(401, `{"message":"The signature is invalid. Verify and try again."}`)
	shop := newFakeShop(t, map[string]http.HandlerFunc{
		"GET /rest/V1/products": func(_ http.ResponseWriter, r *http.Request) {
			close(hanging)
			<-r.Context().Done()
		},
		"GET /rest/V1/orders": func(w http.ResponseWriter, r *http.Request) {
			<-hanging
			refused(w, r)
		},
	})
	f := newTestClient(t, shop.URL)
	group, ctx := errgroup.WithContext(t.Context())
	group.Go(func() error {
		_, err := f.Get(ctx, "orders", nil)
		return err
	})
	group.Go(func() error {
		_, err := f.Get(ctx, "products", nil)
		var e *Error
		if errors.As(err, &e) || !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the end of the context", err)
		}
		return err
	})
	var e *Error
	if err := group.Wait(); !errors.As(err, &e) || e.Path != "orders" {
		t.Errorf("got %v, want the refusal of orders", err)
	}
}
