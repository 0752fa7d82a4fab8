package magentotest

import (
	"fmt"
	"slices"
	"strconv"
)

// defaultStock is the stock that every Magento with MSI has; only the source "default" can be linked to it. [obs]
const (
	defaultStock  = 1
	defaultSource = "default"
)

// inventory says which stock a website sells from, and which sources a stock has.
//
// It is what stocks.ndjson and stock_source_links.ndjson say. Without them it is derived: there is the Default Stock with the
// source "default". A website sells from it when the stock statuses recorded for its store views are those recorded for the
// store code "all", which answers for the Default Stock [obs], or when nothing was recorded for "all". Otherwise the website
// sells from stock 2, to which all other sources are linked.
type inventory struct {
	sources map[string]source // of the streams stocks and stock_source_links
	stockOf map[string]int64  // by website code
	linked  map[int64]map[string]bool
	enabled map[string]bool // sources
	items   map[string][]sourceItem
	lazily  func(sku string) []sourceItem // of a generated shop, instead of items

	websiteID map[string]string // by code
	websites  []string          // codes, by id
	recorded  map[string]bool   // websites that salable.ndjson has
}

// website is the first one that sells from a stock, "" when none does.
func (i *inventory) website(stock int64) string {
	for _, code := range i.websites {
		if i.stockOf[code] == stock {
			return code
		}
	}
	return ""
}

// sourceItem is a quantity of one SKU at one source.
type sourceItem struct {
	sku, source string
	quantity    quantity
	status      bool
}

// inventory returns the shop's stocks.
func (s *Shop) inventory() *inventory {
	s.mu.Lock()
	made := s.stocks
	s.mu.Unlock()
	if made != nil {
		return made
	}
	made = &inventory{
		sources: map[string]source{"stocks": s.source("stocks"), "stock_source_links": s.source("stock_source_links")},
		stockOf: map[string]int64{}, linked: map[int64]map[string]bool{}, enabled: map[string]bool{},
		websiteID: map[string]string{}, recorded: map[string]bool{},
	}
	if made.sources["stocks"].count() == 0 {
		s.deriveStocks(made)
	}
	made.read(s)
	s.mu.Lock()
	s.stocks = made
	s.mu.Unlock()
	return made
}

// read takes the stocks, links, sources and source items in.
func (i *inventory) read(s *Shop) {
	i.sources["stocks"].each(func(r *record) bool {
		eachElement(member(member(r.raw, "extension_attributes"), "sales_channels"), func(channel []byte) bool {
			if unquote(member(channel, "type")) == "website" {
				i.stockOf[unquote(member(channel, "code"))] = r.id
			}
			return true
		})
		i.linked[r.id] = map[string]bool{}
		return true
	})
	i.sources["stock_source_links"].each(func(r *record) bool {
		if id, ok := integer(member(r.raw, "stock_id")); ok && i.linked[id] != nil {
			i.linked[id][unquote(member(r.raw, "source_code"))] = true
		}
		return true
	})
	s.source("sources").each(func(r *record) bool {
		i.enabled[unquote(member(r.raw, "source_code"))] = unquote(member(r.raw, "enabled")) != "false"
		return true
	})
	if len(i.enabled) == 0 {
		i.enabled[defaultSource] = true
	}
	s.source("websites").each(func(r *record) bool {
		code := unquote(member(r.raw, "code"))
		i.websiteID[code] = unquote(member(r.raw, "id"))
		i.websites = append(i.websites, code)
		return true
	})
	s.source("salable").each(func(r *record) bool {
		i.recorded[unquote(member(r.raw, "website"))] = true
		return true
	})
	if made, ok := s.source("source_items").(itemsBySKU); ok {
		i.lazily = made.itemsOf
		return
	}
	i.items = map[string][]sourceItem{}
	s.source("source_items").each(func(r *record) bool {
		item := newSourceItem(r.raw)
		i.items[item.sku] = append(i.items[item.sku], item)
		return true
	})
}

// itemsBySKU is a source of source items that finds those of a SKU by itself.
type itemsBySKU interface {
	itemsOf(sku string) []sourceItem
}

func newSourceItem(raw []byte) sourceItem {
	return sourceItem{
		sku: unquote(member(raw, "sku")), source: unquote(member(raw, "source_code")),
		quantity: parseQuantity(member(raw, "quantity")), status: unquote(member(raw, "status")) == "1",
	}
}

func (i *inventory) itemsOf(sku string) []sourceItem {
	if i.lazily != nil {
		return i.lazily(sku)
	}
	return i.items[sku]
}

