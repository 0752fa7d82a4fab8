package extract

import (
	"slices"

	"magento-optiply/config"
	"magento-optiply/magento"
)

// Need is an endpoint that the settings have a run ask, with a question that costs the shop next to nothing.
type Need struct {
	Stream string // as run.streams names it
	Path   string // below /V1/; {sku} stands for a product's
	Query  magento.Query
	// Without is what a run does when the shop does not answer; empty: it cannot do without.
	Without string
}

// Needs lists the endpoints that whole runs ask with these settings, in the order in which they are asked.
func Needs(c *config.Config) []Need {
	j := &Job{Config: c, Streams: c.Magento.Streams, Parts: All()}
	var list []Need
	for _, name := range []string{"stores", "websites", "products", "orders", "stock_statuses", "sources", "source_items", "stock_items"} {
		s := streams[slices.IndexFunc(streams, func(s stream) bool { return s.name == name })]
		need := Need{Stream: name, Path: s.path, Query: s.sample()}
		switch name {
		case "stores", "websites":
			if len(c.Magento.StoreIDs) == 0 && !names(j.Streams, "stores", "websites", "store_configs") {
				need.Without = "runs go on without the list of stores"
			}
		case "stock_statuses", "sources", "source_items":
			if !j.wants(name) {
				continue
			}
		case "stock_items":
			if !j.wants(name) {
				if !j.shortCut() {
					continue
				}
				need.Without = "the stock is asked for one SKU after another"
			}
		}
		list = append(list, need)
	}
	for _, s := range streams {
		if s.extra && s.isNamed(j.Streams) {
			list = append(list, Need{Stream: s.name, Path: s.path, Query: s.sample()})
		}
	}
	return list
}

// shortCut tells whether the settings have a run look for stock that need not be asked for SKU by SKU.
func (j *Job) shortCut() bool {
	mode := j.Config.Sync.StockMode()
	return (mode == config.StockSalable || mode == config.StockPhysical) &&
		(j.Config.Sync.StockBulk == config.StockBulkAuto || j.Config.Sync.StockRefresh == config.StockRefreshChanged)
}

// sample asks for one row, by its key alone.
func (s stream) sample() magento.Query {
	switch {
	case s.path == lowStockPath:
		return lowStockQuery(1, 1)
	case s.paging == byKeyset || s.paging == byNumber:
		return magento.Criteria{Fields: "items[" + s.key + "],total_count", PageSize: 1, CurrentPage: 1}.Query()
	}
	return nil
}
