package report

import (
	"io/fs"
	"testing"

	"magento-optiply/store/storetest"
	"magento-optiply/transform"
)

func TestSQL(t *testing.T) {
	b := storetest.New(t)
	if _, err := transform.Run(t.Context(), b.Run.DB, transform.SQL(), storetest.Now(), func(string, int, int) {}); err != nil {
		t.Fatal(err)
	}
	fsys, err := fs.Sub(queries, "sql")
	if err != nil {
		t.Fatal(err)
	}
	storetest.Golden(t, b, fsys)
}
