package magento

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestCriteria_WritesGroupsFiltersSortAndPage(t *testing.T) {
	c := Criteria{PageSize: 300, CurrentPage: 2, Fields: "items[id,sku],total_count"}.
		Where(Filter{"entity_id", Gt, "7"}).
		Where(Filter{"sku", "", "A&B"}, Filter{"sku", In, "C,D"}).
		OrderBy("updated_at", true).OrderBy("entity_id", false)
	want := Query{
		{"searchCriteria[filterGroups][0][filters][0][field]", "entity_id"},
		{"searchCriteria[filterGroups][0][filters][0][value]", "7"},
		{"searchCriteria[filterGroups][0][filters][0][conditionType]", "gt"},
		{"searchCriteria[filterGroups][1][filters][0][field]", "sku"},
		{"searchCriteria[filterGroups][1][filters][0][value]", "A&B"},
		{"searchCriteria[filterGroups][1][filters][0][conditionType]", "eq"},
		{"searchCriteria[filterGroups][1][filters][1][field]", "sku"},
		{"searchCriteria[filterGroups][1][filters][1][value]", "C,D"},
		{"searchCriteria[filterGroups][1][filters][1][conditionType]", "in"},
		{"searchCriteria[sortOrders][0][field]", "updated_at"},
		{"searchCriteria[sortOrders][0][direction]", "DESC"},
		{"searchCriteria[sortOrders][1][field]", "entity_id"},
		{"searchCriteria[sortOrders][1][direction]", "ASC"},
		{"searchCriteria[pageSize]", "300"},
		{"searchCriteria[currentPage]", "2"},
		{"fields", "items[id,sku],total_count"},
	}
	if diff := cmp.Diff(want, c.Query()); diff != "" {
		t.Error(diff)
	}
	if got := (Criteria{}).Query().Encode(); got != "searchCriteria=" {
		t.Errorf("the empty criteria: %q", got)
	}
}

func TestCriteria_IsAValue(t *testing.T) {
	base := Criteria{}.Where(Filter{"a", Eq, "1"}).OrderBy("a", false)
	one, two := base.Where(Filter{"b", Eq, "1"}).OrderBy("b", false), base.Where(Filter{"c", Eq, "1"}).OrderBy("c", false)
	if one.Groups[1][0].Field != "b" || two.Groups[1][0].Field != "c" || one.SortOrders[1].Field != "b" || len(base.Groups) != 1 {
		t.Errorf("one changed the other: %+v %+v %+v", base, one, two)
	}
}

func TestQuery_ComesBackAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name, value := rapid.String().Draw(t, "name"), rapid.String().Draw(t, "value")
		got, err := url.ParseQuery(Query{{name, value}}.Encode())
		if err != nil || got.Get(name) != value {
			t.Fatalf("%q=%q came back as %v, %v", name, value, got, err)
		}
	})
}

func TestFormatTime_IsUTC(t *testing.T) {
	at := time.Date(2026, 11, 23, 1, 2, 3, 999, time.FixedZone("", 3600))
	if got := FormatTime(at); got != "2026-11-23 00:02:03" {
		t.Errorf("got %q", got)
	}
	back, err := ParseTime("2026-11-23 00:02:03")
	if err != nil || !back.Equal(at.Truncate(time.Second)) || back.Location() != time.UTC {
		t.Errorf("got %v, %v", back, err)
	}
}
