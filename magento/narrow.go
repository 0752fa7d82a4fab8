package magento

import (
	"errors"
	"fmt"
	"math"
)

// Narrow reads a list by Keyset around the records that the shop cannot answer
// for: one broken record makes its whole page answer 500 for ever, or an order
// of a deleted product its page 404 (magento2#7518). It halves the page until
// that record is alone, finds its id, names it, and goes on behind it (DESIGN
// 6.5, invariant 8). Every other record is read once.
//
// The id cannot be asked for, since an answer with the record in it is what
// fails. But an answer without it does not: of the ranges (After, m], all that
// end before it are empty and answer, and all others fail. m grows by doubling
// steps, then is found by halving.
//
// No id is named unless the shop answers something else of the same list
// meanwhile: an empty range, at least. And the range that ends with the id must
// fail once more. So neither a shop that is down nor a failure that passes
// makes up a broken record.
//
// Narrow is a value: ask Request, tell Next how it went, do what it says. Where
// nothing fails it is the Keyset it was made from. With pages of P rows, a
// record whose id lies d behind the one before it costs at most 2 log2(P) +
// 2 log2(d) + 9 requests more than the pages themselves.
type Narrow struct {
	Keyset Keyset // After is how far the list has been read; safe to resume from
	// Most is how many records may be quarantined before it gives up; 0 means
	// 100. A shop that breaks more is broken itself.
	Most int
	// Shrink is how often in a row a page that is too much is halved before
	// Next returns the error: 0 until one row is left, below 0 never.
	Shrink int

	full   int // page size to grow back to
	size   int // of the next page
	named  int // records quarantined
	halved int // times in a row that the page was halved

	stage  stage
	bad    int   // a broken record is among so many next rows; 0: none known
	proof  bool  // the list answered since it last failed for sure
	empty  int64 // search: no row up to here
	broken int64 // search: the range up to here fails; noEnd: not known yet
	step   int64 // search: width of the next try
}

// noEnd is a broken that is not known yet.
const noEnd = math.MaxInt64

// stage is what the next request is for.
type stage int

const (
	reading  stage = iota // rows
	checking              // whether the list answers at all: an empty range
	seeking               // the id of the one record that is alone
	sure                  // whether it still fails
)

// NewNarrow begins where k does.
func NewNarrow(k Keyset) Narrow {
	return Narrow{Keyset: k, full: k.size(), size: k.size()}
}

// Starting is n beginning with pages of so many rows. They double as the shop
// answers, up to the Keyset's page size.
func (n Narrow) Starting(size int) Narrow {
	n.size = max(min(size, n.full), 1)
	return n
}

// Size is the largest page it asks for.
func (n Narrow) Size() int { return n.full }

// Asking is the size of the page of rows it asks for next.
func (n Narrow) Asking() int { return n.pageSize() }

// Request is what to ask for next.
func (n Narrow) Request() Criteria { return n.ask().Request() }

func (n Narrow) ask() Keyset {
	k := n.Keyset
	k.PageSize = 1
	switch n.stage {
	case reading:
		k.PageSize = n.pageSize()
	case checking:
		k.Upto = max(k.After, 1) // 0 would mean no end
		k.After = k.Upto
	case seeking:
		k.Upto = n.middle()
	case sure:
		k.Upto = n.broken
	}
	return k
}

func (n Narrow) pageSize() int {
	if n.bad > 0 {
		return min(n.size, (n.bad+1)/2)
	}
	return n.size
}

// middle is the end of the next range to try.
func (n Narrow) middle() int64 {
	if n.broken == noEnd && n.empty <= n.end()-n.step {
		return n.empty + n.step
	}
	hi := min(n.broken, n.end())
	return n.empty + (hi-n.empty+1)/2
}

// end is the last id that may be.
func (n Narrow) end() int64 {
	if n.Keyset.Upto > 0 {
		return n.Keyset.Upto
	}
	return math.MaxInt64 - 1
}

// Found is what to do after an answer.
type Found struct {
	Keep        bool  // the page's rows are new: keep them
	Quarantined int64 // id of a record that cannot be read; 0: none
	Done        bool  // nothing is left
}

// Next takes what came of Request: the page, or the error of Get or ReadPage.
// An error that is not about a page's records is returned as it is; so is one
// that stays when nothing is left to narrow.
func (n Narrow) Next(p Page, failure error) (Narrow, Found, error) {
	if failure != nil {
		return n.failed(failure)
	}
	n.proof, n.halved = true, 0
	if p.Count > 0 {
		return n.read(p)
	}
	switch n.stage {
	case reading:
		return n, Found{Done: true}, nil
	case checking:
		n.stage = reading
		if n.bad == 1 {
			n = n.search()
		}
	case seeking:
		n.empty = n.middle()
		n.step = double(n.step)
		return n.sought()
	case sure: // the failure passed, or the record is gone
		n.Keyset.After = n.broken
		n = n.elsewhere()
		return n, Found{Done: n.Keyset.After >= n.end()}, nil
	}
	return n, Found{}, nil
}

