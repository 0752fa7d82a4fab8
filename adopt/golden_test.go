package adopt

import (
	"testing"

	"magento-optiply/store/storetest"
)

// goldenBench is one on which every table of an adoption is there, empty.
func goldenBench(t *testing.T) *storetest.Bench {
	t.Helper()
	b := storetest.New(t)
	b.Exec(t, tablesSQL)
	j := Job{conn: b.Conn, HasList: true}
	if err := j.match(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.Exec(t, "SET VARIABLE sample_of = 1; SET VARIABLE sample_number = 0; SET VARIABLE recreate_missing = false")
	for _, name := range []string{"505_looked_at", "510_drift", "520_corrected"} {
		if err := j.run(t.Context(), j.conn, name); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestSQL(t *testing.T) {
	storetest.Golden(t, goldenBench(t), SQL())
}
