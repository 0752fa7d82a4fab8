package magentotest

import "strings"

// fieldTree is a `fields=` expression: a name with nil is wanted whole, a name with a tree only in part.
type fieldTree map[string]fieldTree

// parseFields reads `items[id,sku,extension_attributes[website_ids]],total_count`. It is not ok when a bracket is left
// open or a character is none of letters, digits, underscore, bracket and comma; Magento then answers `[]`. [obs:
// b-fields-broken; src: Webapi/Rest/Response/FieldsFilter]
func parseFields(expression string) (fieldTree, bool) {
	type level struct {
		tree fieldTree
		name string // of the tree in the level above
	}
	current := level{tree: fieldTree{}}
	var above []level
	last := "" // the name before a bracket
	name := ""
	end := func() {
		if name != "" {
			current.tree[name] = nil
			last, name = name, ""
		}
	}
	for i := 0; i < len(expression); i++ {
		switch c := expression[i]; {
		case c == '[':
			end()
			above = append(above, current)
			current = level{tree: fieldTree{}, name: last}
		case c == ']':
			end()
			closed := current
			if len(above) == 0 { // PHP pops an empty stack: all that was wanted so far is lost
				current = level{tree: fieldTree{"": closed.tree}}
				continue
			}
			current = above[len(above)-1]
			above = above[:len(above)-1]
			current.tree[closed.name] = closed.tree
		case c == ',':
			end()
		case isWord(c):
			name += string(c)
		default:
			return nil, false
		}
	}
	end()
	return current.tree, len(above) == 0
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// selectFields keeps of an answer what the tree names, in the answer's own order. An empty list becomes null and an
// object of which nothing is left `[]`, PHP's empty array. [obs: b-fields-unknown, b-fields-empty-page] It is not ok
// where PHP fails with a type error: a list of plain values of which parts are wanted. [src]
func selectFields(answer []byte, tree fieldTree) (selected []byte, ok bool) {
	s := selector{ok: true}
	s.container(answer, tree)
	return s.out, s.ok
}

type selector struct {
	out []byte
	ok  bool
}

func (s *selector) container(value []byte, tree fieldTree) {
	if len(value) <= 2 { // {} or []
		s.out = append(s.out, "null"...)
		return
	}
	if isObject(value) {
		s.object(value, tree)
		return
	}
	s.out = append(s.out, '[')
	count := 0
	eachElement(value, func(element []byte) bool {
		s.out = comma(s.out, count)
		count++
		switch {
		case isObject(element):
			s.object(element, tree)
		case isArray(element):
			s.out = append(s.out, "[]"...)
		default:
			s.ok = false
		}
		return s.ok
	})
	s.out = append(s.out, ']')
}

func (s *selector) object(object []byte, tree fieldTree) {
	start, count := len(s.out), 0
	s.out = append(s.out, '{')
	eachMember(object, func(key string, value []byte) bool {
		sub, wanted := tree[key]
		if !wanted {
			return true
		}
		s.out = append(appendString(comma(s.out, count), key), ':')
		count++
		if sub != nil && (isObject(value) || isArray(value)) {
			s.container(value, sub)
		} else {
			s.out = append(s.out, value...)
		}
		return s.ok
	})
	if count == 0 {
		s.out = append(s.out[:start], "[]"...)
		return
	}
	s.out = append(s.out, '}')
}

// withFields applies a request's `fields=` to an answer; an empty one asks for everything.
func withFields(a *answer, expression string) *answer {
	if a.status != 200 || strings.Trim(expression, " ") == "" || !isObject(a.body) && !isArray(a.body) {
		return a
	}
	tree, ok := parseFields(expression)
	if !ok {
		return jsonAnswer(200, []byte("[]"))
	}
	selected, ok := selectFields(a.body, tree)
	if !ok {
		return applicationError()
	}
	return jsonAnswer(200, selected)
}
