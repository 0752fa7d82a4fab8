package magento

import (
	"errors"
	"fmt"
	"time"
)

// Dated pages through a window in time by page number, for a shop that refuses
// or ignores a filter on the id: sorted by a date, then by the id. Where Keyset
// loses nothing by its nature, Dated has to notice what shifts the pages:
//
//   - The window moves to the last date seen after MaxPages pages, that second
//     included, because deep pages cost the shop memory and time.
//   - It also moves there when the list changed between two pages: the count is
//     another, or the page does not follow the one before. What was read before
//     that second is safe, since the rows left in the window keep their dates.
//   - It moves there after each page of a shop that leaves the rows of one second
//     unsorted, because it may sort them otherwise for the next page.
//   - A second with more rows than a page is read on its own, however deep, from
//     its first page again when the list changed; three times at most.
//
// So rows can be answered twice, and are told apart by their id. Rows that leave
// the window meanwhile are no loss; rows that come into it are only found where
// they come behind the page. So the window should be one that closed before the
// first request: updated_at up to a time that has passed, or created_at.
//
// Dated is a value: ask Request, tell Next how it went, do what it says.
type Dated struct {
	Field    string    // updated_at or created_at, which must be in the answer
	Then     string    // column of the id, for rows of one second
	Start    time.Time // inclusive; zero: from the beginning. It moves on
	End      time.Time // inclusive; zero: no end
	PageSize int       // 0 means 300
	MaxPages int       // 0 means 200
	// Shrink is how often in a row a page that is too much is halved before
	// Next returns the error: 0 until one row is left, below 0 never.
	Shrink int
	Base   Criteria // filters and fields; sort order and page are overwritten

	size    int        // of the pages now; 0: PageSize
	number  PageNumber // where it is in the window
	total   int        // total_count of the page before
	reached time.Time  // date of the last row read
	lastID  int64      // and its id
	second  bool       // the window is only the second Start
	passes  int        // times that this second was begun again
	halved  int        // times in a row that the page was halved
}

// mostPasses is how often a second is read before it changed too often.
const mostPasses = 3

// Starting is d beginning with pages of so many rows. They double as the shop
// answers, up to PageSize.
func (d Dated) Starting(size int) Dated {
	d.size = max(min(size, d.full()), 1)
	return d
}

// Size is the largest page it asks for.
func (d Dated) Size() int { return d.full() }

// Asking is the size of the page it asks for next.
func (d Dated) Asking() int {
	if d.size <= 0 {
		return d.full()
	}
	return d.size
}

func (d Dated) full() int {
	if d.PageSize <= 0 {
		return defaultPageSize
	}
	return d.PageSize
}

// Request is what to ask for next.
func (d Dated) Request() Criteria {
	c := d.Base
	if !d.Start.IsZero() {
		c = c.Where(Filter{d.Field, GtEq, FormatTime(d.Start)})
	}
	if end := d.end(); !end.IsZero() {
		c = c.Where(Filter{d.Field, LtEq, FormatTime(end)})
	}
	c.SortOrders = []SortOrder{{Field: d.Field}, {Field: d.Then}}
	c.CurrentPage, c.PageSize = d.number.page(), d.Asking()
	return c
}

func (d Dated) end() time.Time {
	if d.second {
		return d.Start
	}
	return d.End
}

