package magento

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// The outside of a page is looked at without decoding its records, which DuckDB does: a night of a million products has some
// gigabytes of them, and decoding was most of what reading a page cost.

// deepest bounds the brackets of a body that gjson may check: it goes one call deeper with each, and json.Valid is slow but
// refuses what is nested too deeply.
const deepest = 1 << 20

// valid is json.Valid, several times as fast.
func valid(body []byte) bool {
	if bytes.Count(body, []byte{'['})+bytes.Count(body, []byte{'{'}) > deepest {
		return json.Valid(body)
	}
	return gjson.ValidBytes(body)
}

// members calls f for each member of an object that is valid JSON, or with a nil name for each element of a list, until it returns
// false. The name is as it is written, without its quotes: one with escapes in it is given with them.
func members(nested []byte, f func(name, value []byte) bool) {
	Walk(nested[blanks(nested, 0):], func(name, rest []byte) int {
		length := ValueLength(rest)
		if length == 0 || !f(name, rest[:length]) {
			return -1
		}
		return length
	})
}

// Walk goes through an object or a list that is valid JSON, and looks at no value twice: f is given the name of each member, nil in
// a list, and what begins with its value. It returns how long the value is, 0 where it has not looked at it, or less to end here.
// Walk returns how long the whole is.
func Walk(nested []byte, f func(name, rest []byte) (length int)) (length int) {
	if len(nested) == 0 {
		return 0
	}
	object, i := nested[0] == '{', blanks(nested, 1)
	for i < len(nested) && nested[i] != '}' && nested[i] != ']' {
		var name []byte
		if object {
			end := stringEnd(nested, i)
			name = nested[i+1 : max(end-1, i+1)]
			i = blanks(nested, blanks(nested, end)+1) // behind the colon
		}
		if i >= len(nested) {
			return len(nested)
		}
		n := f(name, nested[i:])
		if n == 0 {
			n = ValueLength(nested[i:])
		}
		if n <= 0 {
			return len(nested) // enough, or it is no JSON
		}
		if i = blanks(nested, i+n); i < len(nested) && nested[i] == ',' {
			i = blanks(nested, i+1)
		}
	}
	return min(i+1, len(nested))
}

// ValueLength is how long the value is that valid JSON begins with.
func ValueLength(s []byte) int { return valueEnd(s, 0) }

// blanks is the index of the first byte from i on that is no white space.
func blanks(s []byte, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// valueEnd is the index behind the value that begins at i.
func valueEnd(s []byte, i int) int {
	if i >= len(s) {
		return i
	}
	switch s[i] {
	case '"':
		return stringEnd(s, i)
	case '{', '[':
		return nestedEnd(s, i)
	}
	for i < len(s) && s[i] != ',' && s[i] != '}' && s[i] != ']' && s[i] > ' ' {
		i++
	}
	return i
}

func nestedEnd(s []byte, i int) int {
	for depth := 0; i < len(s); {
		switch s[i] {
		case '"':
			i = stringEnd(s, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return len(s)
}

// stringEnd is the index behind the string that begins at i. Most of a page is in strings, and most of them are short, but the
// long ones hold most of it.
func stringEnd(s []byte, i int) int {
	for from := i + 1; i+1 < len(s); {
		n := bytes.IndexByte(s[i+1:], '"')
		if n < 0 {
			break
		}
		i += 1 + n
		escapes := i
		for escapes > from && s[escapes-1] == '\\' {
			escapes--
		}
		if (i-escapes)%2 == 0 {
			return i + 1
		}
	}
	return len(s)
}

// scanPage reads the outside of a page that is written as Magento writes one. ok is false for anything else: it is left to a
// decoder, which knows what is wrong.
func scanPage(body []byte, idField string) (p Page, ok bool) {
	if !valid(body) || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return p, false
	}
	var items, total []byte
	ok = true
	members(body, func(name, value []byte) bool {
		switch string(name) {
		case "items":
			ok = ok && items == nil && value[0] == '['
			items = value
		case "total_count":
			ok = ok && total == nil
			total = value
		default:
			ok = ok && plainName(name)
		}
		return ok
	})
	if !ok || items == nil {
		return p, false
	}
	p = Page{TotalCount: -1, Ascending: true}
	if total != nil {
		n, err := strconv.Atoi(string(total))
		if err != nil {
			return p, false
		}
		p.TotalCount = n
	}
	return p.scanItems(items, idField)
}

// plainName tells that a name is none that a decoder would take for another.
func plainName(name []byte) bool {
	return !bytes.ContainsRune(name, '\\') && !strings.EqualFold(string(name), "items") && !strings.EqualFold(string(name), "total_count") && !strings.EqualFold(string(name), "message")
}

func (p Page) scanItems(items []byte, idField string) (Page, bool) {
	ok := true
	var first, last []byte
	members(items, func(_, item []byte) bool {
		if last = item; p.Count == 0 {
			first = item
		}
		p.Count++
		if idField == "" {
			return true
		}
		id, err := readID(item, idField)
		switch {
		case err != nil:
			ok = false
		case p.Count == 1:
			p.FirstID = id
		case id < p.LastID:
			p.Ascending = false
		case id == p.LastID:
			p.Repeats = true
		}
		p.LastID = id
		return ok
	})
	switch {
	case p.Count == 0:
	case idField == "":
		p.FirstKey, p.LastKey = hash(first), hash(last)
	default:
		p.FirstKey, p.LastKey = strconv.FormatInt(p.FirstID, 10), strconv.FormatInt(p.LastID, 10)
	}
	return p, ok
}
