package magento

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

func TestClassify_ShowsNobody(t *testing.T) {
	t.Parallel()
	message := func(template string, params any) string {
		body, err := json.Marshal(map[string]any{"message": template, "parameters": params})
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	const exception = "The order cannot be shown"
	for name, test := range map[string]struct {
		status int
		body   string
		want   string // of the message
	}{
		"a customer by mail":            {404, message("No such entity with %fieldName = %fieldValue", map[string]any{"fieldName": "email", "fieldValue": "jan@example.com"}), "No such entity with email = %fieldValue"},
		"a customer by id":              {404, message("No such entity with %fieldName = %fieldValue", map[string]any{"fieldName": "customerId", "fieldValue": 12}), "No such entity with customerId = 12"},
		"a name in a parameter":         {500, message(exception+" for %1", []string{"Jan"}), exception + " for %1"},
		"a telephone in a parameter":    {500, message(exception+" for %1", []string{"0612345678"}), exception + " for %1"},
		"a mail address in the text":    {500, message("Jan Jansen (jan@example.com) is unknown", nil), leftOut},
		"an encoded mail address":       {500, message("GET /x?m=jan%40example.com failed", nil), leftOut},
		"a telephone in the text":       {500, message("Jan Jansen, +31 6-1234 5678, is unknown", nil), leftOut},
		"an address in the text":        {500, message("Jan at 192.0.2.1 is unknown", nil), leftOut},
		"another kind of address":       {500, message("Jan at 2001:db8:0:1:2::1 is unknown", nil), leftOut},
		"a row that SQL quotes":         {500, message("SQLSTATE[23000]: 1062 Duplicate entry 'Jan Jansen' for key 'customer_entity.NAME'", nil), "SQLSTATE[23000]: 1062 Duplicate entry '***' for key 'customer_entity.NAME'"},
		"a name that SQL quotes":        {500, message(`Row "Jan" is bad`, nil), `Row "***" is bad`},
		"a time is none":                {500, message("Locked since 2026-11-23 02:00:00", nil), "Locked since 2026-11-23 02:00:00"},
		"nor is a report":               {500, message("Internal Error. Details are available in Magento log file. Report ID: webapi-1234567890123", nil), "Internal Error. Details are available in Magento log file. Report ID: webapi-1234567890123"},
		"nor a SKU of digits":           {404, message(`The Product with the "%1" SKU doesn't exist.`, []string{"8712345678906"}), `The Product with the "8712345678906" SKU doesn't exist.`},
		"an address with a query":       {500, message("GET /x?customer=Jan&city=Delft failed", nil), "GET /x?*** failed"},
		"a page":                        {500, "<html><title>Error</title><body>Jan Jansen</body></html>", "Error"},
		"a page that names him first":   {500, "<html><title>Sorry, jan@example.com</title></html>", leftOut},
		"a page without a title":        {500, "<html><body>Jan Jansen<h1>Oops</h1></body></html>", "Oops"},
		"a trace":                       {500, "Exception\n#0 Customer->load('Jan')", "Internal Server Error"},
		"data with a bad status":        {500, `{"items":[{"customer_firstname":"Jan"`, "Internal Server Error"},
		"a page with 200":               {200, "<html><title>Home</title><body>Hello Jan</body></html>", "HTML instead of JSON: Home"},
		"an unknown firewall's page":    {200, "<html><title>Stop</title><body>Access denied, Jan</body></html>", "a firewall answered instead of the shop: Stop"},
		"a page without words with 200": {200, "<html><body>Hello Jan</body></html>", "HTML instead of JSON"},
		"a message with 200":            {200, message("Jan Jansen (jan@example.com) is unknown", nil), leftOut},
		"half an order":                 {200, `{"items":[{"customer_firstname":"Jan"`, "the answer is no JSON, or cut short"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := classify(test.status, http.Header{}, []byte(test.body), func(s string) string { return s })
			if e == nil || e.Message != test.want {
				t.Fatalf("got %v, want %q", e, test.want)
			}
			if strings.Contains(e.Error(), "Jan") {
				t.Errorf("a customer is named: %v", e)
			}
		})
	}
}
