package magento

import (
	"context"
	"errors"
)

// KeysetRange is a part of a list's ids: greater than After, up to and with Upto.
type KeysetRange struct{ After, Upto int64 }

// SplitRange cuts the ids greater than lo, up to and with hi, into at most so
// many ranges, in order, without gap or overlap. Their widths differ by one at
// most. There are fewer where there are fewer ids, and none when hi <= lo.
//
// A reader of a whole list leaves the last range open (Upto 0), so that rows
// added since LastID, or a LastID from a shop that ignored the sort order,
// cannot lose a row.
func SplitRange(lo, hi int64, parts int) []KeysetRange {
	if hi <= lo {
		return nil
	}
	width := uint64(hi) - uint64(lo) // fits where hi-lo does not
	n := min(uint64(max(parts, 1)), width)
	each, more := width/n, width%n
	ranges := make([]KeysetRange, 0, n)
	for i := range n {
		upto := uint64(lo) + each
		if i < more {
			upto++
		}
		ranges = append(ranges, KeysetRange{lo, int64(upto)})
		lo = int64(upto)
	}
	return ranges
}

// LastID asks for the highest id of a list, for SplitRange: sorted by field
// descending, one row. It is 0 for an empty list. field is the column; an item
// that does not have it is asked for its id instead, as products, whose column
// entity_id is called id in the answer. base gives filters and fields, which
// must let that member through.
//
// The row may be the one that the shop cannot answer for: then the error is an
// *Error of kind ServerError, and the list must be read in one range.
func (c *Client) LastID(ctx context.Context, path, field string, base Criteria) (int64, error) {
	base.SortOrders = []SortOrder{{Field: field, Desc: true}}
	base.PageSize, base.CurrentPage = 1, 1
	res, err := c.Get(ctx, path, base.Query())
	if err != nil {
		return 0, err
	}
	page, err := ReadPage(res.Body, field)
	if err != nil {
		var other error
		if page, other = ReadPage(res.Body, "id"); other != nil {
			return 0, onPath(err, path)
		}
	}
	if page.Count == 0 {
		return 0, nil
	}
	return max(page.FirstID, 0), nil
}

// onPath names the list in an error of ReadPage.
func onPath(err error, path string) error {
	var e *Error
	if errors.As(err, &e) {
		named := *e
		named.Path = path
		return &named
	}
	return err
}
