package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Values are held as they are answered: string, int64, json.Number, bool, map[string]string for remote ids, nil for null.

const momentForm = "2006-01-02T15:04:05Z"

// errCrash stands for the answers the real server gives with 500: the text "nan" where an id belongs (seen).
//
//lint:ignore ST1005 the server's own wording
var errCrash = fmt.Errorf("For input string: \"nan\"")

// parse reads a value out of a request, strictly: what the real API is known to refuse is refused.
func (a attribute) parse(raw json.RawMessage) (any, error) {
	raw = bytes.TrimSpace(raw)
	if string(raw) == "null" {
		if a.required {
			return nil, fmt.Errorf("%s must not be null", a.name)
		}
		return a.initial, nil
	}
	var v any
	var err error
	switch a.form {
	case text, status:
		v, err = a.parseText(raw)
	case integer:
		v, err = parseInteger(raw)
	case number:
		v, err = parseNumber(raw)
	case money:
		v, err = a.parseMoney(raw)
	case flag:
		v, err = parseFlag(raw)
	case moment:
		v, err = parseMoment(raw)
	case reference:
		v, err = parseReference(raw)
	default:
		err = fmt.Errorf("cannot be written")
	}
	if err == errCrash {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%s %w", a.name, err)
	}
	return v, nil
}

func (a attribute) parseText(raw []byte) (any, error) {
	var s string
	if !isString(raw) || json.Unmarshal(raw, &s) != nil {
		return nil, fmt.Errorf("must be a text")
	}
	if a.form == status {
		if low := strings.ToLower(s); low == "enabled" || low == "disabled" {
			return low, nil
		}
		return nil, fmt.Errorf("must be enabled or disabled")
	}
	if a.longest > 0 && utf8.RuneCountInString(s) > a.longest {
		return nil, fmt.Errorf("must have at most %d characters", a.longest)
	}
	if a.required && strings.TrimSpace(s) == "" {
		return nil, fmt.Errorf("must not be empty")
	}
	return s, nil
}

func isString(raw []byte) bool { return len(raw) > 0 && raw[0] == '"' }

func parseInteger(raw []byte) (any, error) {
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("must be an integer")
	}
	return n, nil
}

var decimalForm = regexp.MustCompile(`^-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,2})?$`)

func parseNumber(raw []byte) (any, error) {
	if !decimalForm.Match(raw) {
		return nil, fmt.Errorf("must be a number")
	}
	return json.Number(raw), nil
}

func (a attribute) parseMoney(raw []byte) (any, error) {
	s := string(raw)
	if isString(raw) {
		if json.Unmarshal(raw, &s) != nil {
			return nil, fmt.Errorf("must be a number")
		}
	}
	r, ok := new(big.Rat).SetString(s)
	if !decimalForm.MatchString(s) || !ok {
		return nil, fmt.Errorf("must be a number")
	}
	if a.unsigned && r.Sign() < 0 {
		return nil, fmt.Errorf("must be greater than or equal to 0")
	}
	amount := r.FloatString(2) // more decimals are accepted and rounded, half away from zero
	if whole, _, _ := strings.Cut(strings.TrimPrefix(amount, "-"), "."); a.digits > 0 && len(whole) > a.digits {
		return nil, fmt.Errorf("must have at most %d digits before the decimal point", a.digits)
	}
	if amount == "-0.00" {
		amount = "0.00"
	}
	return amount, nil
}

func parseFlag(raw []byte) (any, error) {
	var b bool
	if json.Unmarshal(raw, &b) != nil {
		return nil, fmt.Errorf("must be true or false")
	}
	return b, nil
}

func parseMoment(raw []byte) (any, error) {
	var s string
	if !isString(raw) || json.Unmarshal(raw, &s) != nil {
		return nil, fmt.Errorf("must be a date and time as text")
	}
	t, err := readMoment(s)
	if err != nil {
		return nil, err
	}
	return t.UTC().Format(momentForm), nil
}

// readMoment takes Z and +00:00 alike (seen).
func readMoment(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("must be a date and time such as 2024-03-01T09:15:00Z")
	}
	return t, nil
}

var digits = regexp.MustCompile(`^[0-9]{1,18}$`)

func parseReference(raw []byte) (any, error) {
	s := string(raw)
	if isString(raw) && json.Unmarshal(raw, &s) != nil {
		return nil, fmt.Errorf("must be an id")
	}
	if strings.EqualFold(s, "nan") {
		return nil, errCrash
	}
	if !digits.MatchString(s) {
		return nil, fmt.Errorf("must be an id")
	}
	return strconv.ParseInt(s, 10, 64)
}

// restore reads a value out of the journal, where it stands as it is answered.
func (a attribute) restore(raw json.RawMessage) (any, error) {
	if string(raw) == "null" {
		return nil, nil
	}
	switch a.form {
	case remoteIDs:
		var m map[string]string
		err := json.Unmarshal(raw, &m)
		return m, err
	case money: // limits may have changed since it was written
		return attribute{name: a.name, form: money}.parse(raw)
	case text:
		return attribute{name: a.name, form: text}.parse(raw)
	default:
		return a.parse(raw)
	}
}
