package magento

import (
	"bytes"
	"regexp"
	"strings"
)

// What the shop says in an error may name a customer: an SQL error quotes a row,
// an extension's exception a mail address, an error page the visitor. It ends in
// logs, run files and the history, so only what cannot be personal is shown
// (invariant 6): Magento's templates, parameters that are technical, titles of
// pages. A kind, a status and a report id tell the rest.

const leftOut = "(the shop's words are left out, because they name a person or an address)"

var (
	dates = regexp.MustCompile(`\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?`)
	// A mail address, an IP address, or so many digits that it may be a telephone.
	personal = regexp.MustCompile(`(?i)\S(@|%40)\S|\b\d{1,3}(\.\d{1,3}){3}\b|\b[0-9a-f]{1,4}(:[0-9a-f]{0,4}){4,}|\d([ ()/.-]{0,2}\d){8,}`)
	quoted   = regexp.MustCompile(`(^|[\s(=:])(["'])([^"']*)(["'])`)
	query    = regexp.MustCompile(`\?[^\s?]*=\S*`)

	// A field, a class, a permission, a number: nothing that a customer is called.
	technical = regexp.MustCompile(`^([a-z][A-Za-z0-9]*|[\w%-]*[%_\\:][\w%\\:/.-]*|-?[\d.]+)$`)
	// The parameters whose values are Magento's own.
	known = regexp.MustCompile(`^(fieldName|resources|max)$`)
)

// shown is what may be shown of a text that was not made from a template, or of
// a template itself.
func shown(text string) string {
	if personal.MatchString(dates.ReplaceAllString(reportID.ReplaceAllString(text, ""), "")) {
		return leftOut
	}
	text = query.ReplaceAllString(text, "?***")
	return quoted.ReplaceAllStringFunc(text, func(s string) string {
		m := quoted.FindStringSubmatch(s)
		if technical.MatchString(m[3]) {
			return s
		}
		return m[1] + m[2] + "***" + m[4]
	})
}

// shownParameters are those that may be put into a template. The others stay
// there by name. A SKU is no secret, and is what one looks for.
func shownParameters(template string, params map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range params {
		harmless := strings.Contains(template, "SKU") || known.MatchString(name) || technical.MatchString(value) && strings.ContainsAny(value, `0123456789_\:`)
		if harmless && (!personal.MatchString(value) || strings.Contains(template, "SKU")) {
			out[name] = value
		}
	}
	return out
}

// shownPage is what may be shown of a body that is not JSON: the title or the
// first heading of a page, or one short line of text.
func shownPage(body []byte) string {
	body = bytes.TrimSpace(body[:min(len(body), 64<<10)])
	for _, part := range []*regexp.Regexp{htmlTitle, htmlHeading} {
		if m := part.FindSubmatch(body); m != nil {
			if text := strings.TrimSpace(htmlTag.ReplaceAllString(string(m[1]), " ")); text != "" {
				return shown(cut(text))
			}
		}
	}
	if len(body) > 120 || bytes.ContainsAny(body, "<{[\n") {
		return ""
	}
	return shown(cut(string(body)))
}
