package magento

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// Page is what a pager must know of an answer.
type Page struct {
	Count      int    // number of items
	FirstID    int64  // id of the first item; 0 without an id field
	LastID     int64  // id of the last item; 0 without an id field
	Ascending  bool   // no id is smaller than the one before it
	FirstKey   string // tells the first item from others: its id, or a hash of it
	LastKey    string // the same of the last item
	TotalCount int    // as the shop says; -1 if it does not

	// Only of ReadKeyedPage.
	Repeats bool // an id is the one before it once more

	// Only of ReadDatedPage.
	FirstDate, LastDate time.Time // of the first and the last item
	InTime              bool      // no date is before the one before it
	Sorted              bool      // and the ids of the same date ascend
}

// listing is the outer shape of a list: {"items": [...], "total_count": n}.
// search_criteria is there too unless fields= left it out.
type listing struct {
	Items      *[]json.RawMessage `json:"items"`
	TotalCount *int               `json:"total_count"`
	Message    *string            `json:"message"`
}

// ReadPage reads the outside of a list's answer. idField names the item's
// numeric id (entity_id, id, ...); with "" items are told apart by their bytes,
// and FirstID, LastID and Ascending mean nothing.
//
// No items and null items are an empty page: with fields= Magento writes null.
// An answer that is no list is an *Error: MessageOnly when it is
// {"message": ...}, else BadJSON or BadShape.
func ReadPage(body []byte, idField string) (Page, error) {
	p, err := ReadKeyedPage(body, idField)
	p.Repeats = false
	return p, err
}

// ReadKeyedPage is ReadPage that tells whether a row came twice, too: with
// ascending ids it came twice in a row.
func ReadKeyedPage(body []byte, idField string) (Page, error) {
	if p, ok := scanPage(body, idField); ok {
		return p, nil
	}
	return decodePage(body, idField)
}

// decodePage is ReadPage for any answer.
func decodePage(body []byte, idField string) (Page, error) {
	var l listing
	if err := json.Unmarshal(body, &l); err != nil {
		return Page{}, pageError(body, err)
	}
	if l.Items == nil {
		return readWithoutItems(body, l)
	}
	items := *l.Items
	p := Page{Count: len(items), TotalCount: -1, Ascending: true}
	if l.TotalCount != nil {
		p.TotalCount = *l.TotalCount
	}
	if len(items) == 0 {
		return p, nil
	}
	if idField == "" {
		p.FirstKey, p.LastKey = hash(items[0]), hash(items[len(items)-1])
		return p, nil
	}
	return p, p.readIDs(items, idField)
}

// ReadDatedPage is ReadPage with the items' dates under dateField, such as
// updated_at. An item without one is an *Error of kind BadShape.
func ReadDatedPage(body []byte, idField, dateField string) (Page, error) {
	p, err := ReadPage(body, idField)
	if err != nil || p.Count == 0 {
		return p, err
	}
	var l listing
	if err := json.Unmarshal(body, &l); err != nil {
		return p, pageError(body, err)
	}
	p.InTime, p.Sorted = true, true
	before := int64(0)
	for i, item := range *l.Items {
		raw, _ := member(item, dateField)
		at, err := ParseTime(strings.Trim(string(raw), `"`))
		if err != nil {
			return p, shapeError(fmt.Sprintf("item %d: no %s that is a time", i, dateField))
		}
		id, _ := readID(item, idField) // ReadPage has read it
		switch {
		case i == 0:
			p.FirstDate = at
		case at.Before(p.LastDate):
			p.InTime, p.Sorted = false, false
		case at.Equal(p.LastDate) && id < before:
			p.Sorted = false
		}
		p.LastDate, before = at, id
	}
	return p, nil
}

// readWithoutItems tells {"items": null} from what is no list: a nil pointer
// stands for both.
func readWithoutItems(body []byte, l listing) (Page, error) {
	var keys map[string]json.RawMessage
	if json.Unmarshal(body, &keys) != nil {
		return Page{}, shapeError("the answer is no object")
	}
	if _, ok := keys["items"]; ok {
		p := Page{TotalCount: -1, Ascending: true}
		if l.TotalCount != nil {
			p.TotalCount = *l.TotalCount
		}
		return p, nil
	}
	if l.Message != nil {
		return Page{}, &Error{Kind: MessageOnly, Method: "GET", Path: "page", Message: cut(parseMessage(body).text)}
	}
	return Page{}, shapeError("the answer has no items")
}

func (p *Page) readIDs(items []json.RawMessage, idField string) error {
	last := int64(0)
	for i, item := range items {
		id, err := readID(item, idField)
		if err != nil {
			return shapeError(fmt.Sprintf("item %d: %v", i, err))
		}
		switch {
		case i == 0:
			p.FirstID = id
		case id < last:
			p.Ascending = false
		case id == last:
			p.Repeats = true
		}
		last = id
	}
	p.LastID = last
	p.FirstKey, p.LastKey = strconv.FormatInt(p.FirstID, 10), strconv.FormatInt(p.LastID, 10)
	return nil
}

// readID finds the number under field, which some shops write as a string.
func readID(item json.RawMessage, field string) (int64, error) {
	raw, ok := member(item, field)
	if !ok {
		return 0, fmt.Errorf("no %s", field)
	}
	id, err := parseID(raw)
	if err != nil {
		return 0, fmt.Errorf("%s is no whole number", field)
	}
	return id, nil
}

func parseID(raw []byte) (int64, error) {
	return strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
}

// member finds the value of a name in an object that is known to be valid
// JSON, without decoding the rest: an order has ten kilobytes around its id. A
// name that is written with escapes is not found; Magento writes none so.
func member(object []byte, name string) (value []byte, ok bool) {
	members(object, func(n, v []byte) bool {
		if ok = string(n) == name; ok {
			value = v
		}
		return !ok
	})
	return value, ok
}

func hash(item []byte) string {
	h := fnv.New128a()
	h.Write(item)
	return hex.EncodeToString(h.Sum(nil))
}

// pageError tells broken JSON from JSON of another shape.
func pageError(body []byte, err error) error {
	if json.Valid(body) {
		if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
			return shapeError("the answer is a list, not an object with items")
		}
		return shapeError(err.Error())
	}
	return &Error{Kind: BadJSON, Method: "GET", Path: "page", Message: "the answer is no JSON, or cut short: " + err.Error(), err: err}
}

func shapeError(message string) error {
	return &Error{Kind: BadShape, Method: "GET", Path: "page", Message: message}
}
