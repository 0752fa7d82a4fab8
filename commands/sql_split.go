package commands

import (
	"strings"
	"unicode"
)

// splitSQL cuts a text into statements at its semicolons, those in quotes, dollar quotes and comments left alone. rest is what
// follows the last semicolon: a statement that is not ended, or nothing but space and comments. open tells whether it ends
// inside of quotes or a comment.
func splitSQL(text string) (statements []string, rest string, open bool) {
	start := 0
	for i := 0; i < len(text); {
		end, closed := skipSQL(text, i)
		switch {
		case !closed:
			return statements, text[start:], true
		case end > i:
			i = end
			continue
		case text[i] == ';':
			if s := text[start:i]; !blankSQL(s) {
				statements = append(statements, strings.TrimSpace(s))
			}
			start = i + 1
		}
		i++
	}
	return statements, text[start:], false
}

// skipSQL returns the end of the quoted text or comment that begins at i; i where none does.
func skipSQL(text string, i int) (end int, closed bool) {
	rest := text[i:]
	switch {
	case strings.HasPrefix(rest, "--"):
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			return i + n + 1, true
		}
		return len(text), true
	case strings.HasPrefix(rest, "/*"):
		return skipTo(text, i, 2, "*/")
	case rest[0] == '\'' && i > 0 && (text[i-1] == 'e' || text[i-1] == 'E') && (i < 2 || !wordByte(text[i-2])):
		return skipEscaped(text, i)
	case rest[0] == '\'' || rest[0] == '"':
		// A doubled quote ends one text and begins the next, which comes to the same.
		return skipTo(text, i, 1, rest[:1])
	case rest[0] == '$' && (i == 0 || !wordByte(text[i-1])):
		if n := strings.IndexByte(rest[1:], '$'); n >= 0 && !strings.ContainsFunc(rest[1:1+n], func(r rune) bool { return !unicode.IsLetter(r) && r != '_' }) {
			return skipTo(text, i, n+2, rest[:n+2])
		}
	}
	return i, true
}

func skipTo(text string, i, opening int, closing string) (end int, closed bool) {
	n := strings.Index(text[i+opening:], closing)
	if n < 0 {
		return len(text), false
	}
	return i + opening + n + len(closing), true
}

// skipEscaped skips E'...', in which a backslash takes the meaning from a quote.
func skipEscaped(text string, i int) (end int, closed bool) {
	for j := i + 1; j < len(text); j++ {
		switch text[j] {
		case '\\':
			j++
		case '\'':
			return j + 1, true
		}
	}
	return len(text), false
}

func wordByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}

// blankSQL tells whether a text holds no statement.
func blankSQL(text string) bool {
	for i := 0; i < len(text); {
		if unicode.IsSpace(rune(text[i])) {
			i++
			continue
		}
		if !strings.HasPrefix(text[i:], "--") && !strings.HasPrefix(text[i:], "/*") {
			return false
		}
		i, _ = skipSQL(text, i)
	}
	return true
}
