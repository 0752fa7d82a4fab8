package magento

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pages are answers as they come, and as they should not.
func pages() []string {
	return []string{
		`{"items":[{"id":1,"sku":"a\"b"},{"id":"2","x":[{"id":9}]}],"search_criteria":{"page_size":2},"total_count":2}`,
		`{"items":null,"total_count":0}`, `{"items":[]}`, `{ "total_count" : 3 , "items" : [ { "id" : 7 } , {"id":5} ] }`,
		`{"Items":[{"id":1}],"items":[{"id":2}]}`, `{"items":[{"id":1}],"items":[{"id":2},{"id":3}]}`, `{"it\u0065ms":[{"id":1}]}`,
		`{"items":[{"id":1}],"total_count":"2"}`, `{"items":[{"id":1}],"total_count":null}`, `{"items":[{"id":1}],"total_count":1e2}`,
		`{"items":{"id":1}}`, `{"items":[1,null,"id"]}`, `{"items":[{"sku":"id"}]}`, `{"message":"no","items":[{"id":1}]}`, `{"message":"no"}`, `[]`, `[{"id":1}]`,
		`{"items":[{"id":1}]`, ` `, `"items"`, `{"items":[{"id":1}]} x`, `{"items":[{"id":1.5}]}`, `{"items":[{"id":1}],"Total_Count":7}`,
	}
}

// A page is told by its outside as by decoding it, or left to that.
func FuzzReadPage_ScansAsItDecodes(f *testing.F) {
	for _, page := range pages() {
		f.Add(page)
	}
	for depth := Deepest - 5; depth <= Deepest; depth++ {
		f.Add(`{"items":[{"id":1,"x":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}],"total_count":1}`)
		f.Add(`{"total_count":1,"items":[` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `],"x":1}`)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if got, want := valid([]byte(body)), json.Valid([]byte(body)); got != want {
			t.Fatalf("valid: got %v, want %v", got, want)
		}
		for _, field := range []string{"id", ""} {
			scanned, ok := scanPage([]byte(body), field)
			if !ok {
				continue
			}
			decoded, err := decodePage([]byte(body), field)
			if err != nil {
				t.Fatalf("scanned, and cannot be decoded: %v", err)
			}
			if diff := cmp.Diff(decoded, scanned); diff != "" {
				t.Errorf("field %q (-decoded +scanned):\n%s", field, diff)
			}
		}
	})
}

func TestScanPage_ReadsWhatMagentoSends(t *testing.T) {
	t.Parallel()
	for _, page := range pages()[:2] {
		_, ok := scanPage([]byte(page), "id")
		if want := strings.Contains(page, "[{"); ok != want {
			t.Errorf("%s: scanned: %v", page, ok)
		}
	}
}

func TestValid_IsAsDeepAsEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{Deepest, Deepest + 1, 1 << 22} {
		body := []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))
		if got, want := valid(body), json.Valid(body); got != want {
			t.Errorf("%d brackets in each other: valid is %v, json.Valid %v", depth, got, want)
		}
	}
}

// A byte is looked at by eight at a time and, at the end, alone: what is found does not depend on where it is.
func TestValid_IsWhatEncodingJSONSays(t *testing.T) {
	t.Parallel()
	texts := []string{`"`, `""`, "\"\x1f\"", `"é€😀"`, "\"\xff\x80\x9f\"", `"\"`, `"\\"`, `"\u00E9"`, `"\u00g0"`, `"\u00e"`, `"\x"`, "\"\x7f\x80!#[]\"", "\"\x00\"", `"a"b"`,
		"0", "-0", "01", "-", "1.", ".5", "1.5", "1e", "1e+", "1E-07", "1.5e3", "+1", "0x1", "true", "tru", "truee", "null", "nul", "false", "fals", "NaN",
		"[]", "[1,]", "[,]", "[1 2]", "[1}", "{]", "{}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":1 "b":2}`, `{1:2}`, `{"a" : 1 , "b":[ ]}`, `{"a":1}}`, "[[]", "", " ", "[\v]", "\u00a0[]"}
	for _, text := range texts {
		for pad := range 20 {
			for _, body := range []string{strings.Repeat(" ", pad) + text, text + strings.Repeat("\n", pad), `["` + strings.Repeat("é", pad) + `",` + text + `,"` + strings.Repeat("x", pad) + `"]`,
				`["` + strings.Repeat("x", pad) + strings.TrimPrefix(text, `"`) + "]"} {
				if got, want := valid([]byte(body)), json.Valid([]byte(body)); got != want {
					t.Errorf("%q: valid is %v, json.Valid %v", body, got, want)
				}
			}
		}
	}
}

func TestMembers_EndsWhereItIsToldTo(t *testing.T) {
	t.Parallel()
	var seen []string
	members([]byte(` { "a" : 1 , "b":{"c":[1,"}"]},"d":"\\" } `), func(name, value []byte) bool {
		seen = append(seen, fmt.Sprintf("%s=%s", name, value))
		return string(name) != "b"
	})
	members([]byte(`[1, {"a":[2]} ,"]", null]`), func(_, value []byte) bool {
		seen = append(seen, string(value))
		return true
	})
	if diff := cmp.Diff([]string{"a=1", `b={"c":[1,"}"]}`, "1", `{"a":[2]}`, `"]"`, "null"}, seen); diff != "" {
		t.Error(diff)
	}
}

// BenchmarkPage checks and reads the outside of a page of 300 products, as they come with fields= and whole.
func BenchmarkPage(b *testing.B) {
	slim := `{"id":%d,"sku":"SKU-%[1]d","name":"A product with a name of some length","price":12.5,"status":1,"type_id":"simple","created_at":"2024-01-01 10:00:00","updated_at":"2024-01-02 10:00:00"}`
	long := strings.Replace(slim, "}", `,"custom_attributes":[`+strings.TrimSuffix(strings.Repeat(`{"attribute_code":"description","value":"<p>Some text that has \/ and \"quotes\" in it.<\/p>"},`, 35), ",")+"]}", 1)
	for name, item := range map[string]string{"fields": slim, "whole": long} {
		items := make([]string, 300)
		for i := range items {
			items[i] = fmt.Sprintf(item, i+1)
		}
		body := []byte(`{"items":[` + strings.Join(items, ",") + `],"total_count":300}`)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if e := classify(200, nil, body, strings.TrimSpace); e != nil {
					b.Fatal(e)
				}
				if p, err := ReadPage(body, "id"); err != nil || p.Count != 300 {
					b.Fatal(p, err)
				}
			}
		})
	}
}
