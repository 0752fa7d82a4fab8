package extract

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"magento-optiply/magento"
)

//go:embed sql/second_look.sql
var secondLookSQL string

//go:embed sql/products_by_id.sql
var productsByIDSQL string

// idsPerRequest bounds a filter `entity_id in (...)`, so that the address stays short enough for any server.
const idsPerRequest = 100

// productFields is what the transformation uses. fields= cuts the bytes of a products page eight times (recorded:
// b-fields-products).
func (j *Job) productFields() string {
	fields := "id,sku,name,price,status,type_id,created_at,updated_at"
	if len(j.Config.Magento.ProductAttributes) > 0 {
		fields += ",custom_attributes[attribute_code,value]"
	}
	return "items[" + fields + "],total_count"
}

// readProducts reads the products listing, whole or by window, for each store.
func (j *Job) readProducts(ctx context.Context) error {
	full, err := j.isFull(ctx)
	if err != nil {
		return err
	}
	j.full = full
	if !full && !j.Parts.Products {
		return nil
	}
	for _, s := range j.stores {
		name := partWindow
		if full {
			name = partFull
		}
		start, end, err := j.window(ctx, "products", s.code)
		if err != nil {
			return err
		}
		if full {
			start = time.Time{} // the whole listing, whenever a product was changed; end is what the bookmark moves to
		}
		if err := j.readProductsOf(ctx, s, name, start, end); err != nil {
			return err
		}
	}
	return nil
}

func (j *Job) readProductsOf(ctx context.Context, s partition, name string, start, end time.Time) error {
	p, err := j.begin(ctx, "products", s.code, name, start, end)
	if err != nil || p.done {
		return err
	}
	base := s.only(magento.Criteria{Fields: j.productFields()})
	if name == partWindow {
		base = p.within(base)
	}
	total, err := p.read(ctx, listing{path: "products", idField: "id", keyset: "entity_id", base: base, size: j.Config.Magento.PageSize})
	if err != nil {
		return err
	}
	if name == partFull {
		if err := j.cover(ctx, p, total, base); err != nil {
			return err
		}
	}
	return p.finish(ctx, "")
}

// cover proves, or not, that the full listing was read whole: as many distinct products as the shop counts afterwards.
// More than that is no harm, those were deleted meanwhile; products added meanwhile have higher ids and are read now.
func (j *Job) cover(ctx context.Context, p *part, total int, base magento.Criteria) error {
	count := base
	count.PageSize, count.CurrentPage = 1, 1
	_, page, err := j.get(ctx, "products", count, "id")
	if err != nil {
		return fmt.Errorf("count the products: %w", err)
	}
	expected := page.TotalCount
	if expected < 0 {
		expected = total
	}
	var rows int
	err = j.Run.DB.QueryRowContext(ctx, `SELECT count(DISTINCT item ->> 'id') FROM (
		SELECT unnest(from_json(content, '{"items":["JSON"]}').items) AS item FROM page.products WHERE store_code = ? AND part = ?)`,
		p.storeCode, partFull).Scan(&rows)
	if err != nil {
		return fmt.Errorf("count the products that were read: %w", err)
	}
	reason := ""
	switch {
	case rows == 0:
		reason = "the shop answered no product at all"
	case expected < 0:
		reason = "the shop did not tell how many products it has"
	case rows < expected:
		reason = fmt.Sprintf("%d products were read, and the shop counts %d", rows, expected)
	}
	_, err = j.Run.DB.ExecContext(ctx, `INSERT OR REPLACE INTO run.coverage (stream, store_code, complete, rows, expected, reason)
		VALUES ('products', ?, ?, ?, ?, nullif(?, ''))`, p.storeCode, reason == "", rows, expected, reason)
	if err != nil {
		return fmt.Errorf("keep the coverage: %w", err)
	}
	if reason != "" {
		j.Log.Warn("the products listing is not complete, so nothing is disabled", "reason", reason)
	}
	return nil
}

// readProductsByID reads the products that no window holds.
func (j *Job) readProductsByID(ctx context.Context) error {
	if j.full || !j.Parts.Products && !j.Parts.SellOrders {
		return nil // the whole listing holds whatever there is
	}
	ids, err := j.column(ctx, productsByIDSQL, j.Parts.Products)
	if err != nil {
		return fmt.Errorf("find the products to read by id: %w", err)
	}
	_, err = j.readByID(ctx, "products", "products", "id", j.productFields(), ids)
	return err
}

// lookAgain asks for the products that seem to be gone once more, by id: the second look without which nothing is
// disabled (invariant 3).
func (j *Job) lookAgain(ctx context.Context) error {
	if !j.full || !j.Parts.Deletions || !j.Config.Sync.SyncProductDeletions {
		return nil
	}
	ids, err := j.column(ctx, secondLookSQL)
	if err != nil {
		return fmt.Errorf("find the products to look for again: %w", err)
	}
	for chunk := range slices.Chunk(ids, idsPerRequest) {
		found, err := j.readByID(ctx, "products_again", "products", "id", "items[id,sku,status],total_count", chunk)
		if err != nil {
			return err
		}
		for _, id := range chunk {
			if _, err := j.Run.DB.ExecContext(ctx, "INSERT INTO run.second_look VALUES (?, ?, ?)", id, found[id], j.Now().UTC()); err != nil {
				return fmt.Errorf("keep the second look: %w", err)
			}
		}
	}
	return nil
}

// readByID reads records by their ids, as many of them as there are, and tells which were found.
func (j *Job) readByID(ctx context.Context, stream, path, idField, fields string, ids []string) (map[string]bool, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	p, err := j.begin(ctx, stream, "", partIDs, time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	j.Progress.Begin(stream, int64(len(ids)))
	defer j.Progress.End(stream)
	found := map[string]bool{}
	for chunk := range slices.Chunk(ids, idsPerRequest) {
		c := magento.Criteria{Fields: fields, PageSize: len(chunk), CurrentPage: 1}.
			Where(magento.Filter{Field: "entity_id", Condition: magento.In, Value: strings.Join(chunk, ",")}).OrderBy("entity_id", false)
		resp, page, err := j.get(ctx, path, c, idField)
		if err != nil {
			return nil, fmt.Errorf("read %s by id: %w", stream, err)
		}
		if err := collectIDs(resp.Body, idField, found); err != nil {
			return nil, fmt.Errorf("read %s by id: %w", stream, err)
		}
		if page.Count > 0 {
			if err := p.save(ctx, resp.Body, page.Count, ""); err != nil {
				return nil, err
			}
		}
	}
	return found, p.finish(ctx, "")
}

func collectIDs(body []byte, idField string, found map[string]bool) error {
	var list struct {
		Items []map[string]json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return err
	}
	for _, item := range list.Items {
		id := strings.Trim(string(item[idField]), `"`)
		if _, err := strconv.ParseInt(id, 10, 64); err != nil {
			return fmt.Errorf("an item has no %s that is a number", idField)
		}
		found[id] = true
	}
	return nil
}

// column runs a query of one text column.
func (j *Job) column(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := j.Run.DB.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var values []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, rows.Err()
}
