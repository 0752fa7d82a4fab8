package magentotest_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"magento-optiply/magento/magentotest"
)

// plain asks once: no second try of net/http's, no compression unless it is asked for.
func plain(t *testing.T, url string, header ...string) (*http.Response, []byte, error) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: len(header) == 0}
	t.Cleanup(transport.CloseIdleConnections)
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response, body, err
}

func TestFault_BreaksTheAnswer(t *testing.T) {
	const path = "/rest/V1/orders?searchCriteria[pageSize]=20"
	server := magentotest.New(loadShop(t), magentotest.Options{})
	base := start(t, server)
	_, whole, err := plain(t, base+path)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		fault magentotest.Fault
		check func(response *http.Response, body []byte, err error) bool
	}{
		"truncated JSON": {magentotest.Fault{Truncate: 0.5}, func(r *http.Response, body []byte, err error) bool {
			return err == nil && r.StatusCode == 200 && !json.Valid(body) && string(body) == string(whole[:len(whole)/2])
		}},
		"HTML with 200": {magentotest.Fault{Status: 200, Body: "<html>Are you human?</html>"}, func(r *http.Response, body []byte, err error) bool {
			return err == nil && r.StatusCode == 200 && strings.HasPrefix(r.Header.Get("Content-Type"), "text/html") && body[0] == '<'
		}},
		"only a message": {magentotest.Fault{Status: 200, Body: `{"message":"x"}`}, func(r *http.Response, body []byte, err error) bool {
			return err == nil && r.StatusCode == 200 && strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") && string(body) == `{"message":"x"}`
		}},
		"403 with a permission": {magentotest.Forbidden("/V1/orders", "Magento_Sales::actions_view"), func(r *http.Response, body []byte, err error) bool {
			return err == nil && r.StatusCode == 403 && strings.Contains(string(body), "Magento_Sales::actions_view")
		}},
		"reset in the middle": {magentotest.Fault{Cut: 0.5, Reset: true}, func(r *http.Response, body []byte, err error) bool {
			return r != nil && r.StatusCode == 200 && errors.Is(err, syscall.ECONNRESET)
		}},
		"end in the middle": {magentotest.Fault{Cut: 0.5}, func(r *http.Response, body []byte, err error) bool {
			return r != nil && r.StatusCode == 200 && errors.Is(err, io.ErrUnexpectedEOF) && len(body) == len(whole)/2
		}},
		"reset at once": {magentotest.Fault{Close: true, Reset: true}, func(r *http.Response, body []byte, err error) bool {
			return r == nil && errors.Is(err, syscall.ECONNRESET)
		}},
		"too long a length": {magentotest.Fault{LongerBy: 100}, func(r *http.Response, body []byte, err error) bool {
			return r != nil && errors.Is(err, io.ErrUnexpectedEOF) && r.ContentLength == int64(len(body)+100) && string(body) == string(whole)
		}},
		"too short a length": {magentotest.Fault{ShorterBy: 100}, func(r *http.Response, body []byte, err error) bool {
			return err == nil && r.ContentLength == int64(len(whole)-100) && string(body) == string(whole[:len(whole)-100])
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			remove := server.AddFault(test.fault)
			defer remove()
			response, body, err := plain(t, base+path)
			if !test.check(response, body, err) {
				t.Errorf("%+v %.80s %v", response, body, err)
			}
			if _, _, err := plain(t, base+"/rest/V1/store/websites"); test.fault.Prefix != "" && err != nil {
				t.Errorf("another path is broken too: %v", err)
			}
		})
	}
	if _, body, err := plain(t, base+path); err != nil || string(body) != string(whole) {
		t.Errorf("it is not well again: %v", err)
	}
}

