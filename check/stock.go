package check

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"magento-optiply/config"
	"magento-optiply/magento"
)

type view struct {
	Code      string `json:"code"`
	WebsiteID int    `json:"website_id"`
}

type website struct {
	ID   int    `json:"id"`
	Code string `json:"code"`
}

// keep remembers the answers that tell the websites.
func (j *Job) keep(stream string, body []byte) {
	switch stream {
	case "stores":
		j.storesTold = json.Unmarshal(body, &j.views) == nil
	case "websites":
		_ = json.Unmarshal(body, &j.websites) // what cannot be read is not told
	}
}

// stock is one of the shop's stocks, with the codes of the websites that sell from it.
type stock struct {
	id       int
	name     string
	websites []string
}

func (s stock) String() string {
	text := fmt.Sprintf("stock %d (%s)", s.id, s.name)
	if len(s.websites) > 0 {
		text += " of the website " + strings.Join(s.websites, ", ")
	}
	return text
}

// defaultStock is the id of Magento's Default Stock, for which the store code `all` answers.
const defaultStock = 1

// checkStock says which numbers stockLevel will be (section 6.9).
func (j *Job) checkStock(ctx context.Context) {
	if j.halt != "" {
		j.skip(shopStock, j.halt)
		return
	}
	j.begin(shopStock)
	switch j.Config.Sync.StockMode() {
	case config.StockOff:
		j.skip(shopStock, "map_stockLevel is false: stock is not sent")
	case config.StockPhysical, config.StockListing:
		j.ok(shopStock, "physical quantities of the default source")
	case config.StockWarehouse:
		j.checkSources(ctx)
	default:
		j.checkSalable(ctx)
	}
}

// checkSources looks for the sources of warehouse_ids.
func (j *Job) checkSources(ctx context.Context) {
	c := magento.Criteria{Fields: "items[source_code,enabled],total_count", PageSize: 300, CurrentPage: 1}.OrderBy("source_code", false)
	resp, e, err := j.get(ctx, "inventory/sources", c.Query())
	if err != nil || e != nil {
		j.skip(shopStock, "the sources are not known")
		return
	}
	var list struct {
		Items []struct {
			Code    string `json:"source_code"`
			Enabled bool   `json:"enabled"`
		}
	}
	if err := json.Unmarshal(resp.Body, &list); err != nil {
		j.skip(shopStock, "the sources cannot be read: "+err.Error())
		return
	}
	var all, enabled, unknown, disabled []string
	for _, s := range list.Items {
		if all = append(all, s.Code); s.Enabled {
			enabled = append(enabled, s.Code)
		}
	}
	wanted := j.Config.Sync.WarehouseIDs
	for _, code := range wanted {
		switch {
		case !slices.Contains(all, code):
			unknown = append(unknown, code)
		case !slices.Contains(enabled, code):
			disabled = append(disabled, code)
		}
	}
	switch {
	case len(unknown) > 0:
		j.fail(shopStock, fmt.Sprintf("the shop has no source %s; it has %s", strings.Join(unknown, ", "), strings.Join(all, ", ")), "correct sync.warehouse_ids")
	case len(disabled) > 0:
		j.warn(shopStock, "sum of the sources "+strings.Join(wanted, ", ")+", of which "+strings.Join(disabled, ", ")+" is disabled in the shop", "see whether sync.warehouse_ids means it")
	case len(wanted) == 0:
		j.ok(shopStock, "sum of all enabled sources: "+strings.Join(enabled, ", "))
	default:
		j.ok(shopStock, "sum of the sources "+strings.Join(wanted, ", "))
	}
}

// checkSalable finds the stock that stockStatuses answers for: that of the website of magento.store_code.
func (j *Job) checkSalable(ctx context.Context) {
	resp, e, err := j.get(ctx, "inventory/stocks", magento.Criteria{PageSize: 100, CurrentPage: 1}.OrderBy("stock_id", false).Query())
	switch {
	case err != nil:
		j.fail(shopStock, err.Error(), "try again")
		return
	case e != nil && (e.Kind == magento.NoRoute || e.Kind == magento.NotFound):
		j.ok(shopStock, "salable quantities; the shop has no MSI, so there is one stock")
		return
	case e != nil:
		r := Result{Check: shopStock, Verdict: Warning, Found: "salable quantities, of which stock cannot be told: " + said(e), ToDo: e.Hint(), Endpoint: "inventory/stocks"}
		if e.Kind == magento.Forbidden {
			r.Permission = e.Resource
		}
		j.add(r)
		return
	}
	stocks, err := readStocks(resp.Body)
	if err != nil {
		j.warn(shopStock, "the shop's stocks cannot be read: "+err.Error(), "")
		return
	}
	j.tellStock(ctx, stocks)
}

