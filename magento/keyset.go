package magento

import (
	"fmt"
	"strconv"
)

// defaultPageSize is used by a pager without one, because a question without a
// page size is answered with all rows at once.
const defaultPageSize = 300

// Keyset pages through a list by its numeric id: sorted by Field, ids greater
// than After, always page 1. Rows deleted or saved meanwhile shift nothing: a
// row that is there throughout is read exactly once. (Paging by number lost two
// products when two already read were deleted.) It needs no deep pages, and
// runs over ranges of ids side by side.
//
// The filter and sort were seen to work by entity_id for products, orders,
// customers, invoices and credit memos. The products list calls the column
// entity_id in criteria and id in its items.
//
// Keyset is a value: Next returns the next one.
type Keyset struct {
	Field    string   // column, such as entity_id
	After    int64    // last id read; 0 to begin
	Upto     int64    // last id wanted, for a range; 0: no end
	PageSize int      // 0 means 300; may be changed between pages
	Base     Criteria // filters and fields; sort order and page are overwritten
}

// Request is what to ask for next.
func (k Keyset) Request() Criteria {
	c := k.Base.Where(Filter{k.Field, Gt, strconv.FormatInt(k.After, 10)})
	if k.Upto > 0 {
		c = c.Where(Filter{k.Field, LtEq, strconv.FormatInt(k.Upto, 10)})
	}
	c.SortOrders = []SortOrder{{Field: k.Field}}
	c.CurrentPage = 1
	c.PageSize = k.size()
	return c
}

func (k Keyset) size() int {
	if k.PageSize <= 0 {
		return defaultPageSize
	}
	return k.PageSize
}

// Next takes the answer to Request and says how to go on. done is true when
// nothing is left. A page that does not follow from the question (ids not
// ascending, not beyond After, or beyond Upto: the shop ignored the filter or
// the sort order) is an *Error of kind NotInOrder, since going on could lose
// rows and stopping would pretend that there are none.
//
// Each Next that is neither done nor an error has a greater After, so that it
// ends for any sequence of answers of finite tables.
func (k Keyset) Next(p Page) (next Keyset, done bool, err error) {
	if p.Count == 0 {
		return k, true, nil
	}
	if problem := k.problem(p); problem != "" {
		return k, false, &Error{Kind: NotInOrder, Method: "GET", Path: "page", Message: problem}
	}
	k.After = p.LastID
	return k, k.ends(p), nil
}

func (k Keyset) problem(p Page) string {
	switch {
	case !p.Ascending:
		return "the page is not sorted by " + k.Field
	case min(p.FirstID, p.LastID) <= k.After:
		return fmt.Sprintf("asked for %s greater than %d, got %d", k.Field, k.After, p.FirstID)
	case k.Upto > 0 && p.LastID > k.Upto:
		return fmt.Sprintf("asked for %s up to %d, got %d", k.Field, k.Upto, p.LastID)
	}
	return ""
}

// ends is true after the last page: the range is used up, or the page was
// short. A short page that has more rows behind it by its own total_count (a
// module that thins out pages does that) is not the last.
func (k Keyset) ends(p Page) bool {
	if k.Upto > 0 && p.LastID >= k.Upto {
		return true
	}
	return p.Count < k.size() && p.TotalCount <= p.Count
}