// Next takes what came of Request: the page (of ReadDatedPage), or an error. An
// error that asking for less does not help against is returned as it is. A page
// that is not sorted by the date, or not of the window, is an *Error of kind
// NotInOrder; a second that changed each time it was read is one of kind
// Changing.
//
// It ends for any sequence of answers of finite tables: the window's start only
// grows, the pages of a window are bounded, and those of one second have
// ascending ids.
func (d Dated) Next(p Page, failure error) (Dated, Found, error) {
	if failure != nil {
		return d.failed(failure)
	}
	d.halved = 0
	if problem := d.problem(p); problem != "" {
		return d, Found{}, &Error{Kind: NotInOrder, Method: "GET", Path: "page", Message: problem}
	}
	first := d.number.page() == 1
	if !first && d.total >= 0 && p.TotalCount != d.total {
		return d.again()
	}
	d.number.PageSize, d.number.MaxPages = d.Asking(), noMaxPages
	number, step := d.number.Next(p)
	if step == RepeatedPage {
		return d.finished(false)
	}
	if p.Count > 0 && !first && !d.follows(p) || p.Count > 0 && d.second && !p.Ascending {
		return d.again()
	}
	read := d.number.page()
	d.number, d.total = number, p.TotalCount
	if p.Count > 0 {
		d.reached, d.lastID = p.LastDate, p.LastID
	}
	switch {
	case step == LastPage:
		return d.finished(p.Count > 0)
	case d.second:
	case first && p.Count > 0 && p.LastDate.Equal(d.Start): // a second that fills the page
		d = d.from(d.Start)
		d.second = true
	case d.reached.After(d.Start) && (read >= d.maxPages() || d.Asking() < d.full() || !p.Sorted):
		d = d.from(d.reached)
		d.size = min(2*d.Asking(), d.full())
	}
	return d, Found{Keep: p.Count > 0}, nil
}

// noMaxPages is for a PageNumber whose pages are bounded by something else.
const noMaxPages = 1 << 30

func (d Dated) maxPages() int {
	if d.MaxPages <= 0 {
		return defaultMaxPages
	}
	return d.MaxPages
}

// problem says why a page is none of this window.
func (d Dated) problem(p Page) string {
	end := d.end()
	switch {
	case p.Count == 0:
	case !p.InTime:
		return "the page is not sorted by " + d.Field
	case p.FirstDate.Before(d.Start):
		return fmt.Sprintf("asked for %s from %s, got %s", d.Field, FormatTime(d.Start), FormatTime(p.FirstDate))
	case !end.IsZero() && p.LastDate.After(end):
		return fmt.Sprintf("asked for %s up to %s, got %s", d.Field, FormatTime(end), FormatTime(p.LastDate))
	}
	return ""
}

// follows tells whether a page goes on behind the one before.
func (d Dated) follows(p Page) bool {
	return p.FirstDate.After(d.reached) || p.FirstDate.Equal(d.reached) && p.FirstID > d.lastID
}

// from is d with a window that begins later, or again.
func (d Dated) from(start time.Time) Dated {
	if start.After(d.Start) {
		d.passes, d.second = 0, false
	}
	d.Start, d.number = start, PageNumber{}
	return d
}

// again reads from the last second seen on. The pages up to it were of one and
// the same list.
func (d Dated) again() (Dated, Found, error) {
	if d.reached.After(d.Start) {
		return d.from(d.reached), Found{}, nil
	}
	if d.passes++; d.passes >= mostPasses {
		return d, Found{}, &Error{Kind: Changing, Method: "GET", Path: "page",
			Message: fmt.Sprintf("the rows of %s changed each of the %d times that they were read", FormatTime(d.Start), d.passes)}
	}
	return d.from(d.Start), Found{}, nil
}

// finished is the end of the window, or of one second of it.
func (d Dated) finished(keep bool) (Dated, Found, error) {
	next := d.Start.Add(time.Second)
	if !d.second || !d.End.IsZero() && next.After(d.End) {
		return d, Found{Keep: keep, Done: true}, nil
	}
	return d.from(next), Found{Keep: keep}, nil
}

// failed asks for less where that can help: first not so deep, then smaller
// pages.
func (d Dated) failed(failure error) (Dated, Found, error) {
	if blame(failure) != theSize {
		return d, Found{}, failure
	}
	size := d.Asking() / 2
	var e *Error
	switch {
	case errors.As(failure, &e) && e.Kind == PageSizeLimit:
		size = min(e.Max, d.Asking()-1)
	case d.number.page() > 1 && d.reached.After(d.Start):
		return d.from(d.reached), Found{}, nil
	case d.Shrink != 0 && d.halved >= d.Shrink:
		return d, Found{}, failure
	default:
		d.halved++
	}
	if size < 1 {
		return d, Found{}, failure
	}
	d = d.from(d.Start)
	d.PageSize, d.size = size, size
	return d, Found{}, nil
}
