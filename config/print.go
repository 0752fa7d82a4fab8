package config

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// plainText needs no quotes in YAML.
var plainText = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_./:+-]*[A-Za-z0-9/])?$`)

// YAML is the whole configuration as it was understood, as a file that can be
// read again, with secrets as ***.
func (c *Config) YAML() string {
	var b strings.Builder
	section := ""
	for _, s := range c.settings() {
		name, indent := s.name, ""
		if before, after, nested := strings.Cut(s.name, "."); nested {
			if before != section {
				section = before
				fmt.Fprintf(&b, "\n%s:\n", section)
			}
			name, indent = after, "  "
		}
		if v, ok := s.value.(cookies); ok {
			v.write(&b, indent, name)
			continue
		}
		fmt.Fprintf(&b, "%s%s:%s\n", indent, name, yamlText(s.value.String()))
	}
	return b.String()
}

// String keeps a configuration that is printed whole from showing a secret.
func (c *Config) String() string { return c.YAML() }

func (v cookies) write(b *strings.Builder, indent, name string) {
	if len(*v.to) == 0 {
		fmt.Fprintf(b, "%s%s: {}\n", indent, name)
		return
	}
	fmt.Fprintf(b, "%s%s:\n", indent, name)
	for _, cookie := range slices.Sorted(maps.Keys(*v.to)) {
		fmt.Fprintf(b, "%s  %s:%s\n", indent, strconv.Quote(cookie), yamlText((*v.to)[cookie].String()))
	}
}

// yamlText is a value after its colon, in quotes where YAML wants them: a bare
// *** would be an alias, and no text at all would mean the default.
func yamlText(text string) string {
	switch {
	case plainText.MatchString(text) && !strings.EqualFold(text, "null"):
		return " " + text
	default:
		return " " + strconv.Quote(strings.ReplaceAll(text, "${", "$${"))
	}
}

// printable is text from outside in an error: short, in quotes, on one line.
func printable(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "..."
	}
	return strconv.Quote(text)
}
