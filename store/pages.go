package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// streams are the streams that a run file has views for, with the JSON path of a record's key and the shape of a page:
// list for {"items": [...]}, array for a bare array (store views and websites are answered so).
var streams = []struct {
	name, key, shape string
}{
	{"products", "id", "list"},
	{"products_again", "id", "list"}, // the second look of section 8
	{"stock_statuses", "sku", "list"},
	{"stock_items", "product_id", "list"},
	{"orders_touched", "entity_id", "list"}, // whose products' stock can have changed
	{"products_touched", "id", "list"},      // since the listing that the bulk listings are compared with
	{"stocks", "stock_id", "list"},
	{"stock_index", "sku", "array"}, // of each stock, by one of its websites
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
//
// A page goes through the join as a list of one text, for the memory's sake: DuckDB gathers the small chunks that leave a
// join into one of up to 2,048 rows, here the parsed pages of half a gigabyte, unless there is a list among the columns.
func streamViews(id string) []string {
	var views []string
	for _, s := range streams {
		path, schema := ".items", `{"items":["JSON"]}`
		if s.shape == "array" {
			path, schema = "", `["JSON"]`
		}
		views = append(views, fmt.Sprintf(`
CREATE VIEW IF NOT EXISTS page.%[1]s AS
SELECT p.store_code, p.part, p.file, p.fetched_at, t.contents[1] AS content
FROM (SELECT filename, [content] AS contents FROM read_text(%[2]s)) t JOIN run.pages p ON p.stream = %[3]s AND p.file = parse_filename(t.filename)`,
			s.name, quote(id+".pages/"+s.name+"/*.json"), quote(s.name)),
			fmt.Sprintf(`
CREATE VIEW IF NOT EXISTS raw.%[1]s AS
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
	Cursor    string // what a resumed run goes on after: the last id, the last date, or the page's number and size
	Range     int    // number in run.ranges; 0 where the part is not read in ranges
	FetchedAt time.Time
	Body      []byte

	size int // of the body, when that is in the file
}

// SavePage makes a page durable: the file first, under a temporary name, then its row. A kill between the two leaves a
// file that does not count, and the page is read again.
func (r *Run) SavePage(ctx context.Context, p Page) error {
	if err := r.AddPage(ctx, p); err != nil {
		return err
	}
	return r.KeepPages(ctx)
}

// ReadPage reads a page file that was saved.
func (r *Run) ReadPage(stream, file string) ([]byte, error) {
	if err := r.KeepPages(context.Background()); err != nil {
		return nil, err
	}
	body, err := os.ReadFile(filepath.Join(r.PagesDir(), stream, file))
	if err != nil {
		return nil, fmt.Errorf("read a page of %s: %w", stream, err)
	}
	return body, nil
}

// checkPages finds page files that are gone or cut short since they were saved. The views would leave out their rows
// without a word, and so would the plan (invariant 1).
func (r *Run) checkPages(ctx context.Context) error {
	rows, err := r.DB.QueryContext(ctx, "SELECT stream, file, bytes FROM run.pages")
	if err != nil {
		return fmt.Errorf("read run.pages: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var stream, file string
		var bytes int64
		if err := rows.Scan(&stream, &file, &bytes); err != nil {
			return fmt.Errorf("read run.pages: %w", err)
		}
		path := filepath.Join(r.PagesDir(), stream, file)
		switch info, err := os.Stat(path); {
		case err != nil:
			return fmt.Errorf("run %s misses a page file: put it back, or start a new run: %w", r.ID, err)
		case info.Size() != bytes:
			return fmt.Errorf("run %s has a damaged page file: %s has %d bytes instead of %d: put it back, or start a new run", r.ID, path, info.Size(), bytes)
		}
	}
	return rows.Err()
}

// syncDir makes a new name in a folder durable. Not every file system can, and then it is as durable as it gets.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}
