package magento

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// classify says what an answer is: nil when it is JSON of a 2xx, else an error
// with kind, message and what the message names. clean takes secrets out of
// whatever text comes from outside.
func classify(status int, header http.Header, body []byte, clean func(string) string) *Error {
	if status/100 == 2 {
		return classifyOK(status, header, body, clean)
	}
	m := parseMessage(body)
	e := &Error{Status: status, Message: m.text, magento: m.template != ""}
	html := looksLikeHTML(header.Get("Content-Type"), body)
	if e.Message == "" {
		e.Message = shownPage([]byte(clean(string(body))))
	}
	e.Message = cut(clean(e.Message))
	if found := reportID.FindSubmatch(body); found != nil {
		e.ReportID = cut(clean(string(found[1])))
	}
	e.Kind = kindOf(status, m)
	e.Resource = cut(clean(m.params["resources"]))
	if name := firewall(status, header, body, html, e.magento); name != "" {
		e.Kind, e.Message = Firewall, name+" refused the request: "+orElse(e.Message, http.StatusText(status))
	}
	if e.Kind == PageSizeLimit {
		e.Max, _ = strconv.Atoi(m.params["max"])
	}
	if e.Kind == Unauthorized {
		e.signed = oauthFault(m.template)
	}
	e.Message = orElse(e.Message, orElse(http.StatusText(status), "no message"))
	return e
}

func kindOf(status int, m message) Kind {
	switch status {
	case http.StatusUnauthorized:
		return Unauthorized
	case http.StatusForbidden:
		return Forbidden
	case http.StatusNotFound:
		return notFoundKind(m)
	case http.StatusTooManyRequests:
		return RateLimited
	case http.StatusInternalServerError:
		return ServerError
	case http.StatusServiceUnavailable:
		return Maintenance
	case http.StatusBadRequest:
		return badRequestKind(m)
	case http.StatusRequestTimeout:
		return Gateway
	}
	if status >= 500 {
		return Gateway // 502, 504, Cloudflare's 520 to 527, hosters' 508 and 509
	}
	return BadRequest
}

func notFoundKind(m message) Kind {
	switch {
	case m.template == "":
		return HTMLNotFound
	case strings.HasPrefix(m.template, "Request does not match any route"):
		return NoRoute
	}
	return NotFound
}

func badRequestKind(m message) Kind {
	switch {
	case m.template == "Specified request cannot be processed.":
		return UnknownStoreCode
	case m.params["max"] != "" && strings.Contains(m.template, "pageSize"):
		return PageSizeLimit
	}
	return BadRequest
}

// oauthFault recognises the 401s of OAuth 1.0a by their templates.
func oauthFault(template string) fault {
	switch {
	case strings.Contains(template, "nonce"):
		return nonceRefused
	case strings.HasPrefix(template, "The signature is invalid"):
		return signatureRefused
	case strings.HasPrefix(template, "A consumer having the specified key"):
		return keyRefused
	case template == "Specified token does not exist":
		return tokenRefused
	}
	return noFault
}

// classifyOK checks a 2xx: firewalls and broken shops answer 200 too.
func classifyOK(status int, header http.Header, body []byte, clean func(string) string) *Error {
	trimmed := bytes.Trim(body, Blanks)
	if valid(trimmed) {
		if m, only := messageOnly(trimmed); only {
			return &Error{Kind: MessageOnly, Status: status, Message: cut(clean(m.text))}
		}
		return nil
	}
	html := looksLikeHTML(header.Get("Content-Type"), body)
	if name := firewall(status, header, body, html, false); name != "" {
		return &Error{Kind: Firewall, Status: status, Message: strings.TrimSuffix(name+" answered instead of the shop: "+shownPage([]byte(clean(string(body)))), ": ")}
	}
	e := &Error{Kind: BadJSON, Status: status}
	switch {
	case len(trimmed) == 0:
		e.Message = "the answer is empty"
	case html:
		e.Message = strings.TrimSuffix("HTML instead of JSON: "+shownPage([]byte(clean(string(body)))), ": ")
	default:
		e.Message = "the answer is no JSON, or cut short" // its text may be personal data
	}
	return e
}

// messageOnly recognises an error that was sent as a success: an object whose
// keys are all those of Magento's errors.
func messageOnly(body []byte) (message, bool) {
	if !bytes.HasPrefix(body, []byte("{")) || !bytes.Contains(body[:min(len(body), 4096)], []byte(`"message"`)) {
		return message{}, false
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(body, &keys) != nil {
		return message{}, false
	}
	for key := range keys {
		switch key {
		case "message", "parameters", "errors", "trace", "code":
		default:
			return message{}, false
		}
	}
	m := parseMessage(body)
	return m, m.template != ""
}

// firewallMark is how a firewall is recognised in a page's text.
type firewallMark struct{ name, text string }

// firewallMarks lists the marks of pages that refuse a visitor or want to see
// a browser. Marks that also occur in these products' pages about a shop that
// is down are not here: those are Gateway and worth a retry.
func firewallMarks() []firewallMark {
	return []firewallMark{
		{"Cloudflare", "attention required! | cloudflare"},
		{"Cloudflare", "cf-browser-verification"},
		{"Cloudflare", "_cf_chl_opt"},
		{"Cloudflare", "sorry, you have been blocked"},
		{"Sucuri", "sucuri_cloudproxy_js"},
		{"Sucuri", "sucuri website firewall"},
		{"Imperva", "incapsula incident id"},
		{"Imperva", "_incapsula_resource"},
		{"Akamai", "errors.edgesuite.net"},
		{"Wordfence", "generated by wordfence"},
		{"ModSecurity", "mod_security"},
		{"DataDome", "captcha-delivery.com"},
	}
}

// refusals are words by which a page of an unknown firewall tells itself; they
// count only where they can be seen, because a storefront's scripts name
// captchas and the like too.
func refusals() []string {
	return []string{"request has been blocked", "request blocked", "request unsuccessful", "access denied", "firewall", "verify you are human", "are you a robot"}
}

// firewall names what stands before the shop and refuses us, or is empty. Only
// pages are looked at, and only statuses with which a firewall speaks for
// itself: a 502 of Cloudflare tells of the shop.
func firewall(status int, header http.Header, body []byte, html, magento bool) string {
	if magento {
		return ""
	}
	if header.Get("Cf-Mitigated") == "challenge" {
		return "Cloudflare"
	}
	switch status {
	case 200, 202, 400, 401, 403, 405, 406, 429, 503:
	default:
		return ""
	}
	refused := status == http.StatusForbidden || status == http.StatusNotAcceptable
	if !html && !refused {
		return ""
	}
	text := bytes.ToLower(body[:min(len(body), 256<<10)])
	for _, mark := range firewallMarks() {
		if bytes.Contains(text, []byte(mark.text)) {
			return mark.name
		}
	}
	if refused {
		return "a firewall or the web server"
	}
	if status/100 == 2 {
		seen := strings.ToLower(plainText(body))
		if slices.ContainsFunc(refusals(), func(words string) bool { return strings.Contains(seen, words) }) {
			return "a firewall"
		}
	}
	return ""
}
