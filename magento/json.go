package magento

import (
	"encoding/binary"
	"math/bits"
)

// Most of what a shop sends whole is thrown away: of a record a twentieth is kept. So that it need not be gone through twice, what
// looks for the end of a value checks it, too, and the same pass finds what is kept (extract's cutter). No library does both.
// Values are given as what begins with them, with how many brackets may be open in each other there, and -1 stands for what is no
// JSON.

// Deepest is how deeply brackets may be nested, as in encoding/json. Whoever goes a call deeper with each has to count down from it:
// a few kilobytes of gzip can be millions of brackets.
const Deepest = 10_000

// Blanks are what JSON takes for white space.
const Blanks = " \t\r\n"

// valid is json.Valid, several times as fast.
func valid(body []byte) bool {
	end := valueEnd(body, blanks(body, 0), Deepest)
	return end >= 0 && blanks(body, end) == len(body)
}

// ValueLength is how long the value is that s begins with; -1 where that is no JSON, or too deep.
func ValueLength(s []byte, deep int) int { return valueEnd(s, 0, deep) }

// Walk goes through the object or the list that s begins with, and checks it. What is in it may be one bracket less deep. f is given
// the name of each member as it is written, nil in a list, and what begins with its value. It returns how long the value is, having
// checked it; 0 where it has not looked at it, or -1 to end here. Walk returns how long the whole is; -1 where it is no JSON, or was
// ended.
func Walk(s []byte, deep int, f func(name, rest []byte) (length int)) (length int) {
	if len(s) == 0 || deep <= 0 || s[0] != '{' && s[0] != '[' {
		return -1
	}
	object, closing := s[0] == '{', s[0]+2
	i := blanks(s, 1)
	if i < len(s) && s[i] == closing {
		return i + 1
	}
	for {
		var name []byte
		if object {
			begin := i
			if i = nameEnd(s, i); i < 0 {
				return -1
			}
			name = s[begin+1 : i-1]
			i = behindColon(s, i)
		}
		if i < 0 || i >= len(s) {
			return -1
		}
		n := f(name, s[i:])
		if n == 0 {
			n = ValueLength(s[i:], deep-1)
		}
		if n < 0 {
			return -1
		}
		if i = blanks(s, i+n); i >= len(s) {
			return -1
		}
		switch s[i] {
		case closing:
			return i + 1
		case ',':
			i = blanks(s, i+1)
		default:
			return -1
		}
	}
}

// members calls f for each member of an object, or with a nil name for each element of a list, until it returns false. The name is
// as it is written, without its quotes: one with escapes in it is given with them.
func members(nested []byte, f func(name, value []byte) bool) {
	Walk(nested[blanks(nested, 0):], Deepest, func(name, rest []byte) int {
		length := ValueLength(rest, Deepest-1)
		if length < 0 || !f(name, rest[:length]) {
			return -1
		}
		return length
	})
}

// blanks is the index of the first byte from i on that is no white space.
func blanks(s []byte, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// valueEnd is the index behind the value that begins at i, and may have so many brackets in each other.
func valueEnd(s []byte, i, deep int) int {
	if i >= len(s) {
		return -1
	}
	switch s[i] {
	case '"':
		return stringEnd(s, i)
	case '{', '[':
		return nestedEnd(s, i, deep)
	case 't':
		return wordEnd(s, i, "true")
	case 'f':
		return wordEnd(s, i, "false")
	case 'n':
		return wordEnd(s, i, "null")
	}
	return numberEnd(s, i)
}

// nestedEnd is Walk for what nobody looks at. Walk in its place took 5 to 11 % more of a page of whole records.
func nestedEnd(s []byte, i, deep int) int {
	if deep == 0 {
		return -1
	}
	object, closing := s[i] == '{', s[i]+2
	i = blanks(s, i+1)
	if i < len(s) && s[i] == closing {
		return i + 1
	}
	for {
		if object {
			if i = behindColon(s, nameEnd(s, i)); i < 0 {
				return -1
			}
		}
		if i = valueEnd(s, i, deep-1); i < 0 {
			return -1
		}
		if i = blanks(s, i); i >= len(s) {
			return -1
		}
		switch s[i] {
		case closing:
			return i + 1
		case ',':
			i = blanks(s, i+1)
		default:
			return -1
		}
	}
}

// nameEnd is the index behind the name of a member that begins at i.
func nameEnd(s []byte, i int) int {
	if i >= len(s) || s[i] != '"' {
		return -1
	}
	return stringEnd(s, i)
}

// behindColon is where the value of a member begins whose name ends before i.
func behindColon(s []byte, i int) int {
	if i < 0 {
		return -1
	}
	if i = blanks(s, i); i >= len(s) || s[i] != ':' {
		return -1
	}
	return blanks(s, i+1)
}

// Bytes of a word, the lowest first, and in each the bit that tells one that was looked for.
const (
	everyByte = 0x0101010101010101
	everyTop  = 0x8080808080808080
)

// stringEnd is the index behind the string that begins at i. Most of a page is in strings, so they are gone through eight bytes at
// a time: a byte that is subtracted from borrows into its top bit where it was smaller, and no byte of a text beyond ASCII counts.
// A borrow can reach a byte above one that was found, never the first of them.
func stringEnd(s []byte, i int) int {
	for i++; ; {
		for ; i+8 <= len(s); i += 8 {
			word := binary.LittleEndian.Uint64(s[i:])
			quote, escape := word^everyByte*'"', word^everyByte*'\\'
			found := ((quote - everyByte) | (escape - everyByte) | (word - everyByte*' ')) &^ word & everyTop
			if found != 0 {
				i += bits.TrailingZeros64(found) / 8
				break
			}
		}
		for i < len(s) && s[i] >= ' ' && s[i] != '"' && s[i] != '\\' { // in the last bytes of an answer
			i++
		}
		switch {
		case i >= len(s) || s[i] < ' ':
			return -1
		case s[i] == '"':
			return i + 1
		}
		if i = escapeEnd(s, i); i < 0 {
			return -1
		}
	}
}

// escapeEnd is the index behind the escape, such as \n or \u00e9, that begins at i.
func escapeEnd(s []byte, i int) int {
	if i+1 >= len(s) {
		return -1
	}
	switch s[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
		if i+6 > len(s) {
			return -1
		}
		for _, c := range s[i+2 : i+6] {
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return -1
			}
		}
		return i + 6
	}
	return -1
}

func wordEnd(s []byte, i int, word string) int {
	if len(s)-i < len(word) || string(s[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

func numberEnd(s []byte, i int) int {
	if s[i] == '-' {
		i++
	}
	end := digitsEnd(s, i)
	if end == i || s[i] == '0' && end > i+1 {
		return -1
	}
	if i = end; i < len(s) && s[i] == '.' {
		if end = digitsEnd(s, i+1); end == i+1 {
			return -1
		}
		i = end
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		if i++; i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if end = digitsEnd(s, i); end == i {
			return -1
		}
		i = end
	}
	return i
}

func digitsEnd(s []byte, i int) int {
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return i
}
