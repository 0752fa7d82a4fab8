package optiply_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
)

func fill(t *testing.T, a account, n int) {
	t.Helper()
	have := len(a.sandbox.Products())
	for i := have; i < have+n; i++ {
		attributes := fmt.Sprintf(`{"remoteId":"%d","articleCode":"%d","name":"Product %d","stockLevel":%d}`, i, i, i, i)
		if _, err := a.Create(t.Context(), optiply.Products, raw(attributes)); err != nil {
			t.Fatal(err)
		}
	}
}

func remoteIDs(t *testing.T, a account, q optiply.ListQuery) []string {
	t.Helper()
	var out []string
	for r, err := range a.List(t.Context(), optiply.Products, q) {
		if err != nil {
			t.Fatal(err)
		}
		id, _ := r.RemoteID(4711)
		out = append(out, id)
	}
	return out
}

func TestList_ReadsAllPages(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	if err := a.Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{0, 99, 100, 101, 201} {
		fill(t, a, want-len(a.sandbox.Products()))
		before := len(a.sandbox.Requests())
		got := remoteIDs(t, a, optiply.ListQuery{})
		if len(got) != want {
			t.Errorf("%d of %d", len(got), want)
		}
		for i, id := range got {
			if id != fmt.Sprint(i) {
				t.Fatalf("row %d is %s", i, id)
			}
		}
		if pages := len(a.sandbox.Requests()) - before; pages != max(1, (want+99)/100) {
			t.Errorf("%d rows took %d pages", want, pages)
		}
	}
}

