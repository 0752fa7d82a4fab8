package magentotest

import (
	_ "embed"
	"fmt"
)

var (
	//go:embed error500.html
	error500Page []byte // [obs: b-err-accept-html]
	//go:embed apache404.html
	apache404Page []byte // its first line [obs: exp-sku-encoding-nginx-apache.txt], the rest [inf]
	//go:embed modules.json
	modulesList []byte // [obs: a-modules]
)

const jsonType = "application/json; charset=utf-8"

// answer is what the shop says to one request.
type answer struct {
	status      int
	contentType string
	body        []byte
	session     bool   // a PHP session was started, as for every request that got past the permission check
	fault       string // the name of the fault that made it so
}

func jsonAnswer(status int, body []byte) *answer {
	return &answer{status: status, contentType: jsonType, body: body}
}

// failure is Magento's error body: a message template, and its parameters as JSON, a list or an object, or "".
func failure(status int, message, parameters string) *answer {
	body := appendString([]byte(`{"message":`), message)
	if parameters != "" {
		body = append(append(body, `,"parameters":`...), parameters...)
	}
	return jsonAnswer(status, append(body, '}'))
}

// quoted writes texts as a JSON list in PHP's way.
func quoted(texts ...string) string {
	out := []byte{'['}
	for i, text := range texts {
		out = appendString(comma(out, i), text)
	}
	return string(append(out, ']'))
}

// The answers below carry the texts of the recordings named.

func unknownRoute() *answer { // b-err-route, b-path-v2
	return failure(404, "Request does not match any route.", "")
}

func badRequest() *answer { // b-path-nov, b-scope-no_such_store-product
	return failure(400, "Specified request cannot be processed.", "")
}

func unauthorized(resource string) *answer { // b-err-badtoken, b-err-acl-*: a wrong token and a missing permission look alike
	return failure(401, "The consumer isn't authorized to access %resources.",
		`{"resources":`+string(appendString(nil, resource))+"}")
}

// noProduct is the 404 of a product by its SKU.
const noProduct = "The product that was requested doesn't exist. Verify the product and try again."

func isRequired(field string) *answer { // b-page-orders-nosc
	return failure(400, `"%fieldName" is required. Enter and try again.`,
		`{"fieldName":`+string(appendString(nil, field))+"}")
}

func internalError() *answer { // b-filter-unknownfield-orders; the id differs from one request to the next
	return failure(500, "Internal Error. Details are available in Magento log file. Report ID: webapi-6b0407495890d", "")
}

func applicationError() *answer { // a-stockStatuses-trail, a-salable-qty-unknown: a PHP TypeError
	return &answer{status: 500, contentType: "text/plain;charset=UTF-8",
		body: []byte("An error has happened during application run. See exception log for details.\n")}
}

func invalidType(text, want string) *answer { // b-err-order-text
	return failure(400, fmt.Sprintf("The \"%s\" value's type is invalid. The \"%s\" type was expected. Verify and try again.",
		text, want), "")
}
