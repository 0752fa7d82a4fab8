package optiply_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
)

// readAll gives the remote ids that All reads; after each row it calls between, if that is given.
func readAll(t *testing.T, c *optiply.Client, between func(n int)) (ids []string) {
	t.Helper()
	for r, err := range c.All(t.Context(), optiply.Products) {
		if err != nil {
			t.Fatal(err)
		}
		id, _ := r.RemoteID(4711)
		ids = append(ids, id)
		if between != nil {
			between(len(ids))
		}
	}
	return ids
}

func inOrder(t *testing.T, ids []string, want int) {
	t.Helper()
	if len(ids) != want {
		t.Fatalf("%d rows, want %d", len(ids), want)
	}
	for i, id := range ids {
		if id != fmt.Sprint(i) {
			t.Fatalf("row %d is %s", i, id)
		}
	}
}

func TestAll_ReadsAllPages(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	for _, want := range []int{0, 1, 99, 100, 101, 200} {
		fill(t, a, want-len(a.sandbox.Products()))
		inOrder(t, readAll(t, a.Client, nil), want)
		if n, exact, err := a.Count(t.Context(), optiply.Products); n != int64(want) || !exact || err != nil {
			t.Errorf("counted %d (exact: %v, %v), want %d", n, exact, err, want)
		}
	}
}

func TestAll_SkipsNoRowWhenOthersAreDeletedMeanwhile(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	fill(t, a, 250)
	stored := a.sandbox.Products()
	inOrder(t, readAll(t, a.Client, func(n int) {
		if n == 100 { // the first page is read: half of it goes away
			for _, r := range stored[:50] {
				if err := a.Delete(context.Background(), optiply.Products, r.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	}), 250)
}

// otherwise is a sandbox behind a server that treats queries in its own way.
func otherwise(t *testing.T, a account, change func(w http.ResponseWriter, q url.Values) (answered bool)) *optiply.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			q := r.URL.Query()
			if change(w, q) {
				return
			}
			r.URL.RawQuery = q.Encode()
		}
		a.sandbox.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return client(t, settings(server.URL))
}

func TestAll_PagesByOffsetWhereIDsCannotBeFilteredBy(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	fill(t, a, 250)
	for name, change := range map[string]func(http.ResponseWriter, url.Values) bool{
		"ignored": func(_ http.ResponseWriter, q url.Values) bool { q.Del("filter[id][GT]"); return false },
		"refused": func(w http.ResponseWriter, q url.Values) bool {
			if q.Has("filter[id][GT]") {
				w.WriteHeader(http.StatusBadRequest)
			}
			return q.Has("filter[id][GT]")
		},
	} {
		t.Run(name, func(t *testing.T) { inOrder(t, readAll(t, otherwise(t, a, change), nil), 250) })
	}
}

func TestAll_EndsWithTheErrorOfAPage(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	fill(t, a, 150)
	c := otherwise(t, a, func(w http.ResponseWriter, q url.Values) bool {
		if q.Has("filter[id][GT]") {
			w.WriteHeader(http.StatusForbidden)
		}
		return q.Has("filter[id][GT]")
	})
	rows := 0
	var last error
	for _, err := range c.All(t.Context(), optiply.Products) {
		if last = err; err == nil {
			rows++
		}
	}
	if rows != 100 || asError(t, last).Kind != optiply.Forbidden {
		t.Errorf("%d rows, then %v", rows, last)
	}
}

func TestCount_SaysWhetherItIsExact(t *testing.T) {
	for body, want := range map[string]string{
		`{"data":[{"id":"1"}],"meta":{"totalResourceCount":7}}`: "7 true",
		`{"data":[{"id":"1"}]}`:                                 "1 false",
		`{"data":[{"id":"1"}],"meta":[]}`:                       "1 false",
		`{"data":[]}`:                                           "0 true",
	} {
		n, exact, err := serve(t, text(200, body)).Count(t.Context(), optiply.Products)
		if err != nil || fmt.Sprint(n, " ", exact) != want {
			t.Errorf("%s: %d %v %v, want %s", body, n, exact, err, want)
		}
	}
}
