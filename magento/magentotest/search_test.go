package magentotest_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"magento-optiply/magento/magentotest"
)

// row is an order as the model below knows it.
type row struct {
	ID      int    `json:"entity_id"`
	Status  string `json:"status"`
	Qty     int    `json:"total_qty_ordered"`
	Updated string `json:"updated_at"`
}

// condition is a filter together with what it should mean, said without the server's code.
type condition struct {
	filter [3]string
	holds  func(row) bool
}

var statuses = []string{"new", "pending", "processing", "complete"}

func drawRows(t *rapid.T) []row {
	ids := rapid.SliceOfNDistinct(rapid.IntRange(1, 200), 0, 40, rapid.ID[int]).Draw(t, "ids")
	var rows []row
	for _, id := range ids {
		rows = append(rows, row{
			ID:      id,
			Status:  rapid.SampledFrom(statuses).Draw(t, "status"),
			Qty:     rapid.IntRange(-3, 12).Draw(t, "qty"),
			Updated: fmt.Sprintf("2026-11-23 09:%02d:00", rapid.IntRange(0, 5).Draw(t, "minute")),
		})
	}
	return rows
}

func drawCondition(t *rapid.T) condition {
	switch rapid.IntRange(0, 3).Draw(t, "field") {
	case 0:
		return compared(t, "entity_id", rapid.IntRange(0, 200).Draw(t, "id"), func(r row) int { return r.ID })
	case 1:
		return compared(t, "total_qty_ordered", rapid.IntRange(-3, 12).Draw(t, "qty"), func(r row) int { return r.Qty })
	case 2:
		minute := rapid.IntRange(0, 5).Draw(t, "minute")
		text := fmt.Sprintf(rapid.SampledFrom([]string{"2026-11-23 09:%02d:00", "2026-11-23T09:%02d:00Z", "2026-11-23T09:%02d:00+01:00"}).Draw(t, "form"), minute)
		made := compared(t, "updated_at", minute, func(r row) int {
			n, _ := strconv.Atoi(r.Updated[14:16])
			return n
		})
		made.filter[2] = text
		return made
	}
	wanted := rapid.SliceOfNDistinct(rapid.SampledFrom(statuses), 1, 3, rapid.ID[string]).Draw(t, "statuses")
	negated := rapid.Bool().Draw(t, "negated")
	name := map[bool]string{false: "in", true: "nin"}[negated]
	return condition{
		filter: [3]string{"status", name, strings.ToUpper(strings.Join(wanted, ","))},
		holds:  func(r row) bool { return slices.Contains(wanted, r.Status) != negated },
	}
}

func compared(t *rapid.T, field string, with int, of func(row) int) condition {
	types := map[string]func(int) bool{
		"eq": func(c int) bool { return c == 0 }, "neq": func(c int) bool { return c != 0 },
		"gt": func(c int) bool { return c > 0 }, "gteq": func(c int) bool { return c >= 0 }, "from": func(c int) bool { return c >= 0 },
		"lt": func(c int) bool { return c < 0 }, "lteq": func(c int) bool { return c <= 0 }, "to": func(c int) bool { return c <= 0 },
	}
	name := rapid.SampledFrom([]string{"eq", "neq", "gt", "gteq", "from", "lt", "lteq", "to"}).Draw(t, "type")
	return condition{
		filter: [3]string{field, name, strconv.Itoa(with)},
		holds:  func(r row) bool { return types[name](cmp.Compare(of(r), with)) },
	}
}

// groupsQuery writes conditions as filter groups.
func groupsQuery(groups [][]condition) string {
	var query strings.Builder
	for i, group := range groups {
		for j, c := range group {
			for k, name := range []string{"field", "conditionType", "value"} {
				value := strings.NewReplacer("+", "%2B", " ", "%20").Replace(c.filter[k])
				fmt.Fprintf(&query, "searchCriteria[filterGroups][%d][filters][%d][%s]=%s&", i, j, name, value)
			}
		}
	}
	return query.String()
}

