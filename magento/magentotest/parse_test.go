package magentotest

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

func FuzzCriteria(f *testing.F) {
	for _, seed := range []string{
		"searchCriteria[filterGroups][0][filters][0][field]=entity_id&searchCriteria[filterGroups][0][filters][0][value]=1",
		"searchCriteria%5Bfilter_groups%5D%5B%5D%5Bfilters%5D%5B%5D%5Bfield%5D=status&searchCriteria[sortOrders][0][field]=status",
		"searchCriteria[pageSize]=-9223372036854775808&searchCriteria[currentPage]=9223372036854775807",
		"searchCriteria[pageSize]=9223372036854775807&searchCriteria[currentPage]=2",
		"searchCriteria[filterGroups]=x&searchCriteria[filterGroups][0]=y&searchCriteria[filterGroups][1][filters]=z",
		"searchCriteria[[]=1&searchCriteria]=2&[=3&]=4&searchCriteria[a&%zz=%&+[+]=+&=&&",
		"searchCriteria" + strings.Repeat("[a]", 100) + "=1",
	} {
		f.Add(seed)
	}
	shop := &Shop{AccessToken: "t"}
	for _, order := range []string{`{"entity_id":1,"status":"new"}`, `{"entity_id":2,"status":"x","total":1.5}`} {
		if err := shop.Put("orders", json.RawMessage(order)); err != nil {
			f.Fatal(err)
		}
	}
	server := New(shop, Options{})
	f.Fuzz(func(t *testing.T, query string) {
		request := httptest.NewRequest("GET", "/rest/V1/orders", nil)
		request.URL.RawQuery = query
		request.Header.Set("Authorization", "Bearer t")
		recorder := httptest.NewRecorder()
		server.ServeHTTP(recorder, request)
		server.ClearRequests()
		if body := recorder.Body.Bytes(); strings.HasPrefix(recorder.Header().Get("Content-Type"), "application/json") && !json.Valid(body) {
			t.Errorf("%d %s", recorder.Code, body)
		}
	})
}

func FuzzFields(f *testing.F) {
	for _, seed := range []string{"items[id,sku],total_count", "items[id", "a]b", "]", "[]", "a[b][c]", "items[[id]]", "a b", ",,a,,[,]", "é"} {
		f.Add(seed, `{"items":[{"id":1,"sku":"a","list":[1]},{}],"total_count":2}`)
	}
	f.Fuzz(func(t *testing.T, expression, answer string) {
		body, err := compactPHP([]byte(answer))
		if err != nil || !isObject(body) && !isArray(body) {
			return
		}
		tree, ok := parseFields(expression)
		if !ok {
			return
		}
		selected, ok := selectFields(body, tree)
		if ok && !json.Valid(selected) {
			t.Errorf("fields=%s of %s: %s", expression, body, selected)
		}
	})
}

func TestFields(t *testing.T) {
	const answer = `{"items":[{"id":1,"sku":"a","extension_attributes":{"website_ids":[1,2],"stock_item":{"qty":1}},"links":[]},{"id":2,"sku":"b","extension_attributes":{}}],"search_criteria":{"page_size":2},"total_count":9}`
	tests := map[string]string{
		"total_count":            `{"total_count":9}`,
		"total_count,items[sku]": `{"items":[{"sku":"a"},{"sku":"b"}],"total_count":9}`,
		"items[nope]":            `{"items":[[],[]]}`,
		"nope":                   `[]`,
		"items[sku":              `[]`,
		"items[sku, id]":         `[]`,
		"items[sku]]":            `[]`,
		"items[id[x]]":           `{"items":[{"id":1},{"id":2}]}`,
		"items[links[x]]":        `{"items":[{"links":null},[]]}`,
		"search_criteria[nope]":  `{"search_criteria":[]}`,
		"items[],total_count":    `{"items":[[],[]],"total_count":9}`,
		"items[sku],items":       answer[:strings.Index(answer, `,"search_criteria"`)] + "}",
		"items[extension_attributes[website_ids]],total_count": `{"items":[{"extension_attributes":{"website_ids":[1,2]}},` +
			`{"extension_attributes":null}],"total_count":9}`,
	}
	for expression, want := range tests {
		if got := withFields(jsonAnswer(200, []byte(answer)), expression); string(got.body) != want {
			t.Errorf("fields=%s\ngot  %s\nwant %s", expression, got.body, want)
		}
	}
	if got := withFields(jsonAnswer(200, []byte(answer)), "items[extension_attributes[website_ids[x]]]"); got.status != 500 {
		t.Errorf("parts of plain values: %d %s", got.status, got.body)
	}
	if got := withFields(jsonAnswer(404, []byte(`{"message":"x"}`)), "items"); string(got.body) != `{"message":"x"}` {
		t.Errorf("an error was cut down: %s", got.body)
	}
}

func TestCompactPHP_KeepsItsOwnForm(t *testing.T) {
	for _, text := range []string{
		`{"a":"\/\u00e9\"\\\b\f\n\r\t\u0001","b":[1.50,-0,1e5,null,true,{}],"c":{"d":"\ud83d\ude00"}}`, `[]`, `"x"`, `7`,
	} {
		if got, err := compactPHP([]byte(text)); err != nil || string(got) != text {
			t.Errorf("%s became %s (%v)", text, got, err)
		}
	}
}
