package magentotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// compactPHP rewrites a JSON text as PHP's json_encode writes it: no white space, `/` as `\/`, everything outside ASCII as
// \uXXXX in lower case. Numbers stay as they are, digit by digit. [obs: every recorded answer has this form]
func compactPHP(text []byte) ([]byte, error) {
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return nil, err
	}
	in := compact.Bytes()
	out := make([]byte, 0, len(in)+len(in)/16)
	for i := 0; i < len(in); {
		if in[i] != '"' {
			out = append(out, in[i])
			i++
			continue
		}
		end := skipString(in, i)
		if plainString(in[i+1 : end-1]) {
			out = append(out, in[i:end]...)
		} else {
			out = appendString(out, unquote(in[i:end]))
		}
		i = end
	}
	return out, nil
}

// plainString tells whether the inside of a JSON string is written by PHP just as it stands.
func plainString(s []byte) bool {
	for _, c := range s {
		if c >= utf8.RuneSelf || c == '\\' || c == '/' {
			return false
		}
	}
	return true
}

// appendString appends s as PHP's json_encode writes it.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"', r == '\\', r == '/':
			dst = append(dst, '\\', byte(r))
		case r == '\b':
			dst = append(dst, `\b`...)
		case r == '\f':
			dst = append(dst, `\f`...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r >= 0x20 && r < utf8.RuneSelf:
			dst = append(dst, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, high, low)
		default:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		}
	}
	return append(dst, '"')
}

// The functions below read JSON that compactPHP has written: valid, without white space.

// skipString returns the index after the string that begins at i.
func skipString(b []byte, i int) int {
	for i++; b[i] != '"'; i++ {
		if b[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// skipValue returns the index after the value that begins at i.
func skipValue(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = skipString(b, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

// eachMember calls f for every member of an object, in order, until f answers false.
func eachMember(object []byte, f func(key string, value []byte) bool) {
	for i := 1; i < len(object)-1; i++ {
		keyEnd := skipString(object, i)
		end := skipValue(object, keyEnd+1)
		if !f(unquote(object[i:keyEnd]), object[keyEnd+1:end]) {
			return
		}
		i = end
	}
}

// eachElement calls f for every element of an array, in order, until f answers false.
func eachElement(array []byte, f func(value []byte) bool) {
	for i := 1; i < len(array)-1; i++ {
		end := skipValue(array, i)
		if !f(array[i:end]) {
			return
		}
		i = end
	}
}

// member returns a member's value, nil when there is none.
func member(object []byte, name string) []byte {
	if !isObject(object) {
		return nil
	}
	var found []byte
	eachMember(object, func(key string, value []byte) bool {
		if key == name {
			found = value
		}
		return found == nil
	})
	return found
}

// withMember returns the object with one member replaced, in its place or at the end; a nil value removes it.
func withMember(object []byte, name string, value []byte) []byte {
	out := []byte{'{'}
	add := func(key string, value []byte) {
		if value == nil {
			return
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(appendString(out, key), ':')
		out = append(out, value...)
	}
	seen := false
	eachMember(object, func(key string, old []byte) bool {
		if key == name {
			old, seen = value, true
		}
		add(key, old)
		return true
	})
	if !seen {
		add(name, value)
	}
	return append(out, '}')
}

func isObject(value []byte) bool { return len(value) > 0 && value[0] == '{' }
func isArray(value []byte) bool  { return len(value) > 0 && value[0] == '[' }
func isNull(value []byte) bool   { return len(value) == 0 || value[0] == 'n' }

// unquote returns the text of a JSON string, and any other value as it is written.
func unquote(value []byte) string {
	if len(value) < 2 || value[0] != '"' {
		return string(value)
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1])
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		return string(value)
	}
	return s
}

// integer reads a whole number, written as a JSON number or as text.
func integer(value []byte) (int64, bool) {
	n, err := strconv.ParseInt(unquote(value), 10, 64)
	return n, err == nil
}