func TestSearch_PagesTogetherAreTheMatchingRowsInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := drawRows(t)
		shop := &magentotest.Shop{}
		for _, r := range rows {
			text, _ := json.Marshal(r)
			if err := shop.Put("orders", text); err != nil {
				t.Fatal(err)
			}
		}
		groups := rapid.SliceOfN(rapid.SliceOfN(rapid.Custom(drawCondition), 1, 3), 0, 3).Draw(t, "groups")
		sort := rapid.SampledFrom([]string{"", "entity_id", "updated_at", "total_qty_ordered", "status"}).Draw(t, "sort")
		down := sort != "" && rapid.Bool().Draw(t, "down")
		size := rapid.IntRange(1, 15).Draw(t, "size")

		want := expected(rows, groups, sort, down)
		query := groupsQuery(groups)
		if sort != "" {
			query += "searchCriteria[sortOrders][0][field]=" + sort + "&searchCriteria[sortOrders][0][direction]=" +
				map[bool]string{false: "asc", true: "DESC"}[down] + "&"
		}
		var got []int
		server := magentotest.New(shop, magentotest.Options{})
		for number := 1; number <= len(rows)/size+2; number++ {
			got = append(got, orderIDs(t, server, fmt.Sprintf("%ssearchCriteria[pageSize]=%d&searchCriteria[currentPage]=%d", query, size, number), len(want))...)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s\ngot  %v\nwant %v", query, got, want)
		}
	})
}

func TestSearch_KeysetReadsEveryRowOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := drawRows(t)
		shop := &magentotest.Shop{}
		for _, r := range rows {
			text, _ := json.Marshal(r)
			if err := shop.Put("orders", text); err != nil {
				t.Fatal(err)
			}
		}
		size := rapid.IntRange(1, 15).Draw(t, "size")
		server := magentotest.New(shop, magentotest.Options{})
		var got []int
		for last := 0; ; {
			ids := orderIDs(t, server, criteria(size, 1, "entity_id", [3]string{"entity_id", "gt", strconv.Itoa(last)}), -1)
			got = append(got, ids...)
			if len(ids) < size {
				break
			}
			last = ids[len(ids)-1]
		}
		if want := expected(rows, nil, "", false); !slices.Equal(got, want) {
			t.Fatalf("got  %v\nwant %v", got, want)
		}
	})
}

// expected is the model: filter, then sort, ties by id.
func expected(rows []row, groups [][]condition, sort string, down bool) []int {
	var kept []row
	for _, r := range rows {
		matches := func(group []condition) bool {
			return slices.ContainsFunc(group, func(c condition) bool { return c.holds(r) })
		}
		if !slices.ContainsFunc(groups, func(group []condition) bool { return !matches(group) }) {
			kept = append(kept, r)
		}
	}
	slices.SortFunc(kept, func(a, b row) int {
		c := map[string]int{
			"entity_id": a.ID - b.ID, "total_qty_ordered": a.Qty - b.Qty,
			"updated_at": strings.Compare(a.Updated, b.Updated), "status": strings.Compare(a.Status, b.Status),
		}[sort]
		if down {
			c = -c
		}
		return cmp.Or(c, a.ID-b.ID)
	})
	ids := []int{}
	for _, r := range kept {
		ids = append(ids, r.ID)
	}
	return ids
}

