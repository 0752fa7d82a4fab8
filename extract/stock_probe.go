package extract

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"

	"magento-optiply/magento"
)

const (
	// mostSamples is how many SKUs the bulk listings are checked by.
	mostSamples = 3
	// mostProbedPages is how many pages of the export are looked through for SKUs with a quantity.
	mostProbedPages = 5
	// mostTries is how often a SKU is compared: between two requests it can have been sold.
	mostTries = 3
)

// probeBulk finds out whether the bulk listings can be trusted with this shop's stock: that they need fewer requests, which website
// the numbers are of, and that a few SKUs have the same stock there as by stockStatuses/{sku}. In doubt they are not used.
func (j *Job) probeBulk(ctx context.Context) (way, error) {
	left, err := j.left(ctx)
	if err != nil || left <= bulkOverhead {
		return way{}, err
	}
	w := way{pageSize: j.Config.Magento.PageSize}
	count := magento.Criteria{Fields: "items[id],total_count", PageSize: 1, CurrentPage: 1}
	_, page, err := j.get(ctx, "products", count.Query(), "id")
	if e := refused(ctx, err); e != nil {
		return way{reason: why("products", e)}, nil
	}
	if err != nil {
		return w, err
	}
	w.products = page.TotalCount
	if cost, err := j.bulkCost(ctx, w); err != nil || w.products <= 0 || left <= cost {
		return way{}, err
	}
	if j.salable() {
		return j.probeExport(ctx, w, left)
	}
	if reason, err := j.needStockItems(ctx); err != nil || reason != "" {
		return way{reason: reason}, err
	}
	w.reason, err = j.check(ctx, w, nil)
	w.used = w.reason == ""
	return w, err
}

// needStockItems reads the bulk listing of stock items, where it was not read before.
func (j *Job) needStockItems(ctx context.Context) (reason string, err error) {
	reason, _, err = j.listForShortCut(ctx, "stock_items", "", partFull, func() error { return j.readStockItems(ctx) })
	return reason, err
}

// probeExport looks for the website, and for a page size that the shop can bear.
func (j *Job) probeExport(ctx context.Context, w way, left int) (way, error) {
	websites, reason, err := j.websites(ctx)
	if err != nil || reason != "" {
		return way{reason: reason}, err
	}
	pages := map[string][]byte{}
	for _, website := range websites {
		body, e, err := j.firstPage(ctx, website, &w)
		if err != nil {
			return w, err
		}
		if e != nil {
			return way{reason: why("inventory/"+exportSource(website), e)}, nil
		}
		pages[website] = body
	}
	if cost, err := j.bulkCost(ctx, w); err != nil || left <= cost {
		return way{}, err // with pages of the size that the shop allows
	}
	if reason, err := j.needStockItems(ctx); err != nil || reason != "" {
		return way{reason: reason}, err
	}
	if w.website = websites[0]; len(websites) > 1 {
		if w.website, err = j.websiteByComparison(ctx, websites, pages); err != nil || w.website == "" {
			return way{reason: "the shop sells from several stocks, and which is that of its default store view cannot be told: set magento.store_code"}, err
		}
	}
	w.reason, err = j.check(ctx, w, pages[w.website])
	if w.used = w.reason == ""; w.used {
		w.first = pages[w.website]
	}
	return w, err
}

// firstPage asks for the first page of a website's export. A page that the shop says is too large, or that takes it too long, makes
// all pages smaller.
func (j *Job) firstPage(ctx context.Context, website string, w *way) (body []byte, e *magento.Error, err error) {
	client := j.Client
	for {
		body, err = j.exportPage(ctx, client, website, 1, w.pageSize)
		if smaller, ok := smallerPage(err, w.pageSize); ok {
			w.pageSize = smaller
			continue
		}
		e = refused(ctx, err)
		if e == nil {
			return body, nil, err
		}
		tooMuch := slices.Contains([]magento.Kind{magento.ServerError, magento.Gateway, magento.Stalled, magento.TooLarge, magento.Transport}, e.Kind)
		if !tooMuch || w.pageSize/4 < smallestExport {
			return nil, e, nil
		}
		w.pageSize /= 4
		client = j.Client.WithRetries(1)
	}
}

