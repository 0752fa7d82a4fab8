package extract

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"magento-optiply/magento"
)

// fieldTree is a fields= expression, such as items[id,items[sku]],total_count: what is asked for, by name. An empty tree
// asks for all.
type fieldTree map[string]fieldTree

// parseFields reads an expression of ours.
func parseFields(expression string) fieldTree {
	tree, _ := parseLevel(expression)
	return tree
}

func parseLevel(s string) (tree fieldTree, rest string) {
	tree = fieldTree{}
	for s != "" {
		end := strings.IndexAny(s, ",[]")
		if end < 0 {
			tree[s] = nil
			return tree, ""
		}
		name, sign := s[:end], s[end]
		s = s[end+1:]
		if name != "" {
			tree[name] = nil
		}
		switch sign {
		case '[':
			tree[name], s = parseLevel(s)
		case ']':
			return tree, s
		}
	}
	return tree, ""
}

// onlyAsked cuts an answer down to what fields= asked for, where the shop, or something before it, does not know that
// parameter and sent whole records: the names and addresses of customers must not reach a run file (invariant 6). Magento
// itself answers fields= (recorded: b-fields-products), and then without the search_criteria that shows the difference; a shop that
// leaves that out too is known by its first record.
func onlyAsked(body []byte, query magento.Query) ([]byte, error) {
	for _, p := range query {
		if p.Name != "fields" {
			continue
		}
		if tree := parseFields(p.Value); bytes.Contains(body, []byte(`"search_criteria"`)) || tree["items"].lacks(firstItem(body)) {
			return tree.cut(body), nil
		}
	}
	return body, nil
}

// firstItem is the first record of a page; nil where there is none.
func firstItem(body []byte) (item json.RawMessage) {
	d := json.NewDecoder(bytes.NewReader(body))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil
	}
	for d.More() {
		if name, err := d.Token(); err != nil || name != "items" {
			if err != nil || d.Decode(new(json.RawMessage)) != nil {
				return nil
			}
			continue
		}
		if token, err := d.Token(); err != nil || token != json.Delim('[') || !d.More() || d.Decode(&item) != nil {
			return nil
		}
		return item
	}
	return nil
}

// lacks tells whether a record has members that were not asked for.
func (t fieldTree) lacks(item json.RawMessage) bool {
	var list []json.RawMessage
	var object map[string]json.RawMessage
	switch {
	case len(t) == 0 || len(item) == 0:
		return false
	case json.Unmarshal(item, &list) == nil:
		return slices.ContainsFunc(list, t.lacks)
	case json.Unmarshal(item, &object) != nil:
		return false
	}
	for name, value := range object {
		if below, asked := t[name]; !asked || below.lacks(value) {
			return true
		}
	}
	return false
}

// cut leaves of a valid answer what was asked for.
func (t fieldTree) cut(body []byte) []byte { return t.cutter().cut(nil, bytes.TrimSpace(body)) }

// cutter copies what was asked for out of an answer, the members of an object in the order of their names. Nothing is decoded:
// whole records are ten times as long as what is kept of them.
type cutter struct {
	names []string
	below []cutter
}

func (t fieldTree) cutter() cutter {
	var c cutter
	for _, name := range slices.Sorted(maps.Keys(t)) {
		c.names, c.below = append(c.names, name), append(c.below, t[name].cutter())
	}
	return c
}

// cut appends what is asked for of a value, which is valid JSON.
func (c cutter) cut(out, value []byte) []byte {
	switch {
	case len(c.names) == 0 || len(value) == 0:
		return append(out, value...)
	case value[0] == '[':
		out = append(out, '[')
		first := true
		magento.Elements(value, func(element []byte) bool {
			out = c.cut(comma(out, first), element)
			first = false
			return true
		})
		return append(out, ']')
	case value[0] == '{':
		return c.cutMembers(out, value)
	}
	return append(out, value...)
}

func (c cutter) cutMembers(out, object []byte) []byte {
	values := make([][]byte, len(c.names))
	magento.Members(object, func(name, value []byte) bool {
		if i, asked := slices.BinarySearch(c.names, string(name)); asked {
			values[i] = value // the last, should it be there twice
		}
		return true
	})
	out = append(out, '{')
	first := true
	for i, value := range values {
		if value != nil {
			out = append(append(append(comma(out, first), '"'), c.names[i]...), '"', ':')
			out = c.below[i].cut(out, value)
			first = false
		}
	}
	return append(out, '}')
}

func comma(out []byte, first bool) []byte {
	if first {
		return out
	}
	return append(out, ',')
}
