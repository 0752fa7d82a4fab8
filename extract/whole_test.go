package extract_test

import (
	"strings"
	"testing"
	"time"

	"magento-optiply/extract"
	"magento-optiply/magento/magentotest"
)

// A stream is called whole when none of its pages is still to come: what hears it reads the pages at once.
func TestExtract_TellsWhichStreamsAreWhole(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		what, want string
		full       bool
	}{
		{"all products", "products orders sources source_items stock_items stock_statuses", true},
		{"those that changed, and then those that only an order names", "orders products sources source_items stock_items stock_statuses", false},
	} {
		r := newRig(t, magentotest.Options{})
		r.cfg.Magento.PageSize = 2
		r.products(5)
		r.order(1, night.Add(-time.Hour), 1, 3)
		if !test.full {
			r.state(bookmark("products_full", "", night.Add(-time.Hour)), bookmark("products", "", night.Add(-time.Hour)))
		}
		e := r.begin(extract.All())
		counted := map[string]string{}
		pages := func(stream string) string {
			return strings.Join(e.column("SELECT part || ' ' || file || ' ' || rows FROM run.pages WHERE stream = '"+stream+"' ORDER BY ALL"), ", ")
		}
		var heard []string
		e.job.Whole = func(streams ...string) {
			heard = append(heard, streams...)
			for _, stream := range streams {
				counted[stream] = pages(stream)
			}
		}
		e.must()
		equal(t, test.what, strings.Join(withoutRepeated(heard), " "), test.want)
		for stream, then := range counted {
			equal(t, test.what+": pages of "+stream, pages(stream), then)
		}
		if counted["products"] == "" || counted["stock_statuses"] == "" {
			t.Errorf("%s: nothing was read: %v", test.what, counted)
		}
		e.close()
	}
}

func withoutRepeated(list []string) (once []string) {
	for _, s := range list {
		if !strings.Contains(" "+strings.Join(once, " ")+" ", " "+s+" ") {
			once = append(once, s)
		}
	}
	return once
}
