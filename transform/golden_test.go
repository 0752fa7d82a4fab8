package transform_test

import (
	"testing"

	"magento-optiply/store/storetest"
	"magento-optiply/transform"
)

// bench is one on which every table of the transformation is there, empty.
func bench(t *testing.T) *storetest.Bench {
	t.Helper()
	b := storetest.New(t)
	if _, err := transform.Run(t.Context(), b.Run.DB, transform.SQL(), storetest.Now(), func(string, int, int) {}); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSQL(t *testing.T) {
	storetest.Golden(t, bench(t), transform.SQL())
}
