package config

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A value is one setting as the table of settings sees it: text that is read
// into a field of Config and written out of it again. Errors of set read on
// after the setting's name: "must be true or false".
type value interface {
	set(text string) error
	String() string // secrets as ***
}

// scalar is a value of one piece of text.
type scalar[T any] struct {
	to     *T
	parse  func(string) (T, error)
	format func(T) string
}

func (v scalar[T]) set(text string) error {
	parsed, err := v.parse(text)
	if err != nil {
		return err
	}
	*v.to = parsed
	return nil
}

func (v scalar[T]) String() string { return v.format(*v.to) }

// list is a value that is either a YAML list or a comma separated text.
type list struct {
	to    *[]string
	check func(item string) error
}

func (v list) set(text string) error { return v.setItems(strings.Split(text, ",")) }

// setItems takes the items with blanks trimmed, each once, without empty ones.
func (v list) setItems(items []string) error {
	var out []string
	for _, item := range items {
		item = strings.TrimSpace(item)
		if item == "" || slices.Contains(out, item) {
			continue
		}
		if err := v.check(item); err != nil {
			return &itemError{item, err}
		}
		out = append(out, item)
	}
	*v.to = out
	return nil
}

// itemError says which item of a list is wrong.
type itemError struct {
	item string
	err  error
}

func (e *itemError) Error() string { return e.err.Error() }

func (v list) String() string { return strings.Join(*v.to, ",") }

// cookies is a value that is a YAML mapping of names to secrets.
type cookies struct{ to *map[string]Secret }

var errNotAMapping = errors.New("must be a mapping of names to values")

func (v cookies) set(string) error { return errNotAMapping }

// Names of cookies are tokens, and their values must not end the cookie or the
// header (RFC 6265, section 4.1.1; browsers and Magento allow a blank and a comma).
var cookieName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func (v cookies) setCookie(name, text string) error {
	if !cookieName.MatchString(name) {
		return errors.New("is not a name that a cookie can have")
	}
	if strings.Contains(text, ";") || hasControl(text) {
		return errors.New("must hold no ; and no control character")
	}
	if *v.to == nil {
		*v.to = map[string]Secret{}
	}
	(*v.to)[name] = Secret(text)
	return nil
}

func (v cookies) String() string {
	if len(*v.to) == 0 {
		return ""
	}
	return redacted
}

func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func asIs(text string) string { return text }

func text(to *string, check func(string) error) value {
	return scalar[string]{to, checked(check), asIs}
}

func checked(check func(string) error) func(string) (string, error) {
	return func(text string) (string, error) { return text, check(text) }
}

func secret(to *Secret, check func(string) error) value {
	parse := func(text string) (Secret, error) { return Secret(text), check(text) }
	return scalar[Secret]{to, parse, Secret.String}
}

func boolean(to *bool) value {
	parse := func(text string) (bool, error) {
		switch text {
		case "true", "True", "TRUE":
			return true, nil
		case "false", "False", "FALSE":
			return false, nil
		}
		return false, errors.New("must be true or false")
	}
	return scalar[bool]{to, parse, strconv.FormatBool}
}

func whole[T int | int64](to *T, low, high T) value {
	parse := func(text string) (T, error) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < int64(low) || n > int64(high) {
			if int64(high) == math.MaxInt64 {
				return 0, fmt.Errorf("must be a whole number of %d or more", low)
			}
			return 0, fmt.Errorf("must be a whole number from %d to %d", low, high)
		}
		return T(n), nil
	}
	return scalar[T]{to, parse, func(n T) string { return strconv.FormatInt(int64(n), 10) }}
}

// number is a decimal of 0 or more, at most high.
func number(to *float64, high float64) value {
	parse := func(text string) (float64, error) {
		f, err := strconv.ParseFloat(text, 64)
		if err == nil && f >= 0 && f <= high && !math.IsInf(f, 0) {
			return f, nil
		}
		if math.IsInf(high, 1) {
			return 0, errors.New("must be a number of 0 or more")
		}
		return 0, fmt.Errorf("must be a number from 0 to %v", high)
	}
	return scalar[float64]{to, parse, func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }}
}

// duration is longer than 0, or also 0 with zero.
func duration(to *time.Duration, zero bool) value {
	parse := func(text string) (time.Duration, error) {
		d, err := time.ParseDuration(text)
		switch {
		case err != nil:
			return 0, errors.New("must be a duration such as 30s, 10m or 24h")
		case zero && d < 0:
			return 0, errors.New("must be a duration of 0 or longer")
		case !zero && d <= 0:
			return 0, errors.New("must be a duration longer than 0")
		}
		return d, nil
	}
	return scalar[time.Duration]{to, parse, formatDuration}
}

// formatDuration writes 24h where Duration.String writes 24h0m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// instant is a moment in UTC; empty is none.
func instant(to *time.Time) value {
	parse := func(text string) (time.Time, error) {
		if text == "" {
			return time.Time{}, nil
		}
		for _, layout := range []string{time.DateOnly, time.DateTime, time.RFC3339} {
			if t, err := time.Parse(layout, text); err == nil && !t.IsZero() {
				return t.UTC(), nil
			}
		}
		return time.Time{}, errors.New("must be a date such as 2024-01-31, or a time such as 2024-01-31 09:15:00 (UTC) or 2024-01-31T09:15:00+01:00")
	}
	return scalar[time.Time]{to, parse, func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339Nano)
	}}
}

func oneOf(to *string, words ...string) value {
	return text(to, func(word string) error {
		if slices.Contains(words, word) {
			return nil
		}
		return fmt.Errorf("must be %s", strings.Join(words, " or "))
	})
}
