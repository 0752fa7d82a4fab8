package extract

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/magento"
)

// asAsked is what is kept of an answer.
func asAsked(body string, query magento.Query) string {
	if keep := onlyAsked(query); keep != nil {
		if kept, ok := keep([]byte(body)); ok {
			return string(kept)
		}
	}
	return body
}

func TestOnlyAsked_CutsWhatAShopSentBeyondFields(t *testing.T) {
	query := magento.Criteria{Fields: orderFields}.Query()
	body := `{"items":[{"entity_id":1,"customer_email":"a@b.example","billing_address":{"street":["x"]},"subtotal":12345678901234.5678,
		"items":[{"item_id":2,"name":"n","product_id":3,"parent_item":{"customer_note":"x"}}]},null],"search_criteria":{"page_size":1},"total_count":2}`
	want := `{"items":[{"entity_id":1,"items":[{"item_id":2,"product_id":3}],"subtotal":12345678901234.5678},null],"total_count":2}`
	if cut := asAsked(body, query); cut != want {
		t.Errorf("got  %s\nwant %s", cut, want)
	}
	if cut := asAsked(strings.Replace(body, `"search_criteria":{"page_size":1},`, "", 1), query); cut != want {
		t.Errorf("without search_criteria: %s", cut)
	}
	inside := `{"total_count":2,"items":[{"entity_id":1,"items":[{"item_id":2},{"item_id":3,"name":"n"}]},{"entity_id":2}]}`
	if cut := asAsked(inside, query); strings.Contains(cut, "name") {
		t.Errorf("what was not asked for in a line is kept: %s", cut)
	}
	later := `{"items":[{"entity_id":1},{"entity_id":2,"customer_email":"a@b.example"}],"search_criteria":{},"total_count":2}`
	if cut := asAsked(later, query); strings.Contains(cut, "@") {
		t.Errorf("what only the second record has is kept: %s", cut)
	}
	for _, same := range []string{strings.Replace(want, `,"total_count":2`, `,"total_count":2 `, 1), `{"message":"no search_criteria"}`, `[{"search_criteria":1}]`} {
		if got := asAsked(same, query); got != same {
			t.Errorf("%s is not as it was sent: %s", same, got)
		}
	}
	if got := asAsked(body, nil); got != body {
		t.Errorf("a question without fields= is cut: %s", got)
	}
}

// Wherever an answer is broken, in what is kept of it or in the nineteen twentieths that are not, it is not taken for one that is whole.
func TestOnlyAsked_SeesWhatIsBrokenInWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	keep := onlyAsked(magento.Criteria{Fields: "items[id],total_count"}.Query())
	whole := `{"items":[{"id":1,"x":{"a":[true,-1.5e3,"\u00e9\\"]}},{"id":2,"x":null}],"search_criteria":{},"total_count":2}`
	if _, ok := keep([]byte(whole)); !ok {
		t.Fatal("a whole answer is not cut")
	}
	for i := range len(whole) {
		for _, broken := range []string{whole[:i], whole[:i] + whole[i+1:], whole[:i] + "\x01" + whole[i:], whole[:i] + `"` + whole[i:]} {
			if kept, ok := keep([]byte(broken)); ok && !json.Valid([]byte(broken)) {
				t.Errorf("%s is cut to %s", broken, kept)
			}
		}
	}
}

func FuzzOnlyAsked(f *testing.F) {
	f.Add(`{"items":[{"entity_id":1,"x":"y"}],"search_criteria":{}}`, orderFields)
	f.Add(`{"items":[{"entity_id":1,"x":"y}],"search_criteria":{}}`, orderFields)
	f.Add(`[{"search_criteria":1}]`, "items[a,b[c]],d")
	f.Add(`{"search_criteria"`, "][,,")
	f.Fuzz(func(t *testing.T, body, fields string) {
		kept, ok := onlyAsked(magento.Query{{Name: "fields", Value: fields}})([]byte(body))
		if ok && (!json.Valid(bytes.TrimSpace([]byte(body))) || !json.Valid(kept)) {
			t.Errorf("%q cut by %q: one of them is no JSON: %q", body, fields, kept)
		}
	})
}

// An answer is cut as decoding it, leaving out what was not asked for, would.
func FuzzOnlyAsked_CutsAsItDecodes(f *testing.F) {
	f.Add(`{"items":[{"x":{"sku":"\"]}"},"sku":"a\\","id":1,"items":[{"qty":1.50,"name":"n"},null,[{"qty":2}]]},7,"s"],"search_criteria":[],"total_count":2}`)
	f.Add(` { "total_count" : 1 , "items" : [ { "items" : { "qty" : [ ] , "x" : [1, 2] } , "id" : { } } , { } ] } `)
	f.Add(`{"items":[{"id":1,"id":2,"x":true}],"items":{"sku":[{"deep":["}"]}]}}`)
	tree := parseFields("items[id,sku,items[qty]],total_count")
	f.Fuzz(func(t *testing.T, body string) {
		whole, ok := decoded(body)
		if !ok || strings.Contains(body, `\u`) { // a name that is written with escapes is none that was asked for
			return
		}
		got, ok := decoded(string(tree.cut([]byte(body))))
		if want := tree.reduced(whole); !ok || !cmp.Equal(want, got) {
			t.Errorf("%q is cut to %#v, want %#v", body, got, want)
		}
	})
}

func decoded(body string) (value any, ok bool) {
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	return value, json.Valid([]byte(body)) && d.Decode(&value) == nil
}

// reduced is cut of what was decoded.
func (t fieldTree) reduced(value any) any {
	if len(t) == 0 {
		return value
	}
	switch value := value.(type) {
	case []any:
		list := []any{}
		for _, element := range value {
			list = append(list, t.reduced(element))
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for name, below := range t {
			if member, ok := value[name]; ok {
				object[name] = below.reduced(member)
			}
		}
		return object
	}
	return value
}
