package magento

import (
	"bytes"
	"strconv"
	"strings"
)

// The outside of a page is looked at without decoding its records, which DuckDB does: a night of a million products has some
// gigabytes of them, and decoding was most of what reading a page cost.

// scanPage reads the outside of a page that is written as Magento writes one, and checks it, in one pass. ok is false for anything
// else: it is left to a decoder, which knows what is wrong.
func scanPage(body []byte, idField string) (p Page, ok bool) {
	p = Page{TotalCount: -1, Ascending: true}
	var items, total int
	body = body[blanks(body, 0):]
	length := -1
	if bytes.HasPrefix(body, []byte("{")) {
		length = Walk(body, Deepest, func(name, rest []byte) (length int) {
			switch string(name) {
			case "items":
				items++
				length = p.scanItems(rest, Deepest-1, idField)
			case "total_count":
				total++
				if length = ValueLength(rest, Deepest-1); length > 0 {
					n, err := strconv.Atoi(string(rest[:length]))
					if err != nil {
						return -1
					}
					p.TotalCount = n
				}
			default:
				if !plainName(name) {
					return -1
				}
			}
			return length
		})
	}
	return p, length > 0 && blanks(body, length) == len(body) && items == 1 && total <= 1
}

// plainName tells that a name is none that a decoder would take for another.
func plainName(name []byte) bool {
	return !bytes.ContainsRune(name, '\\') && !strings.EqualFold(string(name), "items") && !strings.EqualFold(string(name), "total_count") && !strings.EqualFold(string(name), "message")
}

// scanItems reads the list that rest begins with, and returns how long it is; -1 where it is none, or a record has no id.
func (p *Page) scanItems(rest []byte, deep int, idField string) (length int) {
	if rest[0] != '[' {
		return -1
	}
	var first, last []byte
	length = Walk(rest, deep, func(_, rest []byte) (length int) {
		if idField == "" {
			length = ValueLength(rest, deep-1)
		} else {
			var id int64
			if id, length = scanID(rest, deep-1, idField); length > 0 {
				p.countID(id)
			}
		}
		if length <= 0 {
			return -1
		}
		if last = rest[:length]; p.Count == 0 {
			first = last
		}
		p.Count++
		return length
	})
	switch {
	case length < 0 || p.Count == 0:
	case idField == "":
		p.FirstKey, p.LastKey = hash(first), hash(last)
	default:
		p.FirstKey, p.LastKey = strconv.FormatInt(p.FirstID, 10), strconv.FormatInt(p.LastID, 10)
	}
	return length
}

// scanID reads the id of the record that rest begins with, and returns how long the record is; -1 where it has none.
func scanID(rest []byte, deep int, idField string) (id int64, length int) {
	found := false
	length = Walk(rest, deep, func(name, value []byte) int {
		if found || string(name) != idField {
			return 0
		}
		n := ValueLength(value, deep-1)
		if n <= 0 {
			return -1
		}
		var err error
		if id, err = parseID(value[:n]); err != nil {
			return -1
		}
		found = true
		return n
	})
	if !found {
		return 0, -1
	}
	return id, length
}

func (p *Page) countID(id int64) {
	switch {
	case p.Count == 0:
		p.FirstID = id
	case id < p.LastID:
		p.Ascending = false
	case id == p.LastID:
		p.Repeats = true
	}
	p.LastID = id
}
