package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// reader fills a Config from a YAML document through the table of settings, and
// goes on after a problem so that one reading finds all of them.
type reader struct {
	expander
	settings map[string]setting
	sections map[string][]string // names of each section's settings, "" the top
	// written is where each setting's value is in the file.
	written  map[string]ast.Node
	problems []Problem
	// unset are the problems of variables and files that are not there: the
	// ones that can be forgiven.
	unset []Problem
}

func newReader(c *Config, x expander) *reader {
	r := &reader{
		expander: x,
		settings: map[string]setting{},
		sections: map[string][]string{},
		written:  map[string]ast.Node{},
	}
	for _, s := range c.settings() {
		r.settings[s.name] = s
		section, key, nested := strings.Cut(s.name, ".")
		if !nested {
			section, key = "", s.name
		}
		r.sections[section] = append(r.sections[section], key)
	}
	for section := range r.sections {
		if section != "" {
			r.sections[""] = append(r.sections[""], section)
		}
	}
	return r
}

func (r *reader) report(node ast.Node, setting, format string, args ...any) {
	r.problems = append(r.problems, at(node, setting, fmt.Sprintf(format, args...)))
}

func (r *reader) document(root ast.Node) {
	if root != nil {
		r.section("", root)
	}
}

// section reads a mapping whose keys are settings, or at the top also sections.
func (r *reader) section(section string, node ast.Node) {
	prefix := ""
	if section != "" {
		prefix = section + "."
	}
	r.eachEntry(section, node, func(key string, keyNode, value ast.Node) {
		name := prefix + key
		if s, ok := r.settings[name]; ok && !strings.Contains(key, ".") {
			r.setting(s, value)
			return
		}
		if section == "" && key != "" && r.sections[key] != nil {
			if !unwritten(value) {
				r.section(key, value)
			}
			return
		}
		r.report(keyNode, name, "unknown setting %s%s", printableName(name), r.hint(section, key))
	})
}

// eachEntry goes through a mapping, and reports what cannot be a key.
func (r *reader) eachEntry(name string, node ast.Node, visit func(key string, keyNode, value ast.Node)) {
	values, ok := entries(node)
	if !ok {
		what := "the configuration"
		if name != "" {
			what = name
		}
		r.report(node, name, "%s must be a mapping of names to values", what)
		return
	}
	lines := map[string]int{}
	for _, entry := range values {
		key, err := scalarText(entry.Key)
		if err != nil {
			r.report(entry.Key, name, "a key %s", err)
			continue
		}
		if first, twice := lines[key]; twice {
			r.report(entry.Key, join(name, key), "%s is set twice, first in line %d", printableName(join(name, key)), first)
			continue
		}
		lines[key], _ = place(entry.Key.GetToken())
		visit(key, entry.Key, entry.Value)
	}
}

func join(section, key string) string {
	if section == "" {
		return key
	}
	return section + "." + key
}

// hint names the setting that an unknown key was most likely meant to be.
func (r *reader) hint(section, key string) string {
	if _, ok := r.settings[key]; ok && section == "" { // written with its section and a dot
		section, key, _ = strings.Cut(key, ".")
		return fmt.Sprintf(" (write %s under %s:)", key, section)
	}
	for _, other := range slices.Sorted(maps.Keys(r.sections)) {
		if other != section && slices.Contains(r.sections[other], key) {
			return fmt.Sprintf(" (did you mean %s?)", join(other, key))
		}
	}
	if near := nearest(key, r.sections[section]); near != "" {
		return fmt.Sprintf(" (did you mean %s?)", near)
	}
	return ""
}

// setting reads one value. A key without a value leaves the default.
func (r *reader) setting(s setting, node ast.Node) {
	if unwritten(node) {
		return
	}
	r.written[s.name] = node
	switch v := s.value.(type) {
	case cookies:
		r.cookies(s, v, node)
	case list:
		if items, ok := node.(*ast.SequenceNode); ok {
			r.items(s, v, items)
			return
		}
		r.scalar(s, node, v.set)
	default:
		r.scalar(s, node, v.set)
	}
}

// scalar expands a single value and hands it on.
func (r *reader) scalar(s setting, node ast.Node, set func(string) error) {
	raw, err := scalarText(node)
	if err != nil {
		r.report(node, s.name, "%s %s", s.name, err)
		return
	}
	text, changed, err := r.expand(raw)
	if err != nil {
		p := at(node, s.name, s.name+" "+err.Error())
		var unset *unsetError
		if errors.As(err, &unset) {
			p.Unset = unset.name
			r.unset = append(r.unset, p)
		} else {
			r.problems = append(r.problems, p)
		}
		return
	}
	if err := set(text); err != nil {
		r.report(node, s.name, "%s %s%s", s.name, err, r.instead(s, raw, changed, err))
	}
}

// instead says what was written instead, as far as it cannot be a secret: of a
// value that came from elsewhere only where it came from.
func (r *reader) instead(s setting, raw string, changed bool, err error) string {
	var item *itemError
	switch {
	case s.secret || s.hidden:
		return ""
	case changed:
		return ", not the value of " + printable(raw)
	case errors.As(err, &item):
		return ", not " + printable(item.item)
	default:
		return ", not " + printable(raw)
	}
}

func (r *reader) items(s setting, v list, node *ast.SequenceNode) {
	var items []string
	for _, element := range node.Values {
		if unwritten(element) {
			continue
		}
		r.scalar(s, element, func(text string) error {
			items = append(items, text)
			return v.setItems(items[len(items)-1:])
		})
	}
	// A wrong item has been reported at its place.
	_ = v.setItems(items)
}

func (r *reader) cookies(s setting, v cookies, node ast.Node) {
	r.eachEntry(s.name, node, func(name string, key, value ast.Node) {
		one := s
		one.name = printableName(join(s.name, name))
		if unwritten(value) {
			r.report(key, one.name, "%s has no value", one.name)
			return
		}
		r.scalar(one, value, func(text string) error { return v.setCookie(name, text) })
	})
}

// forgive drops the missing variables and files of settings that nobody needs,
// and counts the others.
func (r *reader) forgive(needless func(setting string) bool) {
	for _, p := range r.unset {
		if !needless(p.Setting) {
			r.problems = append(r.problems, p)
		}
	}
}

// failed tells whether a problem of a setting is known already.
func (r *reader) failed(setting string) bool {
	for _, p := range r.problems {
		if p.Setting == setting {
			return true
		}
	}
	return false
}

// printableName is a name with its section, in quotes if it needs them.
func printableName(name string) string {
	quoted := printable(name)
	if bare := quoted[1 : len(quoted)-1]; bare == name && !strings.ContainsAny(name, " :,") {
		return name
	}
	return quoted
}