// read takes a page with rows, which none of the other stages expects: their
// record was mended or deleted, and others came into the range.
func (n Narrow) read(p Page) (Narrow, Found, error) {
	asked := n.ask()
	next, done, err := asked.Next(p)
	if err != nil {
		return n, Found{}, err
	}
	n.Keyset.After = next.After
	if n.stage != reading {
		n = n.elsewhere()
		return n, Found{Keep: true, Done: n.Keyset.After >= n.end()}, nil
	}
	if n.bad > 0 {
		if n.bad -= p.Count; n.bad == 1 && !done {
			n = n.search()
		}
		n.bad = max(n.bad, 0)
	} else {
		n.size = min(2*n.size, n.full)
	}
	return n, Found{Keep: true, Done: done}, nil
}

// elsewhere goes back to reading, with small pages: what failed may be near.
func (n Narrow) elsewhere() Narrow {
	n.stage, n.bad, n.size = reading, 0, 1
	return n
}

func (n Narrow) search() Narrow {
	n.stage, n.empty, n.broken, n.step = seeking, n.Keyset.After, noEnd, 1
	return n
}

// sought is a search's next step, or its end.
func (n Narrow) sought() (Narrow, Found, error) {
	switch {
	case n.broken != noEnd && n.broken-n.empty == 1:
		n.stage = sure
	case n.empty >= n.end(): // there is no row any more
		return n, Found{Done: true}, nil
	}
	return n, Found{}, nil
}

func double(step int64) int64 {
	if step > math.MaxInt64/4 {
		return step
	}
	return 2 * step
}

// failed narrows.
func (n Narrow) failed(failure error) (Narrow, Found, error) {
	switch blame(failure) {
	case theSize:
		return n.shrink(failure)
	case aRecord:
	default:
		return n, Found{}, failure
	}
	switch n.stage {
	case checking: // the list fails without any record in it
		return n, Found{}, failure
	case reading:
		if n.bad == 0 { // the last answer tells of an earlier time
			n.proof = false
		}
		n.bad = n.pageSize()
		if !n.proof {
			n.stage = checking
		} else if n.bad == 1 {
			n = n.search()
		}
	case seeking:
		n.broken = n.middle()
		return n.sought()
	case sure:
		return n.quarantine(failure)
	}
	return n, Found{}, nil
}

func (n Narrow) quarantine(failure error) (Narrow, Found, error) {
	most := n.Most
	if most <= 0 {
		most = 100
	}
	if n.named++; n.named > most {
		return n, Found{}, fmt.Errorf("more than %d records cannot be read, %s %d is the next: %w", most, n.Keyset.Field, n.broken, failure)
	}
	n.Keyset.After = n.broken
	found := Found{Quarantined: n.broken, Done: n.broken >= n.end()}
	n.proof = false
	return n.elsewhere(), found, nil
}

// shrink asks for less at a time from now on. A record that is too much by
// itself is not broken, and is not named.
func (n Narrow) shrink(failure error) (Narrow, Found, error) {
	size := n.pageSize() / 2
	var e *Error
	if errors.As(failure, &e) && e.Kind == PageSizeLimit {
		size = min(e.Max, n.pageSize()-1)
	} else if n.Shrink != 0 && n.halved >= n.Shrink {
		return n, Found{}, failure
	}
	if n.stage != reading || size < 1 {
		return n, Found{}, failure
	}
	n.halved++
	n.full, n.size = size, size
	return n, Found{}, nil
}

// culprit is what an error may be the fault of.
type culprit int

const (
	somethingElse culprit = iota
	aRecord               // one of the page's records
	theSize               // the page: there is too much in it
)

// blame tells what narrowing can help against. A 404 of Magento on a list is
// about a product that a record names, in any language: its words say so only
// in English, but the check of the empty range tells it from a missing route.
func blame(err error) culprit {
	var e *Error
	if !errors.As(err, &e) {
		return somethingElse
	}
	switch e.Kind {
	case ServerError, MessageOnly, NotFound, BadJSON, BadShape:
		return aRecord
	case PageSizeLimit, Gateway, Stalled, TooLarge:
		return theSize
	}
	return somethingElse
}
