package magentotest

import (
	"math"
	"net/http"
	"slices"
	"time"
)

// windowOf is how much time the filters of a request leave: from the latest beginning to the earliest end, on updated_at or
// created_at. Only groups of one filter count, since those of a group are ORed.
func windowOf(r *http.Request, now time.Time) time.Duration {
	search := parseQuery(r.URL.RawQuery).first("searchCriteria", "search_criteria")
	if search == nil {
		search = &node{}
	}
	c, _ := parseCriteria(search)
	var from time.Time
	to := now
	for _, group := range c.groups {
		if len(group) != 1 || group[0].value == nil || !slices.Contains([]string{"updated_at", "created_at"}, group[0].field) {
			continue
		}
		at, err := time.Parse(time.DateTime, date(*group[0].value))
		if err != nil {
			continue
		}
		switch group[0].condition {
		case "gt", "gteq", "from":
			if at.After(from) {
				from = at
			}
		case "lt", "lteq", "to":
			if at.Before(to) {
				to = at
			}
		case "eq":
			return 0
		}
	}
	if from.IsZero() {
		return math.MaxInt64
	}
	return to.Sub(from)
}

// now is the shop's clock.
func (s *Server) now() time.Time {
	if at := s.shop.now(); !at.IsZero() {
		return at.UTC()
	}
	return time.Now().UTC()
}
