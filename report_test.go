package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"magento-optiply/magento/magentotest"
	"magento-optiply/store"
)

// page is the text of a report file.
func (s shopDir) page(path string) string {
	s.t.Helper()
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.dir, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(data)
}

func (s shopDir) pageSays(path string, want ...string) {
	s.t.Helper()
	page := s.page(path)
	for _, w := range want {
		if !strings.Contains(page, w) {
			s.t.Errorf("%s does not say %q", path, w)
		}
	}
}

func TestReport_IsLeftByEachRunAndPrunedWithIt(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "sync_product_deletions: true", magentotest.Options{})
	product := find(t, s.shop, "products", `"id":36,`)
	if err := s.shop.Put("products", []byte(strings.Replace(string(product), `"sku":"`, `"sku":"<script>alert(1)</script>`, 1))); err != nil {
		t.Fatal(err)
	}
	s.must(3, "run")
	first := filepath.Join("data", "demo", "runs", s.newest()+".html")
	s.pageSays(first, "Done, but some rows were left out: 6", "Magento over the night", "POST products", "New products", "is neither in Optiply nor in Magento")
	if strings.Contains(s.page(first), "<script") {
		t.Error("what a product is called is a part of the page's code")
	}
	for _, secret := range []string{"demo-token", s.dir} {
		if strings.Contains(s.page(first), secret) {
			t.Errorf("the page holds %q", secret)
		}
	}
	if rows := s.query("SELECT count(*) > 3, sum(requests) > 20, count(*) FILTER (concurrency = 0), bool_or(server = 'optiply' AND endpoint = 'POST products') FROM run.requests"); strings.Join(rows[0], " ") != "true true 0 true" {
		t.Errorf("run.requests: %v", rows)
	}
	// The same again on demand, as far as what it says; and by hand, phase by phase.
	r := s.must(0, "report", "--output", "again.html")
	if strings.TrimSpace(r.stdout) != "again.html" {
		t.Errorf("report prints %q, want where the page is", r.stdout)
	}
	s.pageSays("again.html", "Done, but some rows were left out: 6", "POST products")
	s.must(0, "extract")
	s.pageSays(filepath.Join("data", "demo", "runs", s.newest()+".html"), "rows were read. Work out what to send with:", "No plan was made.")
	s.must(0, "transform")
	s.must(0, "load")
	s.pageSays(filepath.Join("data", "demo", "runs", s.newest()+".html"), "All is well: nothing to send", "There is nothing to change.", "extract ", "transform ")
	// What prune keeps because it is needed keeps its page.
	s.must(0, "run")
	s.must(0, "runs", "prune", "--keep", "1")
	runs, err := filepath.Glob(filepath.Join(s.dir, "data/demo/runs/*.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := filepath.Glob(filepath.Join(s.dir, "data/demo/runs/*.html"))
	if err != nil || len(runs) == 0 || len(runs) > 2 || len(pages) != len(runs) {
		t.Errorf("%v: runs %v, reports %v: want as many, and fewer than the three that were run", err, runs, pages)
	}
	s.must(2, "report", "--run", "20200101T000000Z")
	s.must(2, "report", "--fleet", "--run", "20200101T000000Z")
}

func TestReport_OfARunThatFailedOrIsHeld(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{})
	config := configOf(t, s.shopDir)
	s.write("magento-optiply.yaml", config+"guards:\n  max_product_creates: 5\n")
	s.must(5, "run")
	id := s.newest()
	s.pageSays(filepath.Join("data", "demo", "runs", id+".html"), "Held back: a guard holds the load back: nothing was sent.", "magento-optiply load --run "+id+" --release max_product_creates", "not loaded")
	s.server.Close()
	s.write("magento-optiply.yaml", config+"guards:\n  max_product_creates: 5\n")
	s.must(1, "run") // no page of the shop came, so that there is no run file and no report
	s.must(0, "report", "--output", "last.html")
	s.pageSays("last.html", "Held back")
	// A page that cannot be written fails no run.
	s.write("data/demo/runs/"+id+".html.d/x", "")
	if err := os.Remove(filepath.Join(s.dir, "data/demo/runs", id+".html")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(s.dir, "data/demo/runs", id+".html.d"), filepath.Join(s.dir, "data/demo/runs", id+".html")); err != nil {
		t.Fatal(err)
	}
	if r := s.must(3, "load", "--run", id, "--release", "max_product_creates"); !strings.Contains(r.stderr, "the run's report is not written") {
		t.Errorf("nothing is said of the report:\n%s", r.stderr)
	}
}

func TestReport_OfTheFleetNamesTheWorstFirst(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	base := configOf(t, s)
	s.write("magento-optiply.yaml", base)
	s.must(3, "run", "--fixtures", night(1))
	s.write("beta.yaml", strings.Replace(base, "shop: demo", "shop: beta", 1)+"guards:\n  max_product_creates: 5\n")
	s.must(5, "run", "-c", "beta.yaml", "--fixtures", night(1))
	r := s.must(0, "report", "--fleet")
	path := strings.TrimSpace(r.stdout)
	if filepath.Base(path) != "fleet.html" {
		t.Fatalf("report --fleet prints %q", r.stdout)
	}
	s.pageSays(path, "2 shops", "1 failed or held back, 1 to be looked at", "max_product_creates", `href="demo/runs/`, `href="beta/runs/`)
	if page := s.page(path); strings.Index(page, ">beta<") > strings.Index(page, ">demo<") {
		t.Error("the held shop does not come first")
	}
	s.write("shops/demo.yaml", base)
	s.write("shops/gamma.yaml", strings.Replace(base, "shop: demo", "shop: gamma", 1))
	s.write("shops/wrong.yaml", "shop: wrong\nmagneto: {}\n")
	s.must(0, "report", "--fleet", "--config-dir", "shops", "--output", "pages.html")
	s.pageSays("pages.html", "3 shops", "never run", "wrong configuration", "magneto", `href="data/demo/runs/`)
}

func TestReport_OfTheRunBeforeTheOneThatIsGoingOn(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	s.must(0, "extract", "--fixtures", night(1))
	older := s.newest()
	time.Sleep(time.Second) // an id is a second
	s.must(0, "extract", "--fixtures", night(1))
	newer := s.newest()
	shop, err := store.At(filepath.Join(s.dir, "data"), "demo")
	if err != nil {
		t.Fatal(err)
	}
	ref, err := shop.Find(newer)
	if err != nil {
		t.Fatal(err)
	}
	run, err := shop.OpenRun(t.Context(), ref, store.Options{Run: store.Write})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = run.Close() }()
	if r := s.must(0, "report"); !strings.HasSuffix(strings.TrimSpace(r.stdout), older+".html") || !strings.Contains(r.stderr, "an older run is taken") {
		t.Errorf("stdout %q, stderr %q: want the page of %s", r.stdout, r.stderr, older)
	}
	if r := s.must(1, "report", "--run", newer); !strings.Contains(r.stderr, "is open in") {
		t.Errorf("the run that was asked for is open elsewhere: %s", r.stderr)
	}
}