// websites are the websites whose salable quantities can be the ones that stockStatuses answers under magento.store_code: one, or
// one for each stock where that does not tell (section 6.9).
func (j *Job) websites(ctx context.Context) (codes []string, reason string, err error) {
	code := j.Config.Magento.StoreCode
	if code != "" && code != allStores {
		codes, err = j.column(ctx, `SELECT w.item ->> 'code' FROM raw.stores s JOIN raw.websites w ON w.key = (s.item ->> 'website_id')
			WHERE (s.item ->> 'code') = ?`, code)
		if err == nil && len(codes) != 1 {
			reason = "the shop's store views do not tell the website of magento.store_code " + strconv.Quote(code)
		}
		return codes, reason, err
	}
	stocks, reason, _, err := j.stocks(ctx)
	if err != nil || reason != "" {
		return nil, reason, err
	}
	for _, s := range stocks {
		// The store code `all` answers for the Default Stock (recorded: e-stockStatuses-nl-* and by hand).
		if len(s.websites) > 0 && (code == "" || s.id == defaultStock) {
			codes = append(codes, s.websites[0])
		}
	}
	if len(codes) == 0 {
		reason = "no website sells from the stock that magento.store_code is for"
	}
	return codes, reason, nil
}

// allStores is the store code of values before any store view's.
const allStores = "all"

// quantities are the salable quantities of a page of the export, cut to whole numbers as stockStatuses does, by SKU.
func quantities(body []byte) (map[string]float64, error) {
	items, err := exportItems(body)
	if err != nil {
		return nil, err
	}
	found := map[string]float64{}
	for _, raw := range items {
		var item struct {
			SKU string      `json:"sku"`
			Qty json.Number `json:"qty"`
		}
		if json.Unmarshal(raw, &item) != nil {
			continue
		}
		if qty, err := item.Qty.Float64(); err == nil {
			found[item.SKU] = math.Trunc(qty)
		}
	}
	return found, nil
}

// websiteByComparison finds the website whose quantities stockStatuses answers, by SKUs that tell the websites apart; empty where
// not exactly one is left. A SKU that a website does not list is not in its stock, so it has no quantity there.
func (j *Job) websiteByComparison(ctx context.Context, websites []string, pages map[string][]byte) (string, error) {
	possible := map[string]map[string]float64{}
	for _, website := range websites {
		found, err := quantities(pages[website])
		if err != nil {
			return "", err
		}
		possible[website] = found
	}
	seen := map[string]bool{}
	for tries := 0; len(possible) > 1 && tries < 2*mostSamples*len(websites); tries++ {
		sku, id, err := j.telling(ctx, possible, seen)
		if err != nil || sku == "" {
			return "", err
		}
		seen[sku] = true
		answer, err := j.statusOf(ctx, sku, id)
		if err != nil {
			return "", err
		}
		if answer == nil {
			continue
		}
		for website, found := range possible {
			if found[sku] != answer.qty {
				delete(possible, website)
			}
		}
	}
	for website := range possible {
		if len(possible) == 1 {
			return website, nil
		}
	}
	return "", nil
}

// telling is a product of the plan, not seen yet, whose quantity is not the same on all websites that are still possible.
func (j *Job) telling(ctx context.Context, possible map[string]map[string]float64, seen map[string]bool) (sku, remoteID string, err error) {
	var skus []string
	for _, found := range possible {
		for sku, qty := range found {
			if !seen[sku] && !slices.Contains(skus, sku) && differs(possible, sku, qty) {
				skus = append(skus, sku)
			}
		}
	}
	if len(skus) == 0 {
		return "", "", nil
	}
	samples, err := j.samples(ctx, skus, 1)
	if err != nil || len(samples) == 0 {
		return "", "", err
	}
	return samples[0].sku, samples[0].remoteID, nil
}

