package recording

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"magento-optiply/magento/magentotest"
)

// madeUp adds to a stream what no page of the run holds and the shop had all the same, as the run's own tables tell: records
// that it could not answer for, products that only their id finds or whose stock alone was asked for, and SKUs without an
// answer.
func (w *streamWriter) madeUp() error {
	steps := []func() error{w.quarantined}
	switch w.name {
	case "source_items":
		steps = append(steps, w.breakAtPlaces)
	case "products":
		steps = append(steps, w.foundAgain, w.carried)
	case "stock_statuses":
		steps = append(steps, w.misses, w.shortCuts)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	w.notPlaced()
	return nil
}

// quarantined puts a record into its place, and has the shop break at it. Those of the window stand in it; the others, that
// were asked for by id, stand outside of any.
func (w *streamWriter) quarantined() error {
	rows, err := w.run.DB.QueryContext(w.ctx, `
		WITH part AS (
			SELECT store_code, any_value(window_end) AS window_end, max(quarantined) FILTER (part IN ('window', 'full')) AS listed
			FROM run.streams WHERE stream = $1 GROUP BY store_code),
		named AS (
			SELECT remote_id, value AS store_code, row_number() OVER (PARTITION BY value ORDER BY rowid) AS nth
			FROM run.issues WHERE phase = 'extract' AND kind = 'quarantined' AND entity = $1 AND remote_id IS NOT NULL)
		SELECT n.remote_id, n.store_code, CASE WHEN n.nth <= coalesce(p.listed, 0) THEN coalesce(strftime(p.window_end, '%Y-%m-%d %H:%M:%S'), '') END,
			coalesce(b.sku_code, '')
		FROM named n LEFT JOIN part p USING (store_code) LEFT JOIN before.products b ON $1 = 'products' AND b.remote_id = n.remote_id
		ORDER BY ALL`, w.name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, store, sku string
		var updated sql.NullString // NULL: it was asked for by id
		if err := rows.Scan(&id, &store, &updated, &sku); err != nil {
			return err
		}
		record := fmt.Sprintf(`{%q:%s}`, w.id, id)
		if updated.String != "" {
			record = string(appendMember([]byte(record), fmt.Sprintf(`"updated_at":%q`, updated.String)))
		}
		key := id
		if w.name == "products" {
			if key = sku; key == "" {
				key = "quarantined-" + id
			}
			sites := w.websites
			if v, ok := w.stores[store]; ok {
				sites = []int64{v.website}
			}
			record = string(appendMember(appendMember([]byte(record), `"sku":`+quoted(key)), extension(sites)))
		} else if v, ok := w.stores[store]; ok {
			record = string(appendMember([]byte(record), fmt.Sprintf(`"store_id":%d`, v.id)))
		}
		if !w.adds(record) {
			w.lose("%s %s could not be read, and was read too", w.name, id)
			continue
		}
		w.recorded.Broken = append(w.recorded.Broken, magentotest.Poison{Stream: w.name, Key: key})
	}
	return rows.Err()
}

var inPlace = regexp.MustCompile(`row ([0-9]+) of the list`)

// nameless finds the rows of which only their place in the list is known.
func (w *streamWriter) nameless() error {
	reasons, err := w.column("SELECT reason FROM run.issues WHERE phase = 'extract' AND kind = 'quarantined' AND entity = ? AND remote_id IS NULL", w.name)
	if err != nil {
		return err
	}
	w.places = map[int]bool{}
	for _, reason := range reasons {
		if found := inPlace.FindStringSubmatch(reason); found != nil {
			row, _ := strconv.Atoi(found[1])
			w.places[row] = true
		}
	}
	return nil
}

// breakAtPlaces puts rows that break where the shop's did: source items are in the order in which they are written.
func (w *streamWriter) breakAtPlaces() error {
	for w.places[w.last+1] {
		w.last++
		sku := fmt.Sprintf("quarantined-%d", w.last)
		if err := w.add(fmt.Appendf(nil, `{"source_item_id":%d,"sku":%q,"source_code":"quarantined"}`, w.last, sku)); err != nil {
			return err
		}
		delete(w.places, w.last)
		w.recorded.Broken = append(w.recorded.Broken, magentotest.Poison{Stream: w.name, Key: magentotest.Key(sku, "quarantined")})
	}
	return nil
}

// notPlaced are rows that are only counted, because their list has an order that a made-up row cannot be put into.
func (w *streamWriter) notPlaced() {
	if n := len(w.places); n > 0 {
		w.recorded.Uncounted = append(w.recorded.Uncounted, magentotest.Uncounted{Stream: w.name, Rows: n})
		w.lose("%d rows of %s could not be read, and nothing but their place is known: the list counts them, and does not break at them", n, w.name)
	}
}

// adds tells whether a made-up record has been taken.
func (w *streamWriter) adds(record string) bool {
	was := w.out.records
	lost := w.lost
	err := w.add([]byte(record))
	w.lost = lost
	return err == nil && w.out.records > was
}

// foundAgain are the products that the second look found and the listing did not have.
func (w *streamWriter) foundAgain() error {
	rows, err := w.run.DB.QueryContext(w.ctx, `
		SELECT DISTINCT ON (key) key, coalesce(item ->> 'sku', ''), coalesce(item ->> 'status', '1') FROM raw.products_again
		WHERE key NOT IN (SELECT key FROM raw.products WHERE key IS NOT NULL) AND try_cast(key AS BIGINT) IS NOT NULL ORDER BY try_cast(key AS BIGINT), fetched_at`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, sku, status string
		if err := rows.Scan(&id, &sku, &status); err != nil {
			return err
		}
		record := fmt.Sprintf(`{"id":%s,"sku":%s,"status":%s,%s}`, id, quoted(sku), quoted(status), extension(nil))
		if !w.adds(record) {
			w.lose("product %s, which the second look found, has the SKU of another one", id)
			continue
		}
		if w.sites == nil { // else a filter on the store leaves it out of the listing
			w.recorded.Hidden = append(w.recorded.Hidden, magentotest.Hide{Stream: "products", Key: sku, From: magentotest.FromLists})
		}
	}
	return rows.Err()
}

// carried are the products that this run did not list, and whose stock it read: they stand in no window.
func (w *streamWriter) carried() error {
	planned := ""
	if w.schema >= sinceWays {
		planned = " UNION ALL SELECT remote_id, sku FROM run.stock_plan WHERE way <> 'skus'"
	}
	rows, err := w.run.DB.QueryContext(w.ctx, `
		WITH asked AS (
			SELECT item ->> 'remote_id' AS remote_id, key AS sku FROM raw.stock_statuses
			UNION ALL
			SELECT product_id, sku FROM run.stock_misses WHERE NOT gone`+planned+`)
		SELECT DISTINCT ON (remote_id) remote_id, sku FROM asked
		WHERE remote_id NOT IN (SELECT key FROM raw.products WHERE key IS NOT NULL) AND try_cast(remote_id AS BIGINT) IS NOT NULL AND sku IS NOT NULL
		ORDER BY remote_id::BIGINT, sku`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, sku string
		if err := rows.Scan(&id, &sku); err != nil {
			return err
		}
		record := fmt.Sprintf(`{"id":%s,"sku":%s,"status":1,"type_id":"simple",%s}`, id, quoted(sku), extension(nil))
		if !w.adds(record) && !w.isBroken(sku) {
			w.lose("product %s, whose stock was asked for, has the SKU of another one", id)
		}
	}
	return rows.Err()
}

// isBroken tells a product that stands in the set already, as one that the shop cannot answer for.
func (w *streamWriter) isBroken(sku string) bool {
	for _, p := range w.recorded.Broken {
		if p.Stream == "products" && magentotest.Key(p.Key) == magentotest.Key(sku) {
			return true
		}
	}
	return false
}

// What extraction says of a SKU without an answer, as run.stock_misses has it; the tests of the whole program hold the two
// together.
const (
	missUnknown = "stockStatuses does not know this SKU, though the listing does"
	missRefused = "the shop's web server refuses this SKU in a path"
	missNoStock = "the shop's answer is no stock status"
)

var (
	missOther  = regexp.MustCompile(`^the shop answers with the stock of product (.*)$`)
	missStatus = regexp.MustCompile(`(?s)^the shop refuses this SKU: (?:HTTP ([0-9]{3}): )?(.*)$`)
)

// misses has the shop answer for a SKU what made extraction go on without it.
func (w *streamWriter) misses() error {
	rows, err := w.run.DB.QueryContext(w.ctx, "SELECT sku, gone, reason FROM run.stock_misses ORDER BY try_cast(product_id AS BIGINT), sku")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var sku, reason string
		var gone bool
		if err := rows.Scan(&sku, &gone, &reason); err != nil {
			return err
		}
		w.miss(sku, gone, w.mask.Inside(reason))
	}
	return rows.Err()
}

