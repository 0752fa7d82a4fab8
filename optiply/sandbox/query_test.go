package sandbox

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// catalogue holds five products: a to e by article code.
func catalogue(t *testing.T) (c *caller, code map[string]string) {
	c = begin(t, Options{})
	code = map[string]string{}
	for _, p := range []string{
		`{"articleCode":"a","name":"Oak stool","stockLevel":12,"price":"9.50","skuCode":"OAK"}`,
		`{"articleCode":"b","name":"Ash STOOL","stockLevel":-3,"price":"10.00","status":"disabled"}`,
		`{"articleCode":"c","name":"Lamp","stockLevel":0,"unlimitedStock":true,"createdAtRemote":"2024-03-01T09:15:00Z"}`,
		`{"articleCode":"d","name":"Lamp","stockLevel":100,"price":"0.00","createdAtRemote":"2024-03-01T10:15:00Z"}`,
		`{"articleCode":"e","name":"null","stockLevel":5,"minimumStock":2.5}`,
	} {
		got := c.post(kindProducts, p).want(http.StatusCreated)
		code[got.id()] = got.attribute("articleCode").(string)
	}
	return c, code
}

func TestFilters(t *testing.T) {
	c, code := catalogue(t)
	first := fmt.Sprint(products.firstID)
	for query, want := range map[string]string{
		"":                                                      "abcde",
		"filter[id]=" + first:                                   "a",
		"filter[id][GT]=" + first:                               "bcde",
		"filter[accountId]=98":                                  "abcde",
		"filter[accountId]=99":                                  "",
		"filter[name]=Lamp":                                     "cd",
		"filter[name]=lamp":                                     "",
		"filter[name][NEQ]=Lamp":                                "abe",
		"filter[name][LIKE]=stool":                              "ab",
		"filter[name][like]=LAMP":                               "cd",
		"filter[name][GE]=Lamp":                                 "acde",
		"filter[skuCode]=null":                                  "bcde",
		"filter[skuCode][NEQ]=null":                             "a",
		"filter[skuCode][NEQ]=x":                                "a",
		"filter[status]=ENABLED":                                "acde",
		"filter[status]=disabled":                               "b",
		"filter[status][neq]=Enabled":                           "b",
		"filter[stockLevel]=12":                                 "a",
		"filter[stockLevel][LT]=0":                              "b",
		"filter[stockLevel][LE]=0":                              "bc",
		"filter[stockLevel][gt]=5":                              "ad",
		"filter[stockLevel][Ge]=5":                              "ade",
		"filter[stockLevel][LIKE]=10":                           "d",
		"filter[price]=9.5":                                     "a",
		"filter[price][GT]=9.5":                                 "b",
		"filter[price][LT]=10":                                  "ad",
		"filter[price]=null":                                    "ce",
		"filter[minimumStock][GE]=2.50":                         "e",
		"filter[unlimitedStock]=true":                           "c",
		"filter[unlimitedStock]=FALSE":                          "abde",
		"filter[createdAtRemote]=2024-03-01T09:15:00+00:00":     "c",
		"filter[createdAtRemote][GE]=2024-03-01T11:15:00+01:00": "d",
		"filter[createdAtRemote][LT]=2024-03-01T10:15:00.5Z":    "cd",
		"filter[createdAt][GE]=2026-11-23T08:30:01Z":            "abcde",
		"filter[createdAt][GT]=2026-11-23T08:30:01Z":            "",
		"filter[createdFromPublicApi]=true":                     "abcde",
		"filter[name]=Lamp&filter[stockLevel]=0":                "c",
		"filter[stockLevel][GE]=0&filter[stockLevel][LE]=5":     "ce",

		"sort=id":               "abcde",
		"sort=-id":              "edcba",
		"sort=stockLevel":       "bcead",
		"sort=-stockLevel":      "daecb",
		"sort=price":            "cedab",
		"sort=name,-stockLevel": "bdcae",
		"sort=-createdAt":       "abcde",
		"sort=unlimitedStock":   "abdec",
		"accountId=98&sort=id":  "abcde",
	} {
		got := ""
		for _, id := range c.ids(kindProducts, query) {
			got += code[id]
		}
		if got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

func TestFilters_ThatCannotWorkAreRefused(t *testing.T) {
	c := begin(t, Options{})
	for _, query := range []string{
		"filter[remoteId]=1501", "filter[remoteIdMap]=1501", "filter[colour]=red", "filter[placed]=null", "filter[]=1", "filter=1",
		"filter[name][]=1x", "filter[name][IN]=a", "filter[name][EQ][x]=a", "filter[name", "filter[stockLevel]=many", "filter[stockLevel]=1.5",
		"filter[stockLevel]=", "filter[price]=cheap", "filter[unlimitedStock]=1", "filter[createdAt]=2024-03-01", "filter[createdAt]=2024-03-01T09:15:00 00:00",
		"filter[name][GT]=null", "sort=colour", "sort=", "sort=remoteId", "sort=remoteIdMap", "sort=--id", "page[limit]=101", "page[limit]=0",
		"page[limit]=x", "page[offset]=-50", "page[offset]=x", "page[offset]=30", "page[limit]=20&page[offset]=30", "page[size]=5", "include=x", "accountId=x",
	} {
		q := url.Values{}
		for part := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(part, "=")
			q.Add(name, value)
		}
		if query == "filter[name][]=1x" { // an empty operator is EQ
			continue
		}
		if got := c.send(http.MethodGet, "products?"+q.Encode(), ""); got.status != http.StatusBadRequest || got.message() == "" {
			t.Errorf("%s: %d %s", query, got.status, got.text)
		}
	}
}

func TestPaging(t *testing.T) {
	c := begin(t, Options{})
	for range 120 {
		c.post(kindProducts, stool).want(http.StatusCreated)
	}
	type page struct {
		rows                    int
		first, last, next, prev string
	}
	for query, want := range map[string]page{
		"":                                 {50, "0/50", "100/50", "50/50", ""},
		"page[offset]=100":                 {20, "0/50", "100/50", "", "50/50"},
		"page[limit]=100":                  {100, "0/100", "100/100", "100/100", ""},
		"page[limit]=100&page[offset]=100": {20, "0/100", "100/100", "", "0/100"},
		"page[limit]=60&page[offset]=60":   {60, "0/60", "60/60", "", "0/60"},
		"page[limit]=60&page[offset]=300":  {0, "0/60", "60/60", "", "240/60"},
	} {
		got := c.send(http.MethodGet, "products?filter[accountId]=98&sort=-id&"+query, "").want(http.StatusOK)
		link := func(name string) string {
			s, _ := got.member("links", name).(string)
			if s == "" {
				return ""
			}
			u, err := url.Parse(s)
			if err != nil || u.Host != "example.com" || u.Path != "/v1/products" || u.Query().Get("sort") != "-id" || u.Query().Get("filter[accountId]") != "98" {
				t.Errorf("link %s", s)
			}
			return u.Query().Get("page[offset]") + "/" + u.Query().Get("page[limit]")
		}
		have := page{len(got.body["data"].([]any)), link("first"), link("last"), link("next"), link("prev")}
		if diff := cmp.Diff(fmt.Sprint(want), fmt.Sprint(have)); diff != "" {
			t.Errorf("%q: %s", query, diff)
		}
		if total := fmt.Sprint(got.member("meta", "totalResourceCount")); total != "120" {
			t.Errorf("total %s", total)
		}
	}
	if got := c.send(http.MethodGet, "sellOrders", "").want(http.StatusOK); fmt.Sprint(got.body["data"], got.member("meta", "totalResourceCount")) != "[]0" {
		t.Errorf("empty list: %s", got.text)
	}
}

func FuzzParseListing(f *testing.F) {
	for _, seed := range []string{
		"", "filter[name]=x", "filter[price][GE]=1.5", "filter%5BcreatedAt%5D%5Bgt%5D=2024-03-01T09:15:00%2B00:00", "sort=-id,name",
		"page[limit]=100&page[offset]=200", "filter[remoteId]=1", "filter[price]=1e99", "%zz", "filter[completed]=null",
	} {
		f.Add(seed)
	}
	records := []*record{
		{kind: products, id: 1, values: map[string]any{"name": "Lamp", "price": "1.50", "stockLevel": int64(3), "createdAt": "2024-03-01T09:15:00Z", "status": "enabled", "unlimitedStock": true}},
		{kind: products, id: 2, values: map[string]any{}},
	}
	f.Fuzz(func(t *testing.T, query string) {
		l, err := parseListing(products, query)
		if err != nil {
			return
		}
		if l.limit < 1 || l.limit > maxLimit || l.offset < 0 || l.offset%l.limit != 0 {
			t.Errorf("page %d at %d", l.limit, l.offset)
		}
		for _, r := range records {
			l.matches(r)
			if l.less(r, r) {
				t.Error("a record sorts before itself")
			}
		}
		if l.less(records[0], records[1]) == l.less(records[1], records[0]) {
			t.Error("no order between two records")
		}
	})
}
