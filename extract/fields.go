package extract

import (
	"bytes"
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

// onlyAsked cuts answers down to what fields= asked for, where the shop, or something before it, does not know that parameter and
// sent whole records: the names and addresses of customers must not reach a run file (invariant 6). Magento itself answers fields=
// (recorded: b-fields-products), and then without the search_criteria that shows the difference; a shop that leaves that out too is
// known by its first record. It is for Client.GetKept: ok where an answer was cut, which then is JSON. nil: all was asked for.
func onlyAsked(query magento.Query) func(body []byte) (kept []byte, ok bool) {
	for _, p := range query {
		if p.Name == "fields" {
			tree := parseFields(p.Value)
			cutter := tree.cutter()
			return func(body []byte) ([]byte, bool) {
				if first, listed := firstItem(body); listed && (tree["items"].lacks(first) || bytes.Contains(body, []byte(`"search_criteria"`))) {
					return cutter.whole(body)
				}
				return nil, false
			}
		}
	}
	return nil
}

// firstItem is what begins with the first record of a page, empty where there is none. listed is false where there is no list of
// records. What is before it is checked to be JSON, and nothing else.
func firstItem(body []byte) (item []byte, listed bool) {
	magento.Walk(bytes.TrimSpace(body), func(name, rest []byte) int {
		if string(name) != "items" {
			return 0
		}
		if listed = rest[0] == '['; listed {
			magento.Walk(rest, func(_, rest []byte) int {
				item = rest
				return -1
			})
		}
		return -1
	})
	return item, listed
}

// lacks tells whether the record that value begins with has members that were not asked for.
func (t fieldTree) lacks(value []byte) (lacks bool) {
	if len(t) == 0 || len(value) == 0 {
		return false
	}
	list := value[0] == '['
	magento.Walk(value, func(name, rest []byte) int {
		if list {
			lacks = t.lacks(rest)
		} else if below, asked := t[string(name)]; !asked || below.lacks(rest) {
			lacks = true
		}
		if lacks {
			return -1 // enough
		}
		return 0
	})
	return lacks
}

// cut leaves of a valid answer what was asked for.
func (t fieldTree) cut(body []byte) []byte {
	out, _ := t.cutter().whole(body)
	return out
}

// whole cuts an answer; ok is false where it is no JSON.
func (c *cutter) whole(body []byte) (kept []byte, ok bool) {
	body = bytes.TrimSpace(body)
	kept, length := c.cut(make([]byte, 0, len(body)/8), body)
	return kept, length == len(body)
}

// cutter copies what was asked for out of an answer, the members of an object in the order of their names. Nothing is decoded, and
// nothing looked at twice: whole records are twenty times as long as what is kept of them.
type cutter struct {
	names  []string
	below  []cutter
	length [longestName + 1][]int // which names are so long
}

// longestName is how long a name may be that is asked for.
const longestName = 64

func (t fieldTree) cutter() *cutter {
	c := &cutter{}
	for i, name := range slices.Sorted(maps.Keys(t)) {
		c.names, c.below = append(c.names, name), append(c.below, *t[name].cutter())
		n := min(len(name), longestName)
		c.length[n] = append(c.length[n], i)
	}
	return c
}

// find is the number of a name; -1 where it is not asked for.
func (c *cutter) find(name []byte) int {
	for _, i := range c.length[min(len(name), longestName)] {
		if c.names[i] == string(name) {
			return i
		}
	}
	return -1
}

// cut appends what is asked for of the value that value begins with, and returns how long that value is; -1 where it is no JSON.
func (c *cutter) cut(out, value []byte) (_ []byte, length int) {
	switch {
	case len(c.names) > 0 && len(value) > 0 && value[0] == '[':
		out = append(out, '[')
		first := true
		length = magento.Walk(value, func(_, rest []byte) (n int) {
			out, n = c.cut(comma(out, first), rest)
			first = false
			return n
		})
		return append(out, ']'), length
	case len(c.names) > 0 && len(value) > 0 && value[0] == '{':
		return c.cutMembers(out, value)
	}
	length = magento.ValueLength(value)
	return append(out, value[:max(length, 0)]...), length
}

// piece is where a member's value is in what was cut so far.
type piece struct{ from, to int }

// cutMembers appends the values as they come, then the object behind them, and moves that to where they began.
func (c *cutter) cutMembers(out, object []byte) (_ []byte, length int) {
	var few [16]piece
	values := few[:min(len(c.names), len(few))]
	if len(c.names) > len(few) {
		values = make([]piece, len(c.names))
	}
	begin := len(out)
	length = magento.Walk(object, func(name, rest []byte) (n int) {
		i := c.find(name)
		if i < 0 {
			return 0
		}
		from := len(out)
		out, n = c.below[i].cut(out, rest)
		values[i] = piece{from, len(out)} // the last, should it be there twice
		return n
	})
	behind := len(out)
	out = append(out, '{')
	first := true
	for i, value := range values {
		if value.to > 0 {
			out = append(append(append(comma(out, first), '"'), c.names[i]...), '"', ':')
			out = append(out, out[value.from:value.to]...)
			first = false
		}
	}
	out = append(out, '}')
	return append(out[:begin], out[behind:]...), length
}

func comma(out []byte, first bool) []byte {
	if first {
		return out
	}
	return append(out, ',')
}
