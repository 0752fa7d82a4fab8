package commands

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"magento-optiply/check"
)

func TestDocuments_CheckTellsEveryField(t *testing.T) {
	doc, err := os.ReadFile("../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{checked{}, check.Result{}} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if !strings.Contains(string(doc), "`"+name+"`") {
				t.Errorf("docs/check.md does not tell of %q of %s", name, typ.Name())
			}
		}
	}
}
