package replay_test

import (
	"os"
	"testing"

	"magento-optiply/store/storetest"
	"magento-optiply/transform"
)

func TestSQL(t *testing.T) {
	b := storetest.New(t)
	if _, err := transform.Run(t.Context(), b.Run.DB, transform.SQL(), storetest.Now(), func(string, int, int) {}); err != nil {
		t.Fatal(err)
	}
	// What a replica has attached: the night itself.
	b.Exec(t, "ATTACH ':memory:' AS night; CREATE SCHEMA night.run; CREATE SCHEMA night.plan; CREATE TABLE night.run.info AS SELECT 'r1' AS run_id; CREATE TABLE night.plan.summary AS SELECT 'h1' AS hash")
	storetest.Golden(t, b, os.DirFS("sql"))
}
