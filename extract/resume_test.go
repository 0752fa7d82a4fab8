package extract_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/config"
	"magento-optiply/extract"
	"magento-optiply/magento/magentotest"
	"magento-optiply/store"
)

// resumable is a shop that needs every step: windows, parked rows, products that only an order names, a second look, and
// stock in one mode or another.
func resumable(t *testing.T, change func(*config.Config)) *rig {
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.PageSize, r.cfg.Magento.SourceItemsPageSize, r.cfg.Magento.Concurrency = 3, 3, 1
	r.cfg.Sync.SyncProductDeletions = true
	change(r.cfg)
	r.products(4)
	r.product(5, "P5", night.AddDate(0, -1, 0), "disabled")
	r.product(6, "A/B", night.AddDate(0, -1, 0))
	r.source(7)
	for i := 1; i <= 4; i++ {
		r.order(i, night.AddDate(0, 0, -3), i, 90)
	}
	r.order(20, night.AddDate(-3, 0, 0), 1)
	r.state(held(1, "P1"), held(70, "GONE"), held(71, "GONE2"), parked("products", 2), parked("sell_orders", 20))
	return r
}

// The folder as it is while a request is on its way is what a kill at that moment leaves: run file, write-ahead logs, page
// files. Each of these is gone on with.
func TestExtract_KilledAtAnyRequestAndResumedEqualsOneThatWasNotDisturbed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*config.Config)
		marks  []string // in the state: an incremental night
		each   int      // every request, every second...
		more   func(*rig)
	}{
		"salable full": {func(*config.Config) {}, nil, 1, nil},
		"warehouse full": {func(c *config.Config) {
			c.Sync.UseInventorySourceItems = true
			c.Magento.StoreIDs = []string{"1", "b2b"}
		}, nil, 3, nil},
		"salable by window": {func(*config.Config) {}, incremental(), 5, nil},
		"in bulk": {func(*config.Config) {}, nil, 2, func(r *rig) {
			for i := 10; i < 40; i++ {
				r.product(i, fmt.Sprint("P", i), night.AddDate(0, -1, 0))
			}
		}},
		"only what changed": {func(c *config.Config) {
			c.Sync.StockRefresh, c.Sync.StockBulk = config.StockRefreshChanged, config.StockBulkOff
		}, nil, 2, func(r *rig) {
			r.state(bookmark("orders_touched", "", night.AddDate(0, 0, -4)))
			e := r.read(stocks)
			e.exec(`INSERT INTO state.stock_answers SELECT remote_id, sku, '', 10, 10, true, 'stockStatuses/{sku}', now()::TIMESTAMP + INTERVAL 10 YEAR, fingerprint, 'r' FROM run.stock_plan`)
			e.close()
			r.forget()
			r.now = r.now.Add(time.Hour)
			r.product(21, "P21", night.AddDate(0, -1, 0))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := resumable(t, test.change)
			r.state(test.marks...)
			if test.more != nil {
				test.more(r)
			}
			kills := t.TempDir()
			e := r.begin(extract.All())
			r.meet = func(n int, _ *http.Request, _ http.ResponseWriter) {
				if n%test.each == 0 {
					copyFolder(t, r.folder.Dir, filepath.Join(kills, fmt.Sprint(n), "demo"))
				}
			}
			e.must()
			r.heal()
			want, requests := e.content(), len(r.asked)
			e.close()
			r.now = r.now.AddDate(0, 0, 1) // a day later the windows are still the same
			for n := test.each; n <= requests; n += test.each {
				var err error
				if r.folder, err = store.Open(filepath.Join(kills, fmt.Sprint(n)), "demo"); err != nil {
					t.Fatal(err)
				}
				r.forget()
				resumed := r.resume(extract.All())
				resumed.must()
				if diff := cmp.Diff(want, resumed.content()); diff != "" {
					t.Errorf("killed at request %d of %d (-undisturbed +resumed):\n%s", n, requests, diff)
				}
				if len(r.asked) > requests-n+8 { // what was gathered of a page of stock answers is asked for again
					t.Errorf("killed at request %d of %d: %d more", n, requests, len(r.asked))
				}
				resumed.close()
			}
		})
	}
}