func TestList_FiltersAndSorts(t *testing.T) {
	created := time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC)
	a := open(t, sandbox.Options{Now: func() time.Time { return created }}, nil)
	fill(t, a, 20)
	for name, tc := range map[string]struct {
		q    optiply.ListQuery
		want string
	}{
		"equal":      {optiply.ListQuery{Filters: []optiply.Filter{{Attribute: "articleCode", Value: "7"}}}, "7"},
		"and":        {optiply.ListQuery{Filters: []optiply.Filter{{Attribute: "stockLevel", Operator: optiply.GE, Value: "5"}, {Attribute: "stockLevel", Operator: optiply.LT, Value: "8"}}}, "5 6 7"},
		"descending": {optiply.ListQuery{Sort: "-id", Filters: []optiply.Filter{{Attribute: "stockLevel", Operator: optiply.LE, Value: "2"}}}, "2 1 0"},
		"like":       {optiply.ListQuery{Filters: []optiply.Filter{{Attribute: "name", Operator: optiply.LIKE, Value: "uct 1"}, {Attribute: "articleCode", Operator: optiply.NEQ, Value: "1"}, {Attribute: "stockLevel", Operator: optiply.GT, Value: "17"}}}, "18 19"},
		"from then":  {optiply.ListQuery{Filters: []optiply.Filter{{Attribute: "createdAt", Operator: optiply.GE, Value: optiply.FilterTime(created)}, {Attribute: "articleCode", Value: "3"}}}, "3"},
		"after":      {optiply.ListQuery{Filters: []optiply.Filter{{Attribute: "createdAt", Operator: optiply.GT, Value: optiply.FilterTime(created)}}}, ""},
	} {
		if diff := cmp.Diff(tc.want, strings.Join(remoteIDs(t, a, tc.q), " ")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func listError(ctx context.Context, c *optiply.Client, q optiply.ListQuery) (rows int, err error) {
	for _, err := range c.List(ctx, optiply.Products, q) {
		if err != nil {
			return rows, err
		}
		rows++
	}
	return rows, nil
}

func TestList_RefusesAFilterThatCannotWork(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	for attribute, sent := range map[string]bool{"remoteId": true, "accountId": false, "a]b": false} {
		_, err := listError(t.Context(), a.Client, optiply.ListQuery{Filters: []optiply.Filter{{Attribute: attribute, Value: "1"}}})
		if e := asError(t, err); e.Kind != optiply.Rejected || e.Sent != sent {
			t.Errorf("%s: %+v", attribute, e)
		}
	}
}

func TestReads_RepeatWhatIsWorthRepeating(t *testing.T) {
	for _, fault := range []sandbox.Fault{
		{Effect: sandbox.Answer, Status: 429}, {Effect: sandbox.Answer, Status: 500}, {Effect: sandbox.Answer, Status: 502},
		{Effect: sandbox.Answer, Status: 503}, {Effect: sandbox.Answer, Status: 504}, {Effect: sandbox.ResetBefore},
		{Effect: sandbox.TruncateAfter}, {Effect: sandbox.HangAfter, Times: 1},
	} {
		t.Run(fmt.Sprint(fault.Effect, fault.Status), func(t *testing.T) {
			a := open(t, sandbox.Options{}, func(c *optiply.Config) { c.Timeout = 200 * time.Millisecond })
			fill(t, a, 3)
			if fault.Times == 0 {
				fault.Times = 4
			}
			fault.Method = http.MethodGet
			a.sandbox.AddFault(fault)
			if got := remoteIDs(t, a, optiply.ListQuery{}); len(got) != 3 {
				t.Errorf("%v", got)
			}
			a.sandbox.AddFault(fault)
			if _, err := a.Get(t.Context(), optiply.Products, "20000001"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestReads_GiveUpAfterFiveTries(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	fill(t, a, 101)
	a.sandbox.AddFault(sandbox.Fault{Method: http.MethodGet, Skip: 1, Times: -1, Effect: sandbox.Answer, Status: 503})
	before := len(a.sandbox.Requests())
	rows, err := listError(t.Context(), a.Client, optiply.ListQuery{})
	if e := asError(t, err); rows != 100 || e.Kind != optiply.Unavailable || e.Unknown() {
		t.Errorf("%d rows, %v", rows, err)
	}
	if n := len(a.sandbox.Requests()) - before; n != 6 {
		t.Errorf("%d requests", n)
	}
}

func TestReads_RetryAfterWins(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	fill(t, a, 1)
	a.sandbox.AddFault(sandbox.Fault{Method: http.MethodGet, Effect: sandbox.Answer, Status: 429, RetryAfter: time.Second})
	begin := time.Now()
	if _, err := a.Get(t.Context(), optiply.Products, "20000001"); err != nil || time.Since(begin) < time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}

	a.sandbox.AddFault(sandbox.Fault{Method: http.MethodGet, Effect: sandbox.Answer, Status: 429, RetryAfter: time.Hour})
	_, err := a.Get(t.Context(), optiply.Products, "20000001")
	if e := asError(t, err); e.Kind != optiply.Throttled || e.RetryAfter != time.Hour {
		t.Errorf("a wait of an hour is the caller's to decide: %+v", e)
	}

	a.sandbox.AddFault(sandbox.Fault{Method: http.MethodGet, Effect: sandbox.Answer, Status: 429, RetryAfter: time.Minute})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err = a.Get(ctx, optiply.Products, "20000001"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cancelled while waiting: %v", err)
	}
	asError(t, err)
}

// pages answers a listing by offset.
func pages(answers map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		body, ok := answers[q.Get("page[offset]")+"/"+q.Get("page[limit]")]
		if !ok {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write([]byte(body))
	}
}

func rows(from, n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(`{"id":"%d","type":"products","attributes":{}}`, from+i))
	}
	return `"data":[` + strings.Join(out, ",") + `]`
}

func TestList_EndsAndGoesOnByWhatTheServerSays(t *testing.T) {
	next := func(offset, limit int) string {
		return fmt.Sprintf(`"links":{"next":"https://elsewhere.example/v1/products?page[offset]=%d&page[limit]=%d"}`, offset, limit)
	}
	for name, tc := range map[string]struct {
		answers map[string]string
		rows    int
		want    string // of the error
	}{
		"no links, short page":  {map[string]string{"0/100": `{` + rows(1, 100) + `}`, "100/100": `{` + rows(101, 5) + `}`}, 105, ""},
		"no links, empty page":  {map[string]string{"0/100": `{` + rows(1, 100) + `}`, "100/100": `{"data":[]}`}, 100, ""},
		"links without next":    {map[string]string{"0/100": `{` + rows(1, 100) + `,"links":{"first":"x"}}`}, 100, ""},
		"next as an object":     {map[string]string{"0/100": `{` + rows(1, 100) + `,"links":{"next":{"href":"?page[offset]=100"}}}`, "100/100": `{` + rows(101, 1) + `}`}, 101, ""},
		"a smaller page":        {map[string]string{"0/100": `{` + rows(1, 50) + `,` + next(50, 50) + `}`, "50/50": `{` + rows(51, 2) + `}`}, 52, ""},
		"the same page again":   {map[string]string{"0/100": `{` + rows(1, 100) + `}`, "100/100": `{` + rows(1, 100) + `}`}, 100, "no progress"},
		"next that stands":      {map[string]string{"0/100": `{` + rows(1, 100) + `,` + next(0, 100) + `}`}, 0, "no progress"},
		"next that leaves out":  {map[string]string{"0/100": `{` + rows(1, 50) + `,` + next(100, 100) + `}`}, 0, "rows are missing"},
		"a row without id":      {map[string]string{"0/100": `{"data":[{"type":"products"}]}`}, 0, "no id"},
		"no list":               {map[string]string{"0/100": `{"data":null}`}, 0, "no list"},
		"no json":               {map[string]string{"0/100": `<html>`}, 0, "read answer"},
		"refused in the middle": {map[string]string{"0/100": `{` + rows(1, 100) + `}`}, 100, "400"},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := listError(t.Context(), serve(t, pages(tc.answers)), optiply.ListQuery{})
			if n != tc.rows || (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%d rows, error %v", n, err)
			}
			if err != nil {
				asError(t, err)
			}
		})
	}
}

func TestList_StopsWhenTheCallerDoes(t *testing.T) {
	a := open(t, sandbox.Options{}, nil)
	fill(t, a, 101)
	before := len(a.sandbox.Requests())
	for range a.List(t.Context(), optiply.Products, optiply.ListQuery{}) {
		break
	}
	if n := len(a.sandbox.Requests()) - before; n != 1 {
		t.Errorf("%d pages", n)
	}
}
