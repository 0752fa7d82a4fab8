package magentotest

import (
	"cmp"
	"slices"
	"strings"
)

const upperHex = "0123456789ABCDEF"

func isUnreserved(c byte) bool {
	return isWord(c) || c == '-' || c == '.' || c == '~'
}

// signedPath normalises a path: of what is percent-encoded, unreserved characters and those given are decoded; the rest stays
// encoded, in upper case; a percent sign that encodes nothing becomes %25. [obs: f-oauth1-sku-*; the rest: src, laminas-uri]
func signedPath(path, decoded string) string {
	var out strings.Builder
	for i := 0; i < len(path); i++ {
		c, ok := encodedByte(path, i)
		switch {
		case !ok:
			out.WriteByte(path[i])
			continue
		case isUnreserved(c) || strings.IndexByte(decoded, c) >= 0:
			out.WriteByte(c)
		default:
			out.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
		}
		i += 2
	}
	text := out.String()
	out.Reset()
	for i := range len(text) {
		out.WriteByte(text[i])
		if _, ok := encodedByte(text, i); text[i] == '%' && !ok {
			out.WriteString("25")
		}
	}
	return out.String()
}

// encodedByte is what stands at i, if it is percent-encoded.
func encodedByte(text string, i int) (byte, bool) {
	if text[i] != '%' || i+2 >= len(text) {
		return 0, false
	}
	high := strings.IndexByte(upperHex, upper(text[i+1]))
	low := strings.IndexByte(upperHex, upper(text[i+2]))
	return byte(high<<4 | low), high >= 0 && low >= 0
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// rawURLEncode is PHP's rawurlencode.
func rawURLEncode(text string) string {
	var out strings.Builder
	for i := range len(text) {
		if c := text[i]; isUnreserved(c) {
			out.WriteByte(c)
		} else {
			out.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
		}
	}
	return out.String()
}

// rawURLDecode is PHP's rawurldecode: a plus stays one, and so does a percent sign that encodes nothing.
func rawURLDecode(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		c, ok := encodedByte(text, i)
		if !ok {
			out.WriteByte(text[i])
			continue
		}
		out.WriteByte(c)
		i += 2
	}
	return out.String()
}

// signatureBase is the text that is signed: the parameters of the header, without the signature, and of the query, sorted by
// their encoded names in PHP's natural order. [obs: f-oauth1-12groups*] Query parameters without an equals sign are not in it
// [src]; of two with the same name the last counts, as in a PHP array.
func signatureBase(method, address, query string, header map[string]string) string {
	params := map[string]string{}
	for pair := range strings.SplitSeq(query, "&") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			params[rawURLEncode(rawURLDecode(name))] = rawURLEncode(rawURLDecode(value))
		}
	}
	for name, value := range header {
		if name != "oauth_signature" {
			params[rawURLEncode(name)] = rawURLEncode(value)
		}
	}
	pairs := make([]string, 0, len(params))
	names := make([]string, 0, len(params))
	for name := range params {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(strnatcmp(a, b), cmp.Compare(a, b)) })
	for _, name := range names {
		pairs = append(pairs, name+"="+params[name])
	}
	return strings.ToUpper(method) + "&" + rawURLEncode(address) + "&" + rawURLEncode(strings.Join(pairs, "&"))
}

// strnatcmp is PHP's function of that name, for texts without white space: numbers in a text compare by their value, unless one
// begins with a zero, then digit by digit. Zeros at the beginning of the whole text do not count. [src: ext/standard/strnatcmp.c]
func strnatcmp(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(len(a), len(b))
	}
	a, b = dropZeros(a), dropZeros(b)
	for {
		if isDigit(a) && isDigit(b) {
			result, n := compareDigits(a, b)
			if result != 0 {
				return result
			}
			if a, b = a[n:], b[n:]; a == "" || b == "" {
				return cmp.Compare(len(a), len(b))
			}
		}
		if a[0] != b[0] {
			return cmp.Compare(a[0], b[0])
		}
		if a, b = a[1:], b[1:]; a == "" || b == "" {
			return cmp.Compare(len(a), len(b))
		}
	}
}

func isDigit(text string) bool { return text != "" && '0' <= text[0] && text[0] <= '9' }

// dropZeros skips zeros that another digit follows.
func dropZeros(text string) string {
	for text[0] == '0' && isDigit(text[1:]) {
		text = text[1:]
	}
	return text
}

// compareDigits compares the numbers that two texts begin with; n is how long they are when they are equal.
func compareDigits(a, b string) (result, n int) {
	fractional := a[0] == '0' || b[0] == '0'
	bias := 0
	for ; ; n++ {
		more, other := isDigit(a[n:]), isDigit(b[n:])
		switch {
		case !more && !other:
			return bias, n
		case !more:
			return -1, n
		case !other:
			return 1, n
		}
		if c := cmp.Compare(a[n], b[n]); c != 0 && fractional {
			return c, n
		} else if bias == 0 {
			bias = c
		}
	}
}
