package magentotest

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
)

type kind byte

const (
	nullKind kind = iota
	numberKind
	dateKind
	textKind
	listKind
)

// value is a member of a record as MySQL would compare it.
type value struct {
	kind  kind
	whole int64   // of a number without fraction, exact
	float float64 // of any number; only compared by, never shown
	exact bool    // the number is whole
	text  string  // folded; of a date: YYYY-MM-DD HH:MM:SS
	list  []value
}

var (
	dateText = regexp.MustCompile(`^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(:\d\d)?)?`)
	// decimalText are Magento's DECIMAL columns, which it answers as text with all their digits. [obs: cost "17.500000"]
	decimalText   = regexp.MustCompile(`^-?\d+\.\d{4,}$`)
	numericPrefix = regexp.MustCompile(`^\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?`)
	recordDate    = regexp.MustCompile(`^\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?$`)
)

// valueOf reads a value of a record. What a text is, a date, a decimal or plain, shows in its form.
func valueOf(raw []byte) value {
	switch {
	case isNull(raw):
		return value{}
	case isObject(raw), isArray(raw):
		list := value{kind: listKind}
		if isArray(raw) {
			eachElement(raw, func(element []byte) bool {
				list.list = append(list.list, valueOf(element))
				return true
			})
		}
		return list
	case raw[0] == 't':
		return number(1)
	case raw[0] == 'f':
		return number(0)
	case raw[0] != '"':
		return numberText(string(raw))
	}
	text := unquote(raw)
	switch {
	case recordDate.MatchString(text):
		return value{kind: dateKind, text: date(text)}
	case decimalText.MatchString(text):
		return numberText(text)
	}
	return value{kind: textKind, text: fold(text)}
}

func number(n int64) value {
	return value{kind: numberKind, whole: n, float: float64(n), exact: true, text: strconv.FormatInt(n, 10)}
}

// numberText reads the number that a text begins with; a text without one is 0, as in MySQL.
func numberText(text string) value {
	prefix := strings.TrimLeft(numericPrefix.FindString(text), " \t\n\r\v\f+")
	if n, err := strconv.ParseInt(prefix, 10, 64); err == nil {
		return number(n)
	}
	float, _ := strconv.ParseFloat(prefix, 64)
	return value{kind: numberKind, float: float, text: strings.ToLower(text)}
}

// date normalises a date in UTC. A `T` is accepted, an offset or `Z` is ignored, not applied; what is no date at all
// counts as before every date. [obs: b-filter-updated-T, -TZ, -TZ0, -date, -garbage]
func date(text string) string {
	parts := dateText.FindStringSubmatch(strings.TrimLeft(text, " "))
	if parts == nil {
		return ""
	}
	minutes, seconds := parts[2], parts[3]
	if minutes == "" {
		minutes = "00:00"
	}
	if seconds == "" {
		seconds = ":00"
	}
	return parts[1] + " " + minutes + seconds
}

// compareValues orders values for sorting: null first, as in MySQL.
func compareValues(a, b value) int {
	if a.kind != b.kind {
		return cmp.Compare(a.kind, b.kind)
	}
	switch {
	case a.kind != numberKind:
		return cmp.Compare(a.text, b.text)
	case a.exact && b.exact:
		return cmp.Compare(a.whole, b.whole)
	}
	return cmp.Compare(a.float, b.float)
}

// operand is the value of a filter; what it means depends on the column that it is compared with.
type operand struct {
	null                bool
	asNumber            value
	asDate, asText, raw string
}

func newOperand(text string) operand {
	return operand{asNumber: numberText(text), asDate: date(text), asText: fold(text), raw: text}
}

// compare compares a column's value, not null and no list, with the operand.
func (o operand) compare(v value) int {
	switch v.kind {
	case numberKind:
		return compareValues(v, o.asNumber)
	case dateKind:
		return cmp.Compare(v.text, o.asDate)
	}
	return cmp.Compare(v.text, o.asText)
}

// equals tells whether the value is the operand, or a list that holds it.
func (o operand) equals(v value) bool {
	switch v.kind {
	case nullKind:
		return false
	case listKind:
		for _, element := range v.list {
			if o.equals(element) {
				return true
			}
		}
		return false
	}
	return !o.null && o.compare(v) == 0
}
