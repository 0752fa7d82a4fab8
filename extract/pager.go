package extract

import (
	"strconv"
	"time"

	"magento-optiply/magento"
)

// pager is how one range is read: by ids, or by page number inside a window in time.
type pager struct {
	narrow magento.Narrow
	dated  magento.Dated
	byDate bool
}

// pages is what both ways of paging have, for one that begins with so many rows (0: with all that a page may have) and
// shrinks a page as often as that.
func (r *reading) pager(s *span, size, shrink int) (pager, error) {
	if size == 0 {
		size = r.size
	}
	if r.byDate {
		start := s.start
		if s.at != "" {
			var err error
			if start, err = magento.ParseTime(s.at); err != nil {
				return pager{}, badCursor(s.at, err)
			}
		}
		d := magento.Dated{Field: r.dateField(), Then: r.list.keyset, Start: start, End: s.end, PageSize: r.size, Shrink: shrink, Base: r.list.base}
		return pager{dated: d.Starting(size), byDate: true}, nil
	}
	k := magento.Keyset{Field: r.list.keyset, After: s.after, Upto: s.upto, PageSize: r.size, Base: r.inWindow(s)}
	if s.at != "" {
		var err error
		if k.After, err = strconv.ParseInt(s.at, 10, 64); err != nil {
			return pager{}, badCursor(s.at, err)
		}
	}
	n := magento.NewNarrow(k)
	n.Shrink = shrink
	return pager{narrow: n.Starting(size)}, nil
}

// ask is the next question.
func (g pager) ask() magento.Criteria {
	if g.byDate {
		return g.dated.Request()
	}
	return g.narrow.Request()
}

func (g pager) next(page magento.Page, failure error) (pager, magento.Found, error) {
	var found magento.Found
	var err error
	if g.byDate {
		g.dated, found, err = g.dated.Next(page, failure)
	} else {
		g.narrow, found, err = g.narrow.Next(page, failure)
	}
	return g, found, err
}

// cursor is what a resumed run goes on after, behind this page.
func (g pager) cursor(page magento.Page) string {
	if g.byDate {
		return magento.FormatTime(page.LastDate)
	}
	return strconv.FormatInt(g.narrow.Keyset.After, 10)
}

// asking is the size of the page that is asked for.
func (g pager) asking() int {
	if g.byDate {
		return g.dated.Asking()
	}
	return g.narrow.Asking()
}

// size is the largest page that it has not failed with.
func (g pager) size() int {
	if g.byDate {
		return g.dated.Size()
	}
	return g.narrow.Size()
}

// dateField is what the window of a range is about. A record that is saved leaves a window of updated_at and can come
// into none that has closed; a whole listing has no window, and created_at never changes.
func (r *reading) dateField() string {
	if r.list.window {
		return updatedAt
	}
	return createdAt
}

const (
	updatedAt = "updated_at"
	createdAt = "created_at"
)

// inWindow is the listing's question within the window of a range, where it has one.
func (r *reading) inWindow(s *span) magento.Criteria {
	if !r.list.window && !r.byDate {
		return r.list.base
	}
	return between(r.list.base, r.dateField(), s.start, s.end)
}

// between adds a window to a question, both ends inclusive; zero is no end.
func between(c magento.Criteria, field string, start, end time.Time) magento.Criteria {
	if !start.IsZero() {
		c = c.Where(magento.Filter{Field: field, Condition: magento.GtEq, Value: magento.FormatTime(start)})
	}
	if !end.IsZero() {
		c = c.Where(magento.Filter{Field: field, Condition: magento.LtEq, Value: magento.FormatTime(end)})
	}
	return c
}