func TestFault_CutsGzip(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{Faults: []magentotest.Fault{{CutGzip: 0.5}}})
	base := start(t, server)
	response, packed, err := plain(t, base+"/rest/V1/store/websites", "Accept-Encoding", "gzip")
	if err != nil || response.Header.Get("Content-Encoding") != "gzip" || packed[0] != 0x1f {
		t.Fatalf("%v %v %x", response, err, packed)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	request, _ := http.NewRequest("GET", base+"/rest/V1/store/websites", nil)
	request.Header.Set("Authorization", "Bearer "+token)
	again, err := transport.RoundTrip(request) // unpacks by itself
	if err != nil {
		t.Fatal(err)
	}
	defer again.Body.Close()
	if _, err := io.ReadAll(again.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("unpacked without an error: %v", err)
	}
}

func TestFault_TricklesForEver(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{
		Faults: []magentotest.Fault{{Trickle: &magentotest.Trickle{Bytes: 64, Every: time.Millisecond}}},
	})
	base := start(t, server)
	request, _ := http.NewRequest("GET", base+"/rest/V1/store/websites", nil)
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body := make([]byte, 1000)
	if _, err := io.ReadFull(response.Body, body); err != nil {
		t.Fatal(err)
	}
	if !json.Valid(body) || body[999] != ' ' {
		t.Errorf("no blanks after the answer: %q", body)
	}
}

func TestFault_MeetsOnlyWideWindows(t *testing.T) {
	shop := loadShop(t) // its clock says 2026-11-23 22:00
	server := magentotest.New(shop, magentotest.Options{Faults: []magentotest.Fault{
		{Prefix: "/V1/orders", WiderThan: 24 * time.Hour, Status: 504, Body: "<html>504</html>"},
	}})
	window := func(filters ...[3]string) int {
		return get(t, server, "/rest/V1/orders?"+criteria(5, 1, "", filters...)).Code
	}
	for name, test := range map[string]struct{ got, want int }{
		"everything":         {window(), 504},
		"no beginning":       {window([3]string{"updated_at", "lteq", "2026-11-23 00:00:00"}), 504},
		"until now":          {window([3]string{"updated_at", "gteq", "2026-11-22 23:00:00"}), 200},
		"too long till now":  {window([3]string{"updated_at", "gteq", "2026-11-22 21:00:00"}), 504},
		"a day":              {window([3]string{"updated_at", "gteq", "2026-01-01"}, [3]string{"updated_at", "lteq", "2026-01-02"}), 200},
		"two days":           {window([3]string{"created_at", "from", "2026-01-01"}, [3]string{"created_at", "to", "2026-01-03"}), 504},
		"narrower wins":      {window([3]string{"updated_at", "gt", "2026-01-01"}, [3]string{"updated_at", "gt", "2026-11-23"}), 200},
		"a moment":           {window([3]string{"updated_at", "eq", "2026-01-01"}), 200},
		"no date":            {window([3]string{"updated_at", "gteq", "garbage"}), 504},
		"an id is no window": {window([3]string{"entity_id", "gt", "5"}), 504},
	} {
		if test.got != test.want {
			t.Errorf("%s: %d, not %d", name, test.got, test.want)
		}
	}
	if answer := get(t, server, "/rest/V1/invoices?"+criteria(5, 1, "")); answer.Code != 200 {
		t.Errorf("another stream: %d", answer.Code)
	}
}

func TestFault_EndsByItself(t *testing.T) {
	server := magentotest.New(loadShop(t), magentotest.Options{})
	server.AddFault(magentotest.Fault{For: time.Hour, Times: 1, Status: 503})
	server.AddFault(magentotest.Fault{For: time.Nanosecond, Status: 502})
	time.Sleep(time.Millisecond)
	for _, want := range []int{503, 200} {
		if answer := get(t, server, "/rest/V1/store/websites"); answer.Code != want {
			t.Errorf("%d, not %d", answer.Code, want)
		}
	}
	server.AddFault(magentotest.Fault{Pattern: regexp.MustCompile("stores"), Status: 500})
}
