package recording

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"magento-optiply/config"
	"magento-optiply/magento/magentotest"
	"magento-optiply/store"
)

// Stream is what was recorded of one stream.
type Stream struct {
	Name    string
	Records int
	Bytes   int64
}

// Result is what was recorded.
type Result struct {
	Night   Night
	Streams []Stream
	// Lost names what a fixture set cannot hold, so that the night run again can differ there.
	Lost []string
}

// NotEmptyError means that the folder to write to holds something.
type NotEmptyError struct{ Dir string }

func (e *NotEmptyError) Error() string {
	return fmt.Sprintf("%s is there already, and is no empty folder: name a new one", e.Dir)
}

// NotRecordableError means that a run cannot be recorded.
type NotRecordableError struct{ Reason string }

func (e *NotRecordableError) Error() string { return e.Reason }

// SQLFolder is where a recording keeps the SQL of the shop's own that the run was transformed with.
const SQLFolder = "sql"

// Write records a finished run into a new folder, whole or not at all. own are the files of the shop's own SQL, by name.
func Write(ctx context.Context, run *store.Run, dir string, mask *Mask, own map[string][]byte) (result *Result, err error) {
	if err := free(dir); err != nil {
		return nil, err
	}
	w := &writer{ctx: ctx, run: run, mask: mask, result: &Result{}}
	if err := w.begin(); err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	// Beside its place, so that a rename is all that is left to do.
	if err := os.MkdirAll(filepath.Dir(dir), 0o750); err != nil {
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	w.dir, err = os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".recording-*")
	if err != nil {
		return nil, fmt.Errorf("make the folder: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(w.dir)
		}
	}()
	if err := w.all(); err != nil {
		return nil, err
	}
	if err := w.writeSQL(own); err != nil {
		return nil, fmt.Errorf("record the shop's own SQL: %w", err)
	}
	if err := os.Chmod(w.dir, 0o750); err != nil {
		return nil, err
	}
	// An empty folder may be there; what anybody put into it meanwhile is not removed.
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, &NotEmptyError{dir}
	}
	if err := os.Rename(w.dir, dir); err != nil {
		return nil, fmt.Errorf("put the recording in its place: %w", err)
	}
	return w.result, nil
}

func (w *writer) writeSQL(own map[string][]byte) error {
	if len(own) == 0 {
		return nil
	}
	dir := filepath.Join(w.dir, SQLFolder)
	if err := os.Mkdir(dir, 0o750); err != nil {
		return err
	}
	for name, text := range own {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o640); err != nil {
			return err
		}
	}
	return nil
}

// free refuses a folder that holds anything.
func free(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		if info, serr := os.Stat(dir); serr == nil && !info.IsDir() {
			return &NotEmptyError{dir}
		}
		return fmt.Errorf("look into the folder: %w", err)
	case len(entries) > 0:
		return &NotEmptyError{dir}
	}
	return nil
}

// writer is one recording on its way.
type writer struct {
	ctx    context.Context
	run    *store.Run
	dir    string
	mask   *Mask
	result *Result

	schema    int
	bookmarks bool   // whether the run file knows its bookmarks and parked rows
	storeCode string // magento.store_code
	website   string // whose salable quantities were read in bulk; empty where none were
	stores    map[string]view
	websites  []int64
	recorded  magentotest.Recorded
	overlap   time.Duration
}

// view is a store view of the shop.
type view struct{ id, website int64 }

// begin reads what the run is, and refuses one that cannot be run again.
func (w *writer) begin() error {
	var now sql.NullTime
	var full sql.NullBool
	var hash, shop sql.NullString
	var changes sql.NullInt64
	err := w.run.DB.QueryRowContext(w.ctx, "SELECT shop, schema_version, shop_now, products_full, plan_hash, state_changes FROM run.info").
		Scan(&shop, &w.schema, &now, &full, &hash, &changes)
	if err != nil {
		return fmt.Errorf("read run.info: %w", err)
	}
	if w.run.Partial || !now.Valid || !full.Valid {
		return &NotRecordableError{fmt.Sprintf("run %s did not read the shop to its end, so it has no diff to give again: go on with it by --resume, or record a finished run", w.run.ID)}
	}
	w.result.Night = Night{Version: version, Run: w.run.ID, Shop: shop.String, Now: now.Time.UTC(), Full: full.Bool, PlanHash: hash.String,
		StateChanges: changes.Int64, Settings: map[string]string{}, Parts: map[string]string{}}
	if err := w.readSettings(); err != nil {
		return err
	}
	if w.schema >= 2 {
		err = w.run.DB.QueryRowContext(w.ctx, "SELECT bookmarks_at IS NOT NULL FROM run.info").Scan(&w.bookmarks)
		if err != nil {
			return fmt.Errorf("read run.info: %w", err)
		}
	}
	return w.readStores()
}

