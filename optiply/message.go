package optiply

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	maxMessages   = 5
	maxMessageLen = 300 // characters
)

// messages takes the texts out of an error body. Optiply has three forms (seen in a client's extractor, in this order of
// preference): errors[] with meta.message, detail or message; a top-level message; a top-level error, as OAuth has
// it. The body can also be empty or the word null.
func messages(body []byte) []string {
	if isHTML(body) {
		return []string{htmlMessage(body)}
	}
	var doc struct {
		Errors []struct {
			Meta struct {
				Message any `json:"message"`
			} `json:"meta"`
			Detail  any `json:"detail"`
			Message any `json:"message"`
			Title   any `json:"title"`
		} `json:"errors"`
		Message          any `json:"message"`
		Error            any `json:"error"`
		ErrorDescription any `json:"error_description"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return printable(string(body))
	}
	var texts []string
	for _, e := range doc.Errors {
		if text := firstText(e.Meta.Message, e.Detail, e.Message, e.Title); text != "" {
			texts = append(texts, text)
		}
	}
	if len(texts) == 0 {
		if text := firstText(doc.Message); text != "" {
			texts = []string{text}
		} else {
			texts = []string{firstText(doc.Error), firstText(doc.ErrorDescription)}
		}
	}
	return printable(texts...)
}

func firstText(values ...any) string {
	for _, v := range values {
		if s, ok := v.(string); ok && strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

// printable makes server text fit for a log line, a table and a person: one line, no control characters, short, few.
func printable(texts ...string) []string {
	var out []string
	for _, text := range texts {
		text = strings.ToValidUTF8(text, "?")
		text = strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return ' '
		}, text)
		text = strings.Join(strings.Fields(text), " ")
		if runes := []rune(text); len(runes) > maxMessageLen {
			text = string(runes[:maxMessageLen]) + "..."
		}
		if text == "" || slices.Contains(out, text) {
			continue
		}
		if out = append(out, text); len(out) == maxMessages {
			break
		}
	}
	return out
}

func isHTML(body []byte) bool {
	return strings.HasPrefix(strings.TrimSpace(string(body[:min(len(body), 64)])), "<")
}

var htmlTitle = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

func htmlMessage(body []byte) string {
	if m := htmlTitle.FindSubmatch(body); m != nil {
		if title := printable(string(m[1])); len(title) > 0 {
			return "a web page titled " + strconv.Quote(title[0])
		}
	}
	return "a web page"
}

// redactor replaces secrets, should a server echo them in an error.
func redactor(secrets ...string) *strings.Replacer {
	var pairs []string
	for _, s := range secrets {
		if s != "" {
			pairs = append(pairs, s, "***")
		}
	}
	return strings.NewReplacer(pairs...)
}

// retryAfter reads the header in both its forms, seconds and date (RFC 9110, 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}
