package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// streams are the streams that a run file has views for, with the JSON path of a record's key and the shape of a page:
// list for {"items": [...]}, array for a bare array (store views and websites are answered so).
var streams = []struct{ name, key, shape string }{
	{"products", "id", "list"},
	{"products_again", "id", "list"}, // the second look of section 8
	{"stock_statuses", "sku", "list"},
	{"stock_items", "product_id", "list"},
	{"source_items", "sku", "list"},
	{"sources", "source_code", "list"},
	{"orders", "entity_id", "list"},
	{"customers", "id", "list"},
	{"invoices", "entity_id", "list"},
	{"credit_memos", "entity_id", "list"},
	{"categories", "id", "list"},
	{"sales_rules", "rule_id", "list"},
	{"coupons", "coupon_id", "list"},
	{"websites", "id", "array"},
	{"stores", "id", "array"},
	{"store_configs", "id", "array"},
	{"product_attributes", "attribute_id", "list"},
}

// streamViews are page.<stream> (one row a page: its answer as sent) and raw.<stream> (one row a record), over the page
// files beside the run file. The paths are relative to the runs folder, so that a folder can be moved; a page without
// its row in run.pages was being written when the process was killed and does not count.
func streamViews(id string) []string {
	var views []string
	for _, s := range streams {
		path, schema := ".items", `{"items":["JSON"]}`
		if s.shape == "array" {
			path, schema = "", `["JSON"]`
		}
		views = append(views, fmt.Sprintf(`
CREATE VIEW page.%[1]s AS
SELECT p.store_code, p.part, p.file, p.fetched_at, t.content
FROM read_text(%[2]s) t JOIN run.pages p ON p.stream = %[3]s AND p.file = parse_filename(t.filename)`,
			s.name, quote(id+".pages/"+s.name+"/*.json"), quote(s.name)),
			fmt.Sprintf(`
CREATE VIEW raw.%[1]s AS
SELECT store_code, item ->> '%[2]s' AS key, item, fetched_at
FROM (SELECT store_code, fetched_at, unnest(from_json(content, '%[3]s')%[4]s) AS item FROM page.%[1]s)`,
				s.name, s.key, schema, path))
	}
	return views
}

// Page is one answer of the shop as it is kept: its body in a file, its row in run.pages.
type Page struct {
	Stream    string
	StoreCode string
	Part      string
	File      string // name of the file, such as 000001.json
	Rows      int
	Cursor    string // where the next page starts
	FetchedAt time.Time
	Body      []byte
}

// SavePage makes a page durable: the file first, under a temporary name, then its row. A kill between the two leaves a
// file that does not count, and the page is read again.
func (r *Run) SavePage(ctx context.Context, p Page) error {
	dir := filepath.Join(r.PagesDir(), p.Stream)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("save page %s of %s: %w", p.File, p.Stream, err)
	}
	path := filepath.Join(dir, p.File)
	if err := writeFile(path, p.Body); err != nil {
		return fmt.Errorf("save page %s of %s: %w", p.File, p.Stream, err)
	}
	_, err := r.DB.ExecContext(ctx, `INSERT INTO run.pages (stream, store_code, part, file, rows, bytes, cursor, fetched_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, p.Stream, p.StoreCode, p.Part, p.File, p.Rows, len(p.Body), p.Cursor, p.FetchedAt.UTC())
	if err != nil {
		return fmt.Errorf("save page %s of %s: %w", p.File, p.Stream, explain(r.shop.runPath(r.ID, r.Partial), err))
	}
	return nil
}

// writeFile writes a file whole or not at all.
func writeFile(path string, data []byte) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, data, 0o640); err != nil {
		_ = os.Remove(tmp)
		return err
	}
	return os.Rename(tmp, path)
}