func (w *writer) readSettings() error {
	rows, err := w.run.DB.QueryContext(w.ctx, "SELECT name, coalesce(value, '') FROM run.settings")
	if err != nil {
		return fmt.Errorf("read run.settings: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return fmt.Errorf("read run.settings: %w", err)
		}
		switch {
		case strings.HasPrefix(name, "run."): // what the run was started for
			w.result.Night.Parts[name] = value
		case config.Keeps(name):
			w.result.Night.Settings[name] = value
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read run.settings: %w", err)
	}
	w.storeCode = w.result.Night.Settings["magento.store_code"]
	if err := w.howStockWasRead(); err != nil {
		return err
	}
	w.overlap, _ = time.ParseDuration(w.result.Night.Settings["magento.overlap"])
	return nil
}

// sinceWays is the schema version of run files since which they tell by which way the stock was read.
const sinceWays = 5

// howStockWasRead has the stock read by the same way again, whatever decided it: the plan tells where a quantity came from, and
// the server of fixture sets has bulk listings for every shop. What was kept from an earlier run is asked for.
func (w *writer) howStockWasRead() error {
	bulk := false
	if w.schema >= sinceWays {
		err := w.run.DB.QueryRowContext(w.ctx, "SELECT coalesce(bool_or(used), false), coalesce(max(website) FILTER (used), '') FROM run.stock_ways WHERE way = 'bulk'").
			Scan(&bulk, &w.website)
		if err != nil {
			return fmt.Errorf("read run.stock_ways: %w", err)
		}
	}
	settings := w.result.Night.Settings
	if _, known := settings["sync.stock_bulk"]; known && !bulk {
		settings["sync.stock_bulk"] = config.StockBulkOff
	}
	if _, known := settings["sync.stock_refresh"]; known {
		settings["sync.stock_refresh"] = config.StockRefreshAll
	}
	return nil
}

// readStores reads which website each store view belongs to.
func (w *writer) readStores() error {
	w.stores = map[string]view{}
	rows, err := w.run.DB.QueryContext(w.ctx, `SELECT item ->> 'code', (item ->> 'id')::BIGINT, (item ->> 'website_id')::BIGINT FROM raw.stores
		WHERE try_cast(item ->> 'id' AS BIGINT) IS NOT NULL AND try_cast(item ->> 'website_id' AS BIGINT) IS NOT NULL ORDER BY 2`)
	if err != nil {
		return fmt.Errorf("read raw.stores: %w", err)
	}
	defer rows.Close()
	seen := map[int64]bool{0: true}
	for rows.Next() {
		var code sql.NullString
		var v view
		if err := rows.Scan(&code, &v.id, &v.website); err != nil {
			return fmt.Errorf("read raw.stores: %w", err)
		}
		w.stores[code.String] = v
		if !seen[v.website] {
			w.websites = append(w.websites, v.website)
		}
		seen[v.website] = true
	}
	if len(w.websites) == 0 {
		w.websites = []int64{1}
	}
	return rows.Err()
}

// all writes every file.
func (w *writer) all() error {
	for _, step := range []func() error{w.writeStreams, w.writeSalable, w.writeState, w.writeShop, w.writeNight} {
		if err := step(); err != nil {
			return err
		}
		if err := w.ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// writeShop writes shop.json: the shop as it answered.
func (w *writer) writeShop() error {
	return w.writeJSON("shop.json", struct {
		Name             string    `json:"name"`
		Now              time.Time `json:"now"`
		AccessToken      string    `json:"access_token"`
		DefaultStoreCode string    `json:"default_store_code,omitempty"`
		magentotest.Recorded
	}{w.result.Night.Shop, w.result.Night.Now, AccessToken, w.defaultStore(), w.recorded})
}

// defaultStore is the code of the store view that /rest/V1 means: "default" in most shops, else the first one. A shop that
// does not show its stores has at least the one that it was read with.
func (w *writer) defaultStore() string {
	if len(w.stores) == 0 {
		return w.storeCode
	}
	if _, ok := w.stores["default"]; ok {
		return "default"
	}
	first, code := view{}, ""
	for c, v := range w.stores {
		if v.id > 0 && (code == "" || v.id < first.id) {
			first, code = v, c
		}
	}
	return code
}

func (w *writer) writeNight() error { return w.writeJSON("run.json", w.result.Night) }

// writeJSON writes a small file for people to read too.
func (w *writer) writeJSON(name string, what any) error {
	text, err := json.MarshalIndent(what, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	file, err := os.OpenFile(filepath.Join(w.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = file.Write(append(text, '\n'))
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// lose notes what the set cannot hold.
func (w *writer) lose(format string, args ...any) {
	w.result.Lost = append(w.result.Lost, fmt.Sprintf(format, args...))
}
