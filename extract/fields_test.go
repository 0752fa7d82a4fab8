package extract

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/magento"
)

// asAsked is what is kept of an answer.
func asAsked(body string, query magento.Query) string {
	a := onlyAsked(query)
	if a == nil {
		return body
	}
	kept, ok := a.keep([]byte(body))
	switch {
	case !ok && !json.Valid([]byte(body)):
		return "refused" // by the client
	case kept == nil:
		return string(a.rest([]byte(body)))
	}
	return string(a.rest(kept))
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
	keep := onlyAsked(magento.Criteria{Fields: "items[id],total_count"}.Query()).keep
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

// A decoder takes other names for items, too. Whatever it takes, what was not asked for is not in it.
func TestOnlyAsked_LeavesNoWayForWhatWasNotAskedFor(t *testing.T) {
	t.Parallel()
	query := magento.Criteria{Fields: "items[entity_id,items[sku]],total_count"}.Query()
	deep := strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)
	for _, body := range []string{
		`{"Items":[{"entity_id":1,"name":"Jan"}],"search_criteria":{},"total_count":1}`, `{"Items":[{"entity_id":1,"name":"Jan"}],"total_count":1}`,
		`{"it\u0065ms":[{"entity_id":1,"name":"Jan"}],"search_criteria":{},"total_count":1}`, `{"it\u0065ms":[{"entity_id":1,"name":"Jan"}],"total_count":1}`,
		`{"items":null,"items":[{"entity_id":1,"name":"Jan"}],"search_criteria":{},"total_count":1}`, `{"items":[],"items":[{"entity_id":1,"name":"Jan"}],"total_count":1}`,
		`{"items":[{"entity_id":1}],"items":[{"entity_id":1,"name":"Jan"}]}`, `{"items":[{"entity_id":1}],"Items":[{"entity_id":1,"name":"Jan"}]}`,
		`{"items":[],"total_count":0,"customer":"Jan"}`, `{"items":[{"entity_id":1,"items":[[{"sku":2,"name":"Jan"}]]}]}`,
		` {"items":[{"entity_id":1,"name":"Jan"}]}` + "\n", `{"search_criteria":{},"items":[{"entity_id":1},{"entity_id":2,"name":"Jan"}]}`,
		"\v" + `{"items":[{"entity_id":1,"name":"Jan"}]}` + "\u00a0", `{"items":[{"entity_id":1,"name":"Jan","x":` + deep + `}]}`, `{"items":[{"entity_id":1,"x":` + deep + `,"name":"Jan"}]}`,
	} {
		kept := asAsked(body, query)
		if _, err := magento.ReadKeyedPage([]byte(kept), "entity_id"); err == nil && strings.Contains(kept, "Jan") {
			t.Errorf("%.100s is kept as %.100s", body, kept)
		}
	}
	for _, body := range []string{`{"message":"no"}`, `{"message":"no","search_criteria":{}}`, `[{"search_criteria":1}]`} {
		if kept := asAsked(body, query); kept != body {
			t.Errorf("%s is told as %s", body, kept)
		}
	}
}

// What comes with a 2xx can be anything: a few kilobytes of gzip, millions of brackets. It must not take a call more for each, nor be
// gone through once for each.
func TestOnlyAsked_IsNotDrawnIntoTheDepth(t *testing.T) {
	t.Parallel()
	for _, fields := range []string{"items[id,items[sku]],total_count", "items[id[a[b]]]"} {
		keep := onlyAsked(magento.Criteria{Fields: fields}.Query()).keep
		for _, begin := range []string{"", `{"items":[`, `{"items":[{"id":`, `{"items":[{"x":1,"id":`, `{"search_criteria":{},"items":[{"id":`, `{"x":`} {
			for _, bracket := range []string{"[", `{"a":`, `{"id":[`, `{"items":[`} {
				if kept, ok := keep([]byte(begin + strings.Repeat(bracket, 1<<20))); ok {
					t.Errorf("%s%s... is kept as %.40s", begin, bracket, kept)
				}
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
		kept, ok := onlyAsked(magento.Query{{Name: "fields", Value: fields}}).keep([]byte(body))
		if ok && (!json.Valid([]byte(body)) || kept != nil && !json.Valid(kept)) {
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
