package config

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Written is the value of a setting in a file that is to be written.
type Written struct {
	Text string
	// Reference says that Text is ${NAME} or ${file:PATH}, to be put in when the file is read; else ${ stands for itself.
	Reference bool
}

// cookiePrefix names a cookie among the settings of Fill.
const cookiePrefix = "magento.custom_cookies."

var (
	exampleLine = regexp.MustCompile(`^( *)([A-Za-z_]+):([^#]*?)( +#.*)?$`)
)

// Fill is the example file with other values: a commented configuration of every setting. Settings have their names with the
// section, cookies magento.custom_cookies.NAME. It does not judge the values; Parse does.
func Fill(values map[string]Written) (string, error) {
	left := maps.Clone(values)
	var b strings.Builder
	section := ""
	for line := range strings.Lines(Example()) {
		line = strings.TrimSuffix(line, "\n")
		m := exampleLine.FindStringSubmatch(line)
		if m == nil {
			b.WriteString(line + "\n")
			continue
		}
		name := m[2]
		if m[1] == "" {
			section = name
		} else {
			name = section + "." + name
		}
		value, given := left[name]
		delete(left, name)
		if name+"." == cookiePrefix && hasCookies(left) {
			b.WriteString(m[1] + m[2] + ":" + comment(line, len(m[1]+m[2])+1, m[4]) + "\n")
			writeCookies(&b, m[1], left)
			continue
		}
		if given {
			start := m[1] + m[2] + ":" + value.yaml()
			line = start + comment(line, len(start), m[4])
		}
		b.WriteString(line + "\n")
	}
	for _, name := range slices.Sorted(maps.Keys(left)) {
		return "", fmt.Errorf("there is no setting %s%s", name, suggestion(name))
	}
	return b.String(), nil
}

func suggestion(name string) string {
	var known []string
	for _, s := range Default().settings() {
		known = append(known, s.name)
		if _, key, _ := strings.Cut(s.name, "."); key == name {
			return fmt.Sprintf(" (did you mean %s?)", s.name)
		}
	}
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf(" (did you mean %s?)", near)
	}
	return ""
}

// comment is a line's comment, where it stood if there is room.
func comment(line string, at int, text string) string {
	text = strings.TrimLeft(text, " ")
	if text == "" {
		return ""
	}
	return strings.Repeat(" ", max(strings.Index(line, text)-at, 2)) + text
}

func (w Written) yaml() string {
	switch {
	case w.Reference:
		return " " + w.Text
	case w.Text == "":
		return ""
	}
	return yamlText(w.Text)
}

func hasCookies(values map[string]Written) bool {
	for name := range values {
		if strings.HasPrefix(name, cookiePrefix) {
			return true
		}
	}
	return false
}

func writeCookies(b *strings.Builder, indent string, values map[string]Written) {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if cookie, ok := strings.CutPrefix(name, cookiePrefix); ok {
			fmt.Fprintf(b, "%s  %s:%s\n", indent, strings.TrimSpace(yamlText(cookie)), values[name].yaml())
			delete(values, name)
		}
	}
}

// CheckSetting judges one value as the file's reader would. The error reads on after the setting's name, and names an unknown
// setting itself.
func CheckSetting(name, text string) error {
	if cookie, ok := strings.CutPrefix(name, cookiePrefix); ok {
		return cookies{&map[string]Secret{}}.setCookie(cookie, text)
	}
	for _, s := range Default().settings() {
		if s.name == name {
			return s.value.set(text)
		}
	}
	return fmt.Errorf("is no setting%s", suggestion(name))
}

// IsSecret tells the settings whose values are never shown.
func IsSecret(name string) bool {
	if strings.HasPrefix(name, cookiePrefix) {
		return true
	}
	for _, s := range Default().settings() {
		if s.name == name {
			return s.secret
		}
	}
	return false
}

// sortNotes puts notes in the order of files and keys.
func sortNotes(notes []Note) {
	slices.SortStableFunc(notes, func(a, b Note) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Key, b.Key)) })
}
