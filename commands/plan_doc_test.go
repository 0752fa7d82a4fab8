package commands

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPlan_JSONIsAsDocumented compares the fields of plan --format json, their order and their types with docs/plan.md.
func TestPlan_JSONIsAsDocumented(t *testing.T) {
	data, err := os.ReadFile("../docs/plan.md")
	if err != nil {
		t.Fatal(err)
	}
	var fields []string
	types := map[string][]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| ([a-z, ]+) \\|").FindAllStringSubmatch(string(data), -1) {
		fields = append(fields, m[1])
		types[m[1]] = strings.Split(m[2], ", ")
	}
	newShop(t)
	got := call(t, 0, "", "plan", "--format", "json")
	var rows []map[string]any
	if err := json.Unmarshal([]byte(got.stdout), &rows); err != nil || len(rows) != 3 {
		t.Fatalf("%v in:\n%s", err, got.stdout)
	}
	for _, line := range strings.Split(strings.Trim(got.stdout, "[]\n"), ",\n") {
		if diff := cmp.Diff(fields, topLevel(t, line)); diff != "" {
			t.Errorf("fields (-docs/plan.md +plan):\n%s", diff)
		}
	}
	for _, row := range rows {
		for name, value := range row {
			if kind := kindOf(value); !strings.Contains(strings.Join(types[name], ";")+";", kind+";") {
				t.Errorf("%s is a %s, and docs/plan.md says %v", name, kind, types[name])
			}
		}
	}
}

// topLevel are the names of an object's members in their order.
func topLevel(t *testing.T, object string) (names []string) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(object))
	if _, err := decoder.Token(); err != nil {
		t.Fatal(err)
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return names
}

// kindOf names the type of a value as the document does.
func kindOf(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case float64:
		return "number"
	case map[string]any:
		return "object"
	case []any:
		if len(v) > 0 {
			return "list of " + kindOf(v[0]) + "s"
		}
		return "list of strings"
	}
	return "other"
}