func orderIDs(t *rapid.T, server *magentotest.Server, query string, total int) []int {
	text := body(server, "/rest/V1/orders?"+query)
	var got struct {
		Items []row `json:"items"`
		Total int   `json:"total_count"`
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if total >= 0 && got.Total != total {
		t.Fatalf("total_count %d, want %d", got.Total, total)
	}
	var ids []int
	for _, r := range got.Items {
		ids = append(ids, r.ID)
	}
	return ids
}

// TestSearch_Conditions holds what the recordings do not show.
func TestSearch_Conditions(t *testing.T) {
	shop := &magentotest.Shop{}
	put(t, shop, "products",
		`{"id":1,"sku":"A_1","price":10.50,"status":1,"extension_attributes":{"website_ids":[1,2],"category_links":[{"category_id":"7"}]},"custom_attributes":[{"attribute_code":"cost","value":"9.500000"},{"attribute_code":"ean","value":"007"}]}`,
		`{"id":2,"sku":"AB1","price":9,"status":2,"extension_attributes":{"website_ids":[2]},"custom_attributes":[{"attribute_code":"cost","value":"10.000000"},{"attribute_code":"category_ids","value":["3","4"]}]}`,
		`{"id":3,"sku":"x%y","price":0,"status":1,"created_at":"2026-01-02 03:04:05","extension_attributes":{"website_ids":[]},"custom_attributes":[{"attribute_code":"colors","value":"red,green"}]}`)
	put(t, shop, "stores", `{"id":0,"code":"admin","website_id":0}`, `{"id":5,"code":"five","website_id":2}`)
	server := magentotest.New(shop, magentotest.Options{})
	tests := []struct {
		field, condition, value string
		want                    string
	}{
		{"sku", "like", `a\_%`, "[1]"},
		{"sku", "like", "a_1", "[1 2]"},
		{"sku", "like", "%\\%%", "[3]"},
		{"sku", "like", "%", "[1 2 3]"},
		{"sku", "like", "", "[]"},
		{"sku", "nlike", "a%", "[3]"},
		{"sku", "eq", "ab1  ", "[2]"},
		{"sku", "in", "AB1,A_1", "[1 2]"},
		{"sku", "in", "AB1, A_1", "[2]"},
		{"sku", "nin", "AB1", "[1 3]"},
		{"sku", "gt", "AB0", "[2 3]"},
		{"price", "eq", "10.5", "[1]"},
		{"price", "gt", "9.00", "[1]"},
		{"price", "eq", "abc", "[3]"},
		{"cost", "gteq", "10", "[2]"},
		{"cost", "lt", "10", "[1]"},
		{"cost", "neq", "10", "[1]"},
		{"ean", "eq", "7", "[]"},
		{"ean", "eq", "007", "[1]"},
		{"ean", "null", "", "[2 3]"},
		{"ean", "notnull", "1", "[1]"},
		{"colors", "finset", "green", "[3]"},
		{"colors", "finset", "red,green", "[]"},
		{"category_ids", "finset", "4", "[2]"},
		{"category_id", "eq", "7", "[1]"},
		{"created_at", "lt", "garbage", "[]"},
		{"created_at", "gteq", "garbage", "[3]"},
		{"created_at", "lteq", "2026-01-02T03:04:05+09:00", "[3]"},
		{"website_id", "eq", "2", "[1 2]"},
		{"website_id", "eq", "1,2", "[1 2]"},
		{"store_id", "eq", "5", "[1 2]"},
		{"store_id", "eq", "0", "[1 2 3]"},
		{"store_id", "eq", "99", "[]"},
		{"entity_id", "in", "3,1", "[1 3]"},
	}
	for _, test := range tests {
		got := []int{}
		for _, item := range getList(t, server, "/rest/V1/products", criteria(0, 1, "", [3]string{test.field, test.condition, test.value})).Items {
			got = append(got, int(item["id"].(float64)))
		}
		if fmt.Sprint(got) != test.want {
			t.Errorf("%s %s %q: %v, want %s", test.field, test.condition, test.value, got, test.want)
		}
	}
}

// Each list has its key's column, refuses an unknown field as its kind does, and answers for the same columns whether there are
// records or not. [obs: products, customers, orders, source items; the others by their kind]
func TestSearch_UnknownFieldsOfEveryList(t *testing.T) {
	lists := map[string]struct {
		status int
		fields []string
	}{
		"products":                     {400, []string{"entity_id", "updated_at", "sku", "status"}},
		"customers/search":             {400, []string{"entity_id", "updated_at", "email"}},
		"categories/list":              {400, []string{"entity_id", "updated_at", "is_active"}},
		"orders":                       {500, []string{"entity_id", "updated_at", "store_id", "increment_id"}},
		"invoices":                     {500, []string{"entity_id", "updated_at", "store_id"}},
		"creditmemos":                  {500, []string{"entity_id", "updated_at", "store_id"}},
		"salesRules/search":            {500, []string{"rule_id", "is_active"}},
		"coupons/search":               {500, []string{"coupon_id", "code"}},
		"products/attributes":          {500, []string{"attribute_id", "attribute_code"}},
		"inventory/source-items":       {500, []string{"source_item_id", "sku", "source_code"}},
		"inventory/sources":            {500, []string{"source_code", "enabled"}},
		"inventory/stocks":             {500, []string{"stock_id", "name"}},
		"inventory/stock-source-links": {500, []string{"stock_id", "source_code"}},
	}
	for _, shop := range []*magentotest.Shop{loadShop(t), {}, magentotest.Generate(magentotest.GenerateOptions{Products: 3, Orders: 25})} {
		server := magentotest.New(shop, magentotest.Options{})
		for path, list := range lists {
			query := func(field string) string {
				return "/rest/V1/" + path + "?" + criteria(5, 1, field, [3]string{field, "gteq", "1"})
			}
			if answer := get(t, server, query("no_such_field")); answer.Code != list.status {
				t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
			}
			for _, field := range list.fields {
				if answer := get(t, server, query(field)); answer.Code != 200 {
					t.Errorf("%s by %s: %d %s", path, field, answer.Code, answer.Body)
				}
			}
		}
	}
}

func TestStoreConfigs_ByStoreCode(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{})
	for query, want := range map[string]int{"": 4, "?storeCodes[]=nl": 1, "?storeCodes[0]=nl&storeCodes[1]=default": 2, "?storeCodes[]=nope": 0} {
		var got []map[string]any
		answer := get(t, server, "/rest/nl/V1/store/storeConfigs"+query)
		if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil || len(got) != want {
			t.Errorf("%s: %d %s", query, len(got), answer.Body)
		}
	}
}
