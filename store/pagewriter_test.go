package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A page that could not be kept is not passed over: a resumed reading goes on behind the newest page that was.
func TestKeepPages_AfterOneThatFailedNoPageIsTaken(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	r := create(t, s, id0)
	page := func(file string) Page {
		return Page{Stream: "products", Part: "full", File: file, Rows: 1, FetchedAt: start0, Body: []byte(`{"items":[{"id":1}]}`)}
	}
	if err := r.SavePage(t.Context(), page("1.json")); err != nil {
		t.Fatal(err)
	}
	r.pages.kept = time.Now().Add(time.Hour) // the next one waits
	if err := r.AddPage(t.Context(), page("2.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(r.PagesDir(), "products", "2.json.tmp")); err != nil {
		t.Fatal(err)
	}
	for i, err := range []error{r.KeepPages(t.Context()), r.AddPage(t.Context(), page("3.json")), r.KeepPages(t.Context()), r.Finish(t.Context())} {
		if err == nil || !strings.Contains(err.Error(), "2.json") {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := r.Close(); err != nil {
		t.Errorf("close, after it was told: %v", err)
	}
	r, err := s.OpenRun(t.Context(), RunRef{ID: id0, Partial: true}, Options{Run: Write})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	equal(t, "pages", ask(t, r, "SELECT string_agg(file, ' ') FROM run.pages"), "1.json")
	if err := r.SavePage(t.Context(), page("2.json")); err != nil {
		t.Errorf("another process: %v", err)
	}
}