func (w *streamWriter) miss(sku string, gone bool, reason string) {
	p := magentotest.Poison{Stream: "stock_statuses", Key: sku}
	status := missStatus.FindStringSubmatch(reason)
	switch other := missOther.FindStringSubmatch(reason); {
	case gone:
		// Listed, and deleted before its stock was asked for. One that was not listed is simply not there.
		w.recorded.Hidden = append(w.recorded.Hidden, magentotest.Hide{Stream: "products", Key: sku, From: magentotest.FromIDs})
		return
	case other != nil:
		if !w.adds(fmt.Sprintf(`{"sku":%s,"answer":{"product_id":%s}}`, quoted(sku), quoted(other[1]))) {
			w.lose("the stock of SKU %s was answered twice", sku)
		}
		return
	case reason == missUnknown:
		p.Status, p.Body = 404, `{"message":"The Product with the \"%1\" SKU doesn't exist.","parameters":["-"]}`
	case strings.HasPrefix(reason, missRefused):
		p.Status, p.Body = 404, "<html><title>404 Not Found</title></html>"
	case reason == missNoStock:
		p.Status, p.Body = 200, "[]"
	case status != nil:
		p.Status, _ = strconv.Atoi(status[1])
		p.Status = max(p.Status, 200)
		p.Body = refusalBody(status[2])
	default:
		w.lose("why the stock of SKU %s was not read is not understood", sku)
		p.Body = refusalBody(reason)
	}
	w.recorded.Broken = append(w.recorded.Broken, p)
}

