package magentotest

import (
	"net/url"
	"strconv"
	"strings"
)

// node is a request parameter as PHP reads it: a text, or named parts in the order they came.
type node struct {
	text  string
	names []string
	parts map[string]*node
}

// maxNesting is PHP's max_input_nesting_level; parameters nested deeper are dropped.
const maxNesting = 64

// parseQuery reads a query string as PHP does: `a[b][0]=x` nests, `a[]=x` appends, `+` and `%20` are spaces, brackets may be
// percent-encoded, and a percent sign that encodes nothing is one. [obs: b-filter-encodedbrackets, -updated-plus]
func parseQuery(query string) *node {
	root := &node{}
	for pair := range strings.SplitSeq(query, "&") {
		name, text, _ := strings.Cut(pair, "=")
		path := namePath(unescape(name))
		if path == nil || len(path) > maxNesting {
			continue
		}
		at := root
		for _, part := range path {
			at = at.child(part)
		}
		*at = node{text: unescape(text)}
	}
	return root
}

// namePath splits `a[b][c]` into its parts. What follows a bracket that is never closed is dropped.
func namePath(name string) []string {
	name = strings.TrimLeft(name, " ")
	first, rest, nested := strings.Cut(name, "[")
	if first == "" {
		return nil
	}
	path := []string{first}
	for nested {
		var part string
		if part, rest, nested = strings.Cut(rest, "]"); !nested {
			break
		}
		path = append(path, part)
		nested = strings.HasPrefix(rest, "[")
		rest = strings.TrimPrefix(rest, "[")
	}
	return path
}

// child returns the part of that name, made if need be; an empty name appends one.
func (n *node) child(name string) *node {
	if name == "" {
		name = strconv.Itoa(len(n.names))
	}
	if n.parts == nil {
		n.parts = map[string]*node{}
	}
	if n.parts[name] == nil {
		n.parts[name] = &node{}
		n.names = append(n.names, name)
	}
	return n.parts[name]
}

// each calls f for every part in order.
func (n *node) each(f func(name string, part *node)) {
	for _, name := range n.names {
		f(name, n.parts[name])
	}
}

// first returns the part with one of the names, nil when there is none. Magento takes camelCase and snake_case alike.
// [obs: b-filter-snake]
func (n *node) first(names ...string) *node {
	for _, name := range names {
		if n.parts[name] != nil {
			return n.parts[name]
		}
	}
	return nil
}

// unescape decodes percent-encoding and `+`, and leaves alone what is no encoding.
func unescape(text string) string {
	if decoded, err := url.QueryUnescape(text); err == nil {
		return decoded
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if decoded, err := url.QueryUnescape(text[i : i+3]); err == nil {
				out.WriteString(decoded)
				i += 2
				continue
			}
		}
		if text[i] == '+' {
			out.WriteByte(' ')
		} else {
			out.WriteByte(text[i])
		}
	}
	return out.String()
}
