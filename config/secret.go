package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is text that prints as *** in every form (DESIGN.md, invariant 6). An
// unset secret prints as nothing, so that a missing one can be seen.
//
// fmt cannot call the methods of a value in an unexported field: a struct that
// keeps a secret for itself must not be printed, or needs a String of its own.
type Secret string

const redacted = "***"

// Reveal is the secret itself, for the one place that sends it.
func (s Secret) Reveal() string { return string(s) }

// String is *** or, when the secret is not set, nothing.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString keeps %#v from showing the secret.
func (s Secret) GoString() string { return `config.Secret("` + s.String() + `")` }

// Format covers every verb: fmt shows the bare value for a verb that does not
// fit the type, such as %d, whatever String says.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'v' && f.Flag('#') {
		text = s.GoString()
	}
	io.WriteString(f, text) // fmt reports its own write errors
}

// MarshalText redacts JSON, YAML and every other text encoding.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue redacts the secret in log lines.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