// refusalBody is an answer from which the client reads this message.
func refusalBody(message string) string {
	return `{"message":` + quoted(message) + `}`
}

func quoted(text string) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string can always be encoded
	return strings.TrimSuffix(out.String(), "\n")
}

var countedMore = regexp.MustCompile(`^([0-9]+) \S+ were read, and the shop counts ([0-9]+)$`)

// uncounted tells of the lists that counted more rows than they showed.
func (w *writer) uncounted() error {
	rows, err := w.run.DB.QueryContext(w.ctx, "SELECT stream, store_code, reason FROM run.streams WHERE reason IS NOT NULL AND part IN ('window', 'full') ORDER BY rowid")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var stream, store, reason string
		if err := rows.Scan(&stream, &store, &reason); err != nil {
			return err
		}
		found := countedMore.FindStringSubmatch(reason)
		if found == nil {
			continue
		}
		read, _ := strconv.Atoi(found[1])
		counted, _ := strconv.Atoi(found[2])
		u := magentotest.Uncounted{Stream: stream, Rows: counted - read}
		if v, ok := w.stores[store]; ok {
			u.StoreID = strconv.FormatInt(v.id, 10)
		}
		w.recorded.Uncounted = append(w.recorded.Uncounted, u)
	}
	return rows.Err()
}
