package extract

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/magento"
)

func TestOnlyAsked_CutsWhatAShopSentBeyondFields(t *testing.T) {
	query := magento.Criteria{Fields: orderFields}.Query()
	body := `{"items":[{"entity_id":1,"customer_email":"a@b.example","billing_address":{"street":["x"]},"subtotal":12345678901234.5678,
		"items":[{"item_id":2,"name":"n","product_id":3,"parent_item":{"customer_note":"x"}}]},null],"search_criteria":{"page_size":1},"total_count":2}`
	cut, err := onlyAsked([]byte(body), query)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"items":[{"entity_id":1,"items":[{"item_id":2,"product_id":3}],"subtotal":12345678901234.5678},null],"total_count":2}`
	if string(cut) != want {
		t.Errorf("got  %s\nwant %s", cut, want)
	}
	untold := strings.Replace(body, `"search_criteria":{"page_size":1},`, "", 1)
	if cut, err := onlyAsked([]byte(untold), query); err != nil || string(cut) != want {
		t.Errorf("without search_criteria: %s, %v", cut, err)
	}
	inside := `{"total_count":2,"items":[{"entity_id":1,"items":[{"item_id":2},{"item_id":3,"name":"n"}]},{"entity_id":2}]}`
	if cut, err := onlyAsked([]byte(inside), query); err != nil || strings.Contains(string(cut), "name") {
		t.Errorf("what was not asked for in a line is kept: %s, %v", cut, err)
	}
	asked := strings.Replace(want, `,"total_count":2`, `,"total_count":2 `, 1)
	if same, err := onlyAsked([]byte(asked), query); err != nil || string(same) != asked {
		t.Errorf("an answer with what was asked for is not as it was sent: %s, %v", same, err)
	}
	if same, err := onlyAsked([]byte(body), nil); err != nil || string(same) != body {
		t.Errorf("a question without fields= is cut: %s, %v", same, err)
	}
}

func FuzzOnlyAsked(f *testing.F) {
	f.Add(`{"items":[{"entity_id":1,"x":"y"}],"search_criteria":{}}`, orderFields)
	f.Add(`[{"search_criteria":1}]`, "items[a,b[c]],d")
	f.Add(`{"search_criteria"`, "][,,")
	f.Fuzz(func(t *testing.T, body, fields string) {
		cut, err := onlyAsked([]byte(body), magento.Query{{Name: "fields", Value: fields}})
		if err == nil && json.Valid([]byte(body)) && !json.Valid(cut) {
			t.Errorf("%q cut by %q is no JSON: %q", body, fields, cut)
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
