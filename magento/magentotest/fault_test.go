package magentotest_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"magento-optiply/magento/magentotest"
)

func TestFault(t *testing.T) {
	unavailable := magentotest.Fault{Status: 503, Header: map[string]string{"Retry-After": "7"}, Body: "<html>busy</html>"}
	with := func(change func(*magentotest.Fault)) magentotest.Fault {
		fault := unavailable
		change(&fault)
		return fault
	}
	tests := map[string]struct {
		fault magentotest.Fault
		want  string // of four requests: stores, orders, orders page 2, stores
	}{
		"every request":   {unavailable, "503 503 503 503"},
		"a path":          {with(func(f *magentotest.Fault) { f.Prefix = "/V1/orders" }), "200 503 503 200"},
		"a query":         {with(func(f *magentotest.Fault) { f.Pattern = regexp.MustCompile(`currentPage\]=2`) }), "200 200 503 200"},
		"the second":      {with(func(f *magentotest.Fault) { f.After, f.Times = 1, 1 }), "200 503 200 200"},
		"twice":           {with(func(f *magentotest.Fault) { f.Times = 2 }), "503 503 200 200"},
		"the first order": {with(func(f *magentotest.Fault) { f.Prefix, f.Times = "/V1/orders", 1 }), "200 503 200 200"},
		"a firewall":      {magentotest.Fault{Status: 200, Body: "<html>Are you human?</html>", Times: 1}, "html 200 200 200"},
		"a closed line":   {magentotest.Fault{Close: true, After: 3}, "200 200 200 closed"},
		"a cut body":      {magentotest.Fault{Cut: 0.5, Prefix: "/V1/orders", Times: 1}, "200 cut 200 200"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server := magentotest.New(loadShop(t), magentotest.Options{Faults: []magentotest.Fault{test.fault}})
			base := start(t, server)
			var got []string
			for _, path := range []string{
				"/rest/V1/store/storeViews", "/rest/nl/V1/orders?searchCriteria[pageSize]=5",
				"/rest/V1/orders?searchCriteria[pageSize]=5&searchCriteria[currentPage]=2", "/rest/V1/store/storeViews",
			} {
				got = append(got, outcome(t, base+path))
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("got %v, want %s", got, test.want)
			}
		})
	}
}

// outcome asks once, without net/http's own second try on a broken connection.
func outcome(t *testing.T, url string) string {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "closed"
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil && len(body) > 0:
		return "cut"
	case response.StatusCode == 503 && response.Header.Get("Retry-After") != "7":
		return "503 without Retry-After"
	case response.StatusCode == 200 && strings.HasPrefix(response.Header.Get("Content-Type"), "text/html"):
		return "html"
	}
	return response.Status[:3]
}

func TestFault_CanBeAddedAndTakenAway(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{})
	remove := server.AddFault(magentotest.Fault{Name: "down", Status: 502, Body: `{"message":"x"}`})
	answer := get(t, server, "/rest/V1/store/websites")
	if answer.Code != 502 || answer.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("%d %v", answer.Code, answer.Header())
	}
	remove()
	remove()
	if answer := get(t, server, "/rest/V1/store/websites"); answer.Code != 200 {
		t.Errorf("the fault was not taken away: %d", answer.Code)
	}
	if requests := server.Requests(); requests[0].Fault != "down" || requests[1].Fault != "" {
		t.Errorf("%+v", requests)
	}
	server.AddFault(magentotest.Fault{Status: 500})
	server.ClearFaults()
	if answer := get(t, server, "/rest/V1/store/websites"); answer.Code != 200 {
		t.Errorf("the faults were not cleared: %d", answer.Code)
	}
}

func TestFault_DelayThenAnswersWell(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{Faults: []magentotest.Fault{{Delay: 30 * time.Millisecond, Times: 1}}})
	began := time.Now()
	if answer := get(t, server, "/rest/V1/store/websites"); answer.Code != 200 || time.Since(began) < 30*time.Millisecond {
		t.Errorf("%d after %v", answer.Code, time.Since(began))
	}
}
