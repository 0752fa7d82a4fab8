package extract

import (
	"fmt"
	"slices"
	"strings"

	"magento-optiply/config"
)

// KnownStreams are the streams that this version can read.
func KnownStreams() []string {
	return []string{"products", "stock_statuses", "stock_items", "source_items", "sources", "orders", "websites", "stores"}
}

// CheckStreams refuses a stream that cannot be read, rather than to leave it out without a word.
func CheckStreams(names []string) error {
	for _, name := range names {
		if name != "all" && !slices.Contains(KnownStreams(), name) {
			return &UsageError{fmt.Errorf("stream %q: this version reads %s", name, strings.Join(KnownStreams(), ", "))}
		}
	}
	return nil
}

// PartsOf are the parts of a run that named streams alone are for.
func PartsOf(streams []string) Parts {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(streams, n) || slices.Contains(streams, "all") })
	}
	return Parts{Products: has("products"), Stocks: has("stock_statuses", "stock_items", "source_items"), SellOrders: has("orders")}
}

// wants tells whether a stock stream is read: the stock mode needs it, or it was named.
func (j *Job) wants(stream string) bool {
	if slices.Contains(j.Streams, stream) || slices.Contains(j.Streams, "all") {
		return true
	}
	// A run that syncs no stock still needs it for the products it creates. One with --streams reads only what it names.
	if j.OnlyStreams || !j.Parts.Stocks && !j.Parts.Products {
		return false
	}
	mode := j.Config.Sync.StockMode()
	switch stream {
	case "stock_statuses":
		return mode == config.StockSalable || mode == config.StockPhysical
	case "sources", "source_items":
		return mode == config.StockWarehouse
	case "stock_items":
		// manage_stock, from which unlimitedStock comes, is in the bulk listing for the modes that do not ask one by one.
		return mode == config.StockListing || mode == config.StockWarehouse || mode == config.StockOff
	}
	return false
}
