package magento

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// maxMessage bounds the shop's words in an error, in characters.
const maxMessage = 300

// message is what a body of Magento's errors says.
type message struct {
	template string            // as sent; the same in whatever SKU it speaks of
	text     string            // what may be shown, with the parameters filled in
	params   map[string]string // by name; a list's are "1", "2", ...
}

// parseMessage reads {"message": "... %1 ... %fieldName", "parameters": [...]
// or {...}, "errors": [{message, parameters}]}. The zero value means that the
// body is not of that shape.
func parseMessage(body []byte) message {
	type part struct {
		Message    string          `json:"message"`
		Parameters json.RawMessage `json:"parameters"`
	}
	var whole struct {
		part
		Errors []part `json:"errors"`
	}
	if json.Unmarshal(body, &whole) != nil || whole.Message == "" {
		return message{}
	}
	m := message{template: whole.Message, params: parameters(whole.Parameters)}
	m.text = spoken(m.template, m.params)
	for _, e := range whole.Errors {
		m.text += " " + spoken(e.Message, parameters(e.Parameters))
	}
	return m
}

// spoken is a template with those parameters in it that may be shown.
func spoken(template string, params map[string]string) string {
	return fill(shown(template), shownParameters(template, params))
}

// parameters reads a list or an object of scalars.
func parameters(raw json.RawMessage) map[string]string {
	out := map[string]string{}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		for i, v := range list {
			out[strconv.Itoa(i+1)] = scalar(v)
		}
		return out
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) == nil {
		for k, v := range object {
			out[k] = scalar(v)
		}
	}
	return out
}

func scalar(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// fill puts the parameters into a template. The longest name wins, as in
// Magento's own renderer, so that %10 is not %1 and a zero.
func fill(template string, params map[string]string) string {
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	pairs := make([]string, 0, 2*len(names))
	for _, name := range names {
		pairs = append(pairs, "%"+name, params[name])
	}
	return strings.NewReplacer(pairs...).Replace(template)
}

var (
	htmlSilent  = regexp.MustCompile(`(?is)<(script|style|head)\b.*?</(script|style|head)>|<!--.*?-->`)
	htmlTag     = regexp.MustCompile(`(?s)<[^>]*>`)
	htmlTitle   = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)
	htmlHeading = regexp.MustCompile(`(?is)<h1[^>]*>(.*?)</h1>`)
	reportID    = regexp.MustCompile(`(?i)(?:report id|record number): *(?:<[^>]*>)*\s*([a-z0-9-]+)`)
)

// looksLikeHTML tells pages from data and from Magento's plain text.
func looksLikeHTML(contentType string, body []byte) bool {
	if strings.Contains(contentType, "text/html") {
		return true
	}
	start := bytes.ToLower(bytes.TrimSpace(body[:min(len(body), 512)]))
	return bytes.HasPrefix(start, []byte("<!doctype html")) || bytes.HasPrefix(start, []byte("<html"))
}

// plainText makes a line of a page's title and words, to look for marks in it.
func plainText(body []byte) string {
	body = body[:min(len(body), 64<<10)]
	text := ""
	if m := htmlTitle.FindSubmatch(body); m != nil {
		text = string(m[1]) + ": "
	}
	body = htmlSilent.ReplaceAll(body, []byte(" "))
	return cut(text + string(htmlTag.ReplaceAll(body, []byte(" "))))
}

// cut makes one line of at most maxMessage printable characters.
func cut(s string) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsPrint(r)
	}), " ")
	if runes := []rune(s); len(runes) > maxMessage {
		return string(runes[:maxMessage]) + "..."
	}
	return s
}
