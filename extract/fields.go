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

// asked, nil where all is asked for, cuts one answer down to what fields= asked for, where the shop, or something before it, does not know that parameter and
// sent whole records: the names and addresses of customers must not reach a run file (invariant 6). Magento itself answers fields=
// (recorded: b-fields-products), and then without the search_criteria that shows the difference; a shop that leaves that out too is
// known by its first record.
type asked struct {
	tree   fieldTree
	cutter *cutter
	seen   bool // keep has decided about the answer
}

// onlyAsked is what fields= asks for; nil where all is asked for.
func onlyAsked(query magento.Query) *asked {
	for _, p := range query {
		if p.Name == "fields" {
			tree := parseFields(p.Value)
			return &asked{tree: tree, cutter: tree.cutter()}
		}
	}
	return nil
}

// keep is for Client.GetKept. It decides about an answer that has a list of records, and about no other: that can be an error of the
// shop's, which the client tells.
func (a *asked) keep(body []byte) (kept []byte, ok bool) {
	if a == nil {
		return nil, false
	}
	body = bytes.Trim(body, magento.Blanks)
	listed, more, length := a.look(body)
	switch {
	case !listed:
	case more:
		kept, ok = a.cutter.whole(body)
	default:
		ok = length == len(body)
	}
	a.seen = ok
	return kept, ok
}

// rest is what is kept of an answer that the client has found to be JSON. What keep has not decided about is cut where a decoder could
// find records in it: it takes "Items" for their list, and a name with escapes, and the second of two lists.
func (a *asked) rest(body []byte) []byte {
	if a == nil || a.seen {
		return body
	}
	records := false
	magento.Walk(bytes.Trim(body, magento.Blanks), magento.Deepest, func(name, _ []byte) int {
		records = records || bytes.EqualFold(name, []byte("items")) || bytes.IndexByte(name, '\\') >= 0
		return 0
	})
	if !records {
		return body
	}
	kept, _ := a.cutter.whole(body)
	return kept
}

// look goes through the outside of an answer until it finds more in it than was asked for. listed tells that there is a list of
// records, and length, where nothing more was found, how long the answer is; -1 where it is no JSON.
func (a *asked) look(body []byte) (listed, more bool, length int) {
	var before [16]bool
	length = magento.Walk(body, magento.Deepest, func(name, rest []byte) (length int) {
		i := a.cutter.find(name)
		if i < 0 || i >= len(before) || before[i] {
			more = true
		} else {
			before[i] = true
		}
		if string(name) == "items" && rest[0] == '[' {
			listed = true
			if more = more || a.firstLacks(rest); more {
				return -1 // enough
			}
		}
		return 0
	})
	return listed, more, length
}

// firstLacks tells whether the first record of a list has members that were not asked for.
func (a *asked) firstLacks(list []byte) (lacks bool) {
	magento.Walk(list, magento.Deepest-1, func(_, record []byte) int {
		lacks, _ = a.tree["items"].lacks(record, magento.Deepest-2)
		return -1
	})
	return lacks
}

// lacks tells whether the value that is given has members that were not asked for. Where it has none it returns how long the value is.
func (t fieldTree) lacks(value []byte, deep int) (lacks bool, length int) {
	if len(t) == 0 || len(value) == 0 || value[0] != '[' && value[0] != '{' {
		return false, magento.ValueLength(value, deep)
	}
	list := value[0] == '['
	length = magento.Walk(value, deep, func(name, rest []byte) (length int) {
		below, asked := t, true
		if !list {
			below, asked = t[string(name)]
		}
		if !asked {
			lacks = true
		} else {
			lacks, length = below.lacks(rest, deep-1)
		}
		if lacks {
			return -1 // enough
		}
		return length
	})
	return lacks, length
}

// cut leaves of an answer that is JSON what was asked for.
func (t fieldTree) cut(body []byte) []byte {
	out, _ := t.cutter().whole(body)
	return out
}

// whole cuts an answer; ok is false where it is no JSON.
func (c *cutter) whole(body []byte) (kept []byte, ok bool) {
	body = bytes.Trim(body, magento.Blanks)
	kept, length := c.cut(make([]byte, 0, len(body)/8), body, magento.Deepest)
	return kept, length == len(body)
}

// cutter copies what was asked for out of an answer, the members of an object in the order of their names. Nothing is decoded, and
// the first record alone looked at twice: whole records are twenty times as long as what is kept of them.
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

// cut appends what is asked for of the value that value begins with, and returns how long that value is; -1 where it is no JSON, or
// has so many brackets in each other.
func (c *cutter) cut(out, value []byte, deep int) (_ []byte, length int) {
	switch {
	case len(c.names) > 0 && len(value) > 0 && value[0] == '[':
		out = append(out, '[')
		first := true
		length = magento.Walk(value, deep, func(_, rest []byte) (n int) {
			out, n = c.cut(comma(out, first), rest, deep-1)
			first = false
			return n
		})
		return append(out, ']'), length
	case len(c.names) > 0 && len(value) > 0 && value[0] == '{':
		return c.cutMembers(out, value, deep)
	}
	length = magento.ValueLength(value, deep)
	return append(out, value[:max(length, 0)]...), length
}

// piece is where a member's value is in what was cut so far.
type piece struct{ from, to int }

// cutMembers appends the values as they come, then the object behind them, and moves that to where they began.
func (c *cutter) cutMembers(out, object []byte, deep int) (_ []byte, length int) {
	var few [16]piece
	values := few[:min(len(c.names), len(few))]
	if len(c.names) > len(few) {
		values = make([]piece, len(c.names))
	}
	begin := len(out)
	length = magento.Walk(object, deep, func(name, rest []byte) (n int) {
		i := c.find(name)
		if i < 0 {
			return 0
		}
		from := len(out)
		out, n = c.below[i].cut(out, rest, deep-1)
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