// physical sums a SKU's quantities at the sources of a stock, without those that are disabled or whose item is out of stock
// [obs]; known tells whether there is any item at all.
func (i *inventory) physical(stock int64, sku string) (sum quantity, known bool) {
	for _, item := range i.itemsOf(sku) {
		if !i.linked[stock][item.source] {
			continue
		}
		known = true
		if i.enabled[item.source] && item.status {
			sum += item.quantity
		}
	}
	return sum, known
}

// deriveStocks makes stocks and links for a fixture set that has none.
func (s *Shop) deriveStocks(i *inventory) {
	codes := map[bool][]string{} // of websites, by whether they sell from the default stock
	s.source("websites").each(func(r *record) bool {
		if code := unquote(member(r.raw, "code")); code != "admin" {
			here := s.sellsFromDefaultStock(unquote(member(r.raw, "id")))
			codes[here] = append(codes[here], code)
		}
		return true
	})
	stocks, links := newRows(streamOf("stocks")), newRows(streamOf("stock_source_links"))
	stock := func(id int, name string, websites []string) {
		slices.Sort(websites) // [obs: a-stocks]
		var channels []byte
		for n, code := range websites {
			channels = append(appendString(append(comma(channels, n), `{"type":"website","code":`...), code), '}')
		}
		stocks.put(mustRecord("stocks", fmt.Sprintf(`{"stock_id":%d,"name":%q,"extension_attributes":{"sales_channels":[%s]}}`, id, name, channels)))
	}
	link := func(id int, source string, priority int) {
		links.put(mustRecord("stock_source_links", fmt.Sprintf(`{"stock_id":%d,"source_code":%s,"priority":%d}`,
			id, appendString(nil, source), priority)))
	}
	stock(defaultStock, "Default Stock", codes[true])
	link(defaultStock, defaultSource, 1)
	if len(codes[false]) > 0 {
		stock(defaultStock+1, "Second Stock", codes[false])
		priority := 1
		s.source("sources").each(func(r *record) bool {
			if code := unquote(member(r.raw, "source_code")); code != defaultSource {
				link(defaultStock+1, code, priority)
				priority++
			}
			return true
		})
	}
	i.sources["stocks"], i.sources["stock_source_links"] = stocks, links
}

// sellsFromDefaultStock compares what was recorded for a website with what was recorded for "all".
func (s *Shop) sellsFromDefaultStock(websiteID string) bool {
	same := true
	s.source("stock_statuses").each(func(r *record) bool {
		if unquote(member(r.raw, "store_code")) != "all" {
			return true
		}
		status := s.statusOf(websiteID, unquote(member(r.raw, "sku")))
		if status != nil {
			same = unquote(member(status, "qty")) == unquote(member(member(r.raw, "answer"), "qty"))
		}
		return same
	})
	return same
}

// statusOf is the recorded answer of stockStatuses for a website: that of its first store view that has one, else the one for
// all store codes. A store view belongs to the website that its record in stores.ndjson names.
func (s *Shop) statusOf(websiteID, sku string) []byte {
	statuses := s.source("stock_statuses")
	var found *record
	s.source("stores").each(func(r *record) bool {
		if unquote(member(r.raw, "website_id")) == websiteID {
			found = statuses.byKey(Key(sku, unquote(member(r.raw, "code"))))
		}
		return found == nil
	})
	if found == nil {
		found = statuses.byKey(Key(sku))
	}
	if found == nil {
		return nil
	}
	return member(found.raw, "answer")
}

// stockResolver serves GET /V1/inventory/stock-resolver/website/{code}. [obs: b-stockid-resolver, e-resolver-*]
func (s *Server) stockResolver(c *call) *answer {
	stock, problem := s.stockOf(c)
	if problem != nil {
		return problem
	}
	if found := s.shop.inventory().sources["stocks"].byKey(Key(strconv.FormatInt(stock, 10))); found != nil {
		return jsonAnswer(200, found.out)
	}
	return noLinkedStock()
}

// stockOf is the stock of the sales channel in the path.
func (s *Server) stockOf(c *call) (int64, *answer) {
	stock, known := s.shop.inventory().stockOf[c.path["code"]]
	if !known || c.path["type"] != "website" {
		return 0, noLinkedStock()
	}
	return stock, nil
}

func noLinkedStock() *answer { return failure(404, "No linked stock found", "") } // e-resolver-unknown, e-dump-unknown

// mustRecord makes a record of JSON that this package has written.
func mustRecord(stream, text string) *record {
	made, err := newRecord(streamOf(stream), []byte(text))
	if err != nil {
		panic("magentotest: " + stream + ": " + err.Error())
	}
	return made
}

func streamOf(name string) stream {
	def, _ := streamNamed(name)
	return def
}
