package extract

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"magento-optiply/config"
)

// row is a stream as the README's table tells of it.
func (s stream) row() string {
	paging, cursor, byStore := string(s.paging), "whole each time", "no"
	if s.column != "" {
		paging = fmt.Sprintf("%s, by `%s`", s.paging, s.column)
	}
	if s.window {
		cursor = "`updated_at`"
	}
	if s.name == "products" {
		cursor = "`updated_at`; whole once in `full_every`"
	}
	if s.byStore {
		byStore = "yes"
	}
	return fmt.Sprintf("| `%s` | `%s` | `%s` | %s | %s | %s | %s |", s.name, s.path, s.key, paging, cursor, byStore, s.people)
}

func TestStreams_TheREADMETellsOfEach(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	_, table, _ := strings.Cut(string(text), "| stream | path below `/V1/` |")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.SplitSeq(table, "\n") {
		if strings.HasPrefix(line, "| `") {
			rows = append(rows, line)
		}
	}
	for _, s := range streams {
		if !slices.Contains(rows, s.row()) {
			t.Errorf("the README's table lacks this row:\n%s", s.row())
		}
	}
	if len(rows) != len(streams) {
		t.Errorf("the README's table has %d rows, and there are %d streams", len(rows), len(streams))
	}
}

func TestStreams_AreThoseOfTheConfiguration(t *testing.T) {
	if known, settable := KnownStreams(), config.StreamNames(); !slices.Equal(known, settable) {
		t.Errorf("--streams knows %q, magento.streams %q", known, settable)
	}
}

// What says that it holds no personal data must not ask for any (invariant 6).
func TestStreams_OnlyThoseThatAreNamedAskForPeople(t *testing.T) {
	person := []string{"firstname", "lastname", "middlename", "email", "telephone", "phone", "street", "address", "addresses", "postcode", "city", "dob", "taxvat", "customer",
		"customer_email", "remote_ip", "comments", "comment", "customer_note", "extension_attributes", "custom_attributes"}
	never := []string{"addresses", "dob", "taxvat", "gender", "custom_attributes", "extension_attributes", "default_billing"}
	for _, s := range streams {
		forbidden := person
		if s.people == holds {
			forbidden = never
		}
		asked := strings.FieldsFunc(s.fields, func(r rune) bool { return strings.ContainsRune("[],", r) })
		for _, word := range forbidden {
			if slices.Contains(asked, word) {
				t.Errorf("%s asks for %s", s.name, word)
			}
		}
		if s.extra && len(asked) < 5 {
			t.Errorf("%s names no fields, so all would be asked for", s.name)
		}
	}
}
