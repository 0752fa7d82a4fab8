package load_test

import (
	"os"
	"testing"

	"magento-optiply/store/storetest"
)

func TestSQL(t *testing.T) {
	storetest.Golden(t, storetest.New(t), os.DirFS("sql"))
}