func differs(possible map[string]map[string]float64, sku string, qty float64) bool {
	for _, found := range possible {
		if found[sku] != qty {
			return true
		}
	}
	return false
}

// sample is a product by which the bulk listings are checked.
type sample struct {
	wantedSKU
	physical float64
	managed  bool
}

// samples are products of the plan with a row in the bulk listing of stock items: those of some SKUs, or, with none given, some
// with a quantity there.
func (j *Job) samples(ctx context.Context, skus []string, most int) (list []sample, err error) {
	asked, err := json.Marshal(skus)
	if err != nil {
		return nil, err
	}
	rows, err := j.Run.DB.QueryContext(ctx, `
		WITH item AS (
			SELECT unnest(from_json(content, '{"items":[{"product_id":"VARCHAR","qty":"VARCHAR","manage_stock":"VARCHAR"}]}').items, recursive := true) FROM page.stock_items)
		SELECT p.sku, p.remote_id, try_cast(i.qty AS DOUBLE) AS qty, try_cast(i.manage_stock AS BOOLEAN) AS managed
		FROM run.stock_plan p JOIN item i ON i.product_id = p.remote_id
		WHERE managed IS NOT NULL AND try_cast(i.qty AS DOUBLE) IS NOT NULL
		  AND CASE WHEN $1 IN ('null', '[]') THEN abs(try_cast(i.qty AS DOUBLE)) >= 1 ELSE p.sku IN (SELECT unnest(from_json($1, '["VARCHAR"]'))) END
		ORDER BY md5(p.sku) LIMIT $2`, string(asked), most)
	if err != nil {
		return nil, fmt.Errorf("find SKUs to check the bulk listings by: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var s sample
		if err := rows.Scan(&s.sku, &s.remoteID, &s.physical, &s.managed); err != nil {
			return nil, fmt.Errorf("find SKUs to check the bulk listings by: %w", err)
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// status is what stockStatuses answers of a product.
type status struct {
	qty, physical float64
	managed       bool
}

// statusOf asks stockStatuses for a SKU; nil where the answer does not tell of this product.
func (j *Job) statusOf(ctx context.Context, sku, remoteID string) (*status, error) {
	body, refusal, err := j.askForStock(ctx, sku, remoteID)
	if err != nil || refusal != nil {
		return nil, err
	}
	var answer struct {
		ProductID *json.RawMessage `json:"product_id"`
		Qty       *float64         `json:"qty"`
		Item      struct {
			Qty    *float64 `json:"qty"`
			Manage *bool    `json:"manage_stock"`
		} `json:"stock_item"`
	}
	if json.Unmarshal(body, &answer) != nil || answer.ProductID == nil || answer.Qty == nil || answer.Item.Qty == nil || answer.Item.Manage == nil {
		return nil, nil
	}
	return &status{qty: math.Trunc(*answer.Qty), physical: math.Trunc(*answer.Item.Qty), managed: *answer.Item.Manage}, nil
}

// check compares a few SKUs with a quantity with what stockStatuses says. What it returns is why the bulk listings are not to be
// trusted: a SKU that stays different, or none to compare.
func (j *Job) check(ctx context.Context, w way, first []byte) (reason string, err error) {
	checked := 0
	for page := 1; checked < mostSamples && page <= mostProbedPages; page++ {
		var skus []string
		if j.salable() {
			if page > pagesOf(w.products, w.pageSize) {
				break
			}
			if skus, reason, err = j.withQuantity(ctx, w, page, first); err != nil || reason != "" {
				return reason, err
			}
			if len(skus) == 0 {
				continue
			}
		}
		samples, err := j.samples(ctx, skus, 2*mostSamples)
		if err != nil {
			return "", err
		}
		for _, s := range samples {
			if checked == mostSamples {
				break
			}
			same, reason, err := j.compare(ctx, w, s, page, first)
			if err != nil || reason != "" {
				return reason, err
			}
			if same {
				checked++
			}
		}
		if !j.salable() || checked > 0 {
			break
		}
	}
	if checked == 0 {
		return "the bulk listings have no SKU with a quantity on their first pages to be checked by", nil
	}
	return "", nil
}

// withQuantity are the SKUs on a page of the export that have a quantity.
func (j *Job) withQuantity(ctx context.Context, w way, page int, first []byte) (skus []string, reason string, err error) {
	body := first
	if page > 1 {
		body, err = j.exportPage(ctx, j.Client, w.website, page, w.pageSize)
	}
	if e := refused(ctx, err); e != nil {
		return nil, why("inventory/"+exportSource(w.website), e), nil
	}
	if err != nil {
		return nil, "", err
	}
	found, err := quantities(body)
	for sku, qty := range found {
		if qty != 0 {
			skus = append(skus, sku)
		}
	}
	return skus, "", err
}

// compare asks for one SKU both ways. A difference is looked at again, on a fresh page: it can have been sold meanwhile.
func (j *Job) compare(ctx context.Context, w way, s sample, page int, first []byte) (same bool, reason string, err error) {
	var bulk, alone float64
	for try := 1; try <= mostTries; try++ {
		answer, err := j.statusOf(ctx, s.sku, s.remoteID)
		if err != nil || answer == nil {
			return false, "", err
		}
		body := first
		if j.salable() && (page > 1 || try > 1) {
			body, err = j.exportPage(ctx, j.Client, w.website, page, w.pageSize)
		} else if !j.salable() && try > 1 {
			s, err = j.listedAgain(ctx, s)
		}
		if e := refused(ctx, err); e != nil {
			return false, why("the bulk listings", e), nil
		}
		if err != nil {
			return false, "", err
		}
		bulk, alone = math.Trunc(s.physical), answer.physical
		if j.salable() {
			found, err := quantities(body)
			if err != nil {
				return false, "", err
			}
			bulk, alone = found[s.sku], answer.qty
		}
		if bulk == alone && s.managed == answer.managed {
			return true, "", nil
		}
	}
	return false, fmt.Sprintf("the bulk listings do not say what stockStatuses says: SKU %q has %s there and %s here", s.sku, number(bulk), number(alone)), nil
}

// listedAgain reads the page of the bulk listing of stock items that has a product once more. What was kept of it stays.
func (j *Job) listedAgain(ctx context.Context, s sample) (sample, error) {
	cursors, err := j.column(ctx, `SELECT p.cursor FROM run.pages p JOIN page.stock_items a ON a.file = p.file AND p.stream = 'stock_items'
		WHERE list_contains(list_transform(from_json(a.content, '{"items":[{"product_id":"VARCHAR"}]}').items, lambda i: i.product_id), ?)`, s.remoteID)
	if err != nil || len(cursors) == 0 {
		return s, err
	}
	var page, size int
	if _, err := fmt.Sscanf(cursors[0], "%d/%d", &page, &size); err != nil {
		return s, fmt.Errorf("run.pages: cursor %q is no page number and size: %w", cursors[0], err)
	}
	resp, _, err := j.get(ctx, lowStockPath, lowStockQuery(page, size), "item_id")
	if err != nil {
		return s, err
	}
	var list struct {
		Items []struct {
			ProductID json.Number `json:"product_id"`
			Qty       float64     `json:"qty"`
			Manage    bool        `json:"manage_stock"`
		} `json:"items"`
	}
	if err := json.Unmarshal(resp.Body, &list); err != nil {
		return s, &magento.Error{Kind: magento.BadShape, Method: "GET", Path: lowStockPath, Message: "the stock items cannot be read: " + err.Error()}
	}
	for _, item := range list.Items {
		if item.ProductID.String() == s.remoteID {
			s.physical, s.managed = item.Qty, item.Manage
		}
	}
	return s, nil
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
