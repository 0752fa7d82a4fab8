package magento

// defaultMaxPages bounds a window: deep pages cost the shop memory and time
// (shops failed beyond page 400).
const defaultMaxPages = 200

// PageNumber pages through a list by page number, for lists without a usable
// id. Rows that are deleted or saved between two pages shift the others, so
// what it reads must be checked by the caller. It is a value.
type PageNumber struct {
	Base     Criteria // filters, sort order and fields
	Page     int      // page to ask for; 0 means 1
	PageSize int      // 0 means 300
	MaxPages int      // 0 means 200; afterwards the window must move
	// CutFrom is the number of rows that the pages are cut from, where that is
	// known and the answers do not tell: export-stock-salable-qty cuts its
	// pages from all products, then leaves out those that are not in the
	// stock. Its pages in the middle are short or empty and its total_count
	// counts only the page. Then the pages end by their number alone.
	CutFrom int

	first, last string // keys of the page before
}

// Step is what to do after a page.
type Step int

const (
	// MorePages: keep the page's rows and ask again.
	MorePages Step = iota
	// LastPage: keep the page's rows; nothing is left.
	LastPage
	// RepeatedPage: leave the page's rows, they are those of the page before.
	// Nothing is left. Magento before 2.4 repeats its last page past the end
	// (magento2#26988); 2.4 answers with an empty one.
	RepeatedPage
	// WindowFull: keep the page's rows. More is left, but not in this window:
	// begin a new PageNumber from the last date seen, that second included.
	WindowFull
)

// Done tells whether there is no more page to ask for in this window.
func (s Step) Done() bool { return s != MorePages }

// Request is what to ask for next.
func (n PageNumber) Request() Criteria {
	c := n.Base
	c.CurrentPage = n.page()
	c.PageSize = n.size()
	return c
}

func (n PageNumber) page() int { return max(n.Page, 1) }

func (n PageNumber) size() int {
	if n.PageSize <= 0 {
		return defaultPageSize
	}
	return n.PageSize
}

func (n PageNumber) maxPages() int {
	if n.MaxPages <= 0 {
		return defaultMaxPages
	}
	return n.MaxPages
}

// Next takes the answer to Request and says how to go on. It ends for any
// sequence of answers: a page number only grows, up to MaxPages (or to what
// CutFrom needs).
func (n PageNumber) Next(p Page) (PageNumber, Step) {
	if n.repeats(p) {
		return n, RepeatedPage
	}
	if n.ends(p) {
		return n, LastPage
	}
	if n.CutFrom <= 0 && n.page() >= n.maxPages() {
		return n, WindowFull
	}
	n.Page = n.page() + 1
	n.first, n.last = p.FirstKey, p.LastKey
	return n, MorePages
}

func (n PageNumber) repeats(p Page) bool {
	return p.Count > 0 && n.page() > 1 && p.FirstKey != "" && p.FirstKey == n.first && p.LastKey == n.last
}

// ends is true after the last page: an empty one, or a short one unless
// total_count says that more is behind it. total_count never ends a listing at
// a full page: one that is too small would lose rows without a sign, and to
// look costs one request, when the rows fill their pages exactly.
func (n PageNumber) ends(p Page) bool {
	if n.CutFrom > 0 {
		return n.page()*n.size() >= n.CutFrom
	}
	return p.Count == 0 || p.Count < n.size() && p.TotalCount <= n.page()*n.size()
}
