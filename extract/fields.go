package extract

import (
	"bytes"
	"encoding/json"
	"fmt"
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
			return tree.cut(body)
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

func (t fieldTree) cut(raw json.RawMessage) (json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	if len(t) == 0 || len(raw) == 0 {
		return raw, nil
	}
	switch raw[0] {
	case '[':
		var list []json.RawMessage
		if err := json.Unmarshal(raw, &list); err != nil {
			return nil, fmt.Errorf("cut the answer to what was asked for: %w", err)
		}
		for i := range list {
			item, err := t.cut(list[i])
			if err != nil {
				return nil, err
			}
			list[i] = item
		}
		return json.Marshal(list)
	case '{':
		var object map[string]json.RawMessage
		if err := json.Unmarshal(raw, &object); err != nil {
			return nil, fmt.Errorf("cut the answer to what was asked for: %w", err)
		}
		kept := map[string]json.RawMessage{}
		for name, below := range t {
			value, ok := object[name]
			if !ok {
				continue
			}
			value, err := below.cut(value)
			if err != nil {
				return nil, err
			}
			kept[name] = value
		}
		return json.Marshal(kept)
	}
	return raw, nil
}