func readStocks(body []byte) ([]stock, error) {
	var list struct {
		Items []struct {
			ID        int    `json:"stock_id"`
			Name      string `json:"name"`
			Extension struct {
				Channels []struct{ Type, Code string } `json:"sales_channels"`
			} `json:"extension_attributes"`
		}
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	var stocks []stock
	for _, item := range list.Items {
		s := stock{id: item.ID, name: item.Name}
		for _, c := range item.Extension.Channels {
			if c.Type == "website" {
				s.websites = append(s.websites, c.Code)
			}
		}
		stocks = append(stocks, s)
	}
	return stocks, nil
}

func (j *Job) tellStock(ctx context.Context, stocks []stock) {
	for _, s := range stocks {
		if len(s.websites) > 0 && j.selling == "" {
			j.selling = s.websites[0]
		}
	}
	code := j.Config.Magento.StoreCode
	switch code {
	case "all":
		at := slices.IndexFunc(stocks, func(s stock) bool { return s.id == defaultStock })
		if at < 0 {
			j.warn(shopStock, "salable quantities of the Default Stock, which the shop does not list", "set magento.store_code to a store view of the website that is meant")
			return
		}
		if len(stocks) > 1 {
			j.warn(shopStock, "salable quantities of "+stocks[at].String()+", whatever the website: that is what the store code all stands for", "set magento.store_code to a store view of the website that is meant")
			return
		}
		j.ok(shopStock, "salable quantities of "+stocks[at].String())
	case "":
		j.tellDefault(ctx, stocks)
	default:
		j.tellOf(stocks, code)
	}
}

// tellOf is the stock of a store view's website.
func (j *Job) tellOf(stocks []stock, code string) {
	for _, v := range j.views {
		if v.Code != code {
			continue
		}
		for _, w := range j.websites {
			if w.ID != v.WebsiteID {
				continue
			}
			for _, s := range stocks {
				if slices.Contains(s.websites, w.Code) {
					j.ok(shopStock, fmt.Sprintf("salable quantities of the website %s: stock %d (%s)", w.Code, s.id, s.name))
					return
				}
			}
			j.warn(shopStock, "no stock sells on the website "+w.Code+" of the store view "+code, "assign the website to a stock in the shop (Stores > Inventory > Stocks)")
			return
		}
	}
	j.warn(shopStock, "the shop's store views do not tell the website of "+code, "give the integration the permission Magento_Backend::store")
}

// tellDefault is the stock of the default store view, which no list names: with several stocks it is found by SKUs that tell them
// apart.
func (j *Job) tellDefault(ctx context.Context, stocks []stock) {
	var selling []stock
	for _, s := range stocks {
		if len(s.websites) > 0 {
			selling = append(selling, s)
		}
	}
	if len(selling) == 1 {
		j.ok(shopStock, "salable quantities of "+selling[0].String())
		return
	}
	const todo = "set magento.store_code to a store view of the website that is meant"
	if len(selling) == 0 {
		j.warn(shopStock, "salable quantities; no website sells from a stock of the shop", "assign a website to a stock in the shop (Stores > Inventory > Stocks)")
		return
	}
	left := j.compare(ctx, selling)
	if len(left) == 1 {
		j.ok(shopStock, "salable quantities of "+left[0].String()+", as SKUs show that differ between the stocks")
		return
	}
	names := make([]string, len(selling))
	for i, s := range selling {
		names[i] = s.String()
	}
	j.warn(shopStock, "the shop sells from "+strings.Join(names, " and ")+"; which of them the default store view stands for cannot be told", todo)
}

const (
	// exported is how many products of each stock are looked at for SKUs that differ, and compared how many of them are asked for.
	exported = 100
	compared = 4
)

// compare asks for SKUs whose salable quantity is not the same in all stocks, and returns the stocks that are left.
func (j *Job) compare(ctx context.Context, stocks []stock) []stock {
	quantities := map[int]map[string]float64{}
	for _, s := range stocks {
		c := magento.Criteria{PageSize: exported, CurrentPage: 1}.OrderBy("entity_id", false)
		resp, e, err := j.get(ctx, "inventory/export-stock-salable-qty/website/"+magento.SKUPath(s.websites[0]), c.Query())
		if err != nil || e != nil {
			return stocks
		}
		var list struct {
			Items []struct {
				SKU string  `json:"sku"`
				Qty float64 `json:"qty"`
			}
		}
		if json.Unmarshal(resp.Body, &list) != nil {
			return stocks
		}
		quantities[s.id] = map[string]float64{}
		for _, item := range list.Items {
			quantities[s.id][item.SKU] = math.Trunc(item.Qty)
		}
	}
	left, seen := slices.Clone(stocks), map[string]bool{}
	for tries := 0; len(left) > 1 && tries < compared; tries++ {
		sku := differing(left, quantities, seen)
		if sku == "" {
			break
		}
		seen[sku] = true
		qty, ok := j.salable(ctx, sku)
		if !ok {
			continue
		}
		same := slices.DeleteFunc(slices.Clone(left), func(s stock) bool { return quantities[s.id][sku] != qty })
		if len(same) > 0 { // with none left it was sold meanwhile
			left = same
		}
	}
	return left
}

// differing is the first SKU, not seen yet, that does not have the same quantity in all stocks. What a stock lacks is 0 there.
func differing(stocks []stock, quantities map[int]map[string]float64, seen map[string]bool) string {
	found := ""
	for _, s := range stocks {
		for sku, qty := range quantities[s.id] {
			if seen[sku] || found != "" && found < sku {
				continue
			}
			if slices.ContainsFunc(stocks, func(o stock) bool { return quantities[o.id][sku] != qty }) {
				found = sku
			}
		}
	}
	return found
}

// salable asks stockStatuses for a SKU; false where the answer is of no product.
func (j *Job) salable(ctx context.Context, sku string) (float64, bool) {
	resp, e, err := j.get(ctx, "stockStatuses/"+magento.SKUPath(sku), nil)
	if err != nil || e != nil {
		return 0, false
	}
	var answer struct {
		ProductID *int     `json:"product_id"`
		Qty       *float64 `json:"qty"`
	}
	if json.Unmarshal(resp.Body, &answer) != nil || answer.ProductID == nil || answer.Qty == nil {
		return 0, false
	}
	return math.Trunc(*answer.Qty), true
}

// checkBulk asks for one row of the bulk listing of salable quantities, without which each SKU is asked for.
func (j *Job) checkBulk(ctx context.Context) {
	const oneByOne = "the stock is asked for one SKU after another"
	switch {
	case j.halt != "":
		j.skip(shopBulk, j.halt)
		return
	case j.Config.Sync.StockMode() != config.StockSalable:
		j.skip(shopBulk, "salable quantities are not sent")
		return
	case j.Config.Sync.StockBulk == config.StockBulkOff:
		j.skip(shopBulk, "sync.stock_bulk is off: "+oneByOne)
		return
	case j.selling == "":
		j.skip(shopBulk, "the shop tells no website that sells from a stock: "+oneByOne)
		return
	}
	j.begin(shopBulk)
	path := "inventory/export-stock-salable-qty/website/" + magento.SKUPath(j.selling)
	_, e, err := j.get(ctx, path, magento.Criteria{PageSize: 1, CurrentPage: 1}.OrderBy("entity_id", false).Query())
	switch {
	case err != nil:
		j.fail(shopBulk, err.Error(), "try again")
	case e != nil:
		r := Result{Check: shopBulk, Verdict: Warning, Found: said(e) + "; " + oneByOne, ToDo: e.Hint(), Endpoint: path}
		switch e.Kind {
		case magento.Forbidden:
			r.Permission = e.Resource
		case magento.NoRoute:
			r.ToDo = "nothing, or a newer Magento: by its source the listing came with 2.3.2"
		}
		j.add(r)
	default:
		j.add(Result{Check: shopBulk, Verdict: OK, Found: "answers: stock comes in pages where that needs fewer requests", Endpoint: path})
	}
}
