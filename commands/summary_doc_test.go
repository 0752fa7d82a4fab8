package commands

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

func TestSummary_EveryFieldIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/summary.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{summary{}, reconcileSummary{}, attributeDrifts{}, streamSummary{}, changeSummary{}, issueCounts{}, issue{}, shopsReport{}} {
		typ := reflect.TypeOf(v)
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if name == "" {
				continue // not part of the JSON
			}
			if !strings.Contains(string(doc), "`"+name+"`") {
				t.Errorf("docs/summary.md does not tell of %q of %s", name, typ.Name())
			}
		}
	}
}