func incremental() []string {
	return []string{bookmark("products_full", "", night), bookmark("products", "", night.AddDate(0, 0, -5)), bookmark("orders", "", night.AddDate(0, 0, -5))}
}

func copyFolder(t *testing.T, from, to string) {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Error(err)
	}
}

func TestExtract_InterruptedKeepsWhatItHasAndSaysSo(t *testing.T) {
	t.Parallel()
	for n := 5; n <= 12; n += 7 {
		r := resumable(t, func(*config.Config) {})
		e := r.begin(extract.All())
		_, err := e.job.Extract(e.cancelled(n))
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("at request %d: got %v", n, err)
		}
		open := e.column("SELECT stream || ': ' || reason FROM run.streams WHERE NOT complete")
		if len(open) != 1 || !strings.HasSuffix(open[0], ": the reading was interrupted") {
			t.Errorf("at request %d: streams that are not complete: %q", n, open)
		}
		e.close()
		r.heal()
		r.resume(extract.All()).must()
	}
}

func TestExtract_AgainOnACompleteRunAsksForNothing(t *testing.T) {
	t.Parallel()
	r := resumable(t, func(*config.Config) {})
	r.read(extract.All()).close()
	r.forget()
	e := r.resume(extract.All())
	want := e.content()
	e.must()
	if len(r.asked) > 0 {
		t.Errorf("asked again: %q", r.asked)
	}
	equal(t, "content", e.content(), want)
}

func TestExtract_PageFilesThatWereNotFinishedDoNotCount(t *testing.T) {
	t.Parallel()
	r := resumable(t, func(*config.Config) {})
	want := r.read(extract.All())
	wanted := want.content()

	r = resumable(t, func(*config.Config) {})
	e := r.begin(extract.All())
	if _, err := e.job.Extract(e.cancelled(5)); err == nil {
		t.Fatal("the extraction ended well")
	}
	dir := filepath.Join(e.run.PagesDir(), "products")
	for name, body := range map[string]string{"full-000004.json": `{"items":[{"id":999,"sku":"LEFT"}]}`, "full-000099.json": `{"items":[{"id":998,`, "full-000005.json.tmp": `{"it`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e.close()
	r.heal()
	again := r.resume(extract.All())
	again.must()
	equal(t, "content", again.content(), wanted)
}

// A worker that fails to save its page leaves a hole in the numbers, and the next page must not take another's name.
func TestExtract_ResumedBehindAHoleInThePageNumbersOverwritesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, magentotest.Options{})
	r.cfg.Magento.Concurrency = 1
	r.products(3)
	e := r.begin(extract.Parts{Stocks: true, Products: true})
	if _, err := e.job.Extract(e.cancelled(6)); err == nil {
		t.Fatal("the extraction ended well")
	}
	e.exec("UPDATE run.pages SET file = 'skus-000004.json' WHERE stream = 'stock_statuses'")
	if n := e.column("SELECT count(*) FROM run.pages WHERE stream = 'stock_statuses'")[0]; n != "1" {
		t.Fatalf("%s pages of stock_statuses were saved", n)
	}
	dir := filepath.Join(e.run.PagesDir(), "stock_statuses")
	if err := os.Rename(filepath.Join(dir, "skus-000001.json"), filepath.Join(dir, "skus-000004.json")); err != nil {
		t.Fatal(err)
	}
	e.close()
	r.heal()
	again := r.resume(extract.Parts{Stocks: true, Products: true})
	again.must()
	equal(t, "SKUs", again.keys("stock_statuses"), "P1 P2 P3")
	equal(t, "pages", fmt.Sprint(again.column("SELECT file FROM run.pages WHERE stream = 'stock_statuses' ORDER BY file")), "[skus-000004.json skus-000005.json]")
}
