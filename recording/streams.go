package recording

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"magento-optiply/magento/magentotest"
)

// stream says how the records of a stream of the run file are told apart, and which of several readings of one counts.
type stream struct {
	name string
	// key are the members that make a record.
	key []string
	// id is the member that must be a number, for magentotest to find the record by it.
	id        string
	mayLackID bool
	// array: the shop answers a bare list.
	array bool
}

// streams are in the order in which they are written.
func streams() []stream {
	return []stream{
		{name: "stores", key: []string{"id"}, array: true},
		{name: "websites", key: []string{"id"}, array: true},
		{name: "store_configs", key: []string{"id"}, array: true},
		{name: "products", key: []string{"id"}, id: "id"},
		{name: "stock_statuses", key: []string{"remote_id", "sku", "source"}},
		{name: "stock_items", key: []string{"product_id"}, id: "item_id", mayLackID: true},
		{name: "sources", key: []string{"source_code"}},
		{name: "source_items", key: []string{"sku", "source_code"}},
		{name: "orders", key: []string{"entity_id"}, id: "entity_id"},
		{name: "customers", key: []string{"id"}, id: "id"},
		{name: "invoices", key: []string{"entity_id"}, id: "entity_id"},
		{name: "credit_memos", key: []string{"entity_id"}, id: "entity_id"},
		{name: "categories", key: []string{"id"}, id: "id"},
		{name: "sales_rules", key: []string{"rule_id"}, id: "rule_id"},
		{name: "coupons", key: []string{"coupon_id"}, id: "coupon_id"},
		{name: "product_attributes", key: []string{"attribute_id"}, id: "attribute_id"},
	}
}

// place is where a record stands in the run's pages.
type place struct {
	file     string
	position int
}

// streamWriter writes one stream of the fixture set.
type streamWriter struct {
	*writer
	stream
	out  *lineFile
	hash maphash.Seed
	keys map[uint64]bool // of records that are written, since a set must not hold two with one key
	last int             // the last made-up id
	lost int
	// places are the rows that could not be read and have no id, by their place in the list from 1.
	places map[int]bool
	// sites are the websites of each product, where products were read by store.
	sites map[string][]int64
}

func (w *writer) writeStreams() error {
	for _, s := range streams() {
		if err := w.writeStream(s); err != nil {
			return fmt.Errorf("record %s: %w", s.name, err)
		}
	}
	return w.uncounted()
}

func (w *writer) writeStream(s stream) (err error) {
	sw := &streamWriter{writer: w, stream: s, out: newLineFile(w.dir, s.name), hash: maphash.MakeSeed(), keys: map[uint64]bool{}}
	defer sw.out.discard()
	superseded, err := sw.superseded()
	if err != nil {
		return err
	}
	if err := sw.nameless(); err != nil {
		return err
	}
	if s.name == "products" {
		if err := sw.readSites(); err != nil {
			return err
		}
	}
	files, err := w.column("SELECT file FROM run.pages WHERE stream = ? ORDER BY file", s.name)
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := sw.page(file, superseded); err != nil {
			return err
		}
	}
	if err := sw.madeUp(); err != nil {
		return err
	}
	size, err := sw.out.close()
	if err != nil {
		return err
	}
	if sw.lost > 0 {
		w.lose("%d records of %s have no key, or one that another record has too", sw.lost, s.name)
	}
	if sw.out.records > 0 {
		w.result.Streams = append(w.result.Streams, Stream{Name: s.name, Records: sw.out.records, Bytes: size})
	}
	return nil
}

// superseded are the records of which another reading counts, as stage picks it: of a product the first store's, then as it was
// last updated, and of two readings with the same updated_at the one that was read last.
func (w *streamWriter) superseded() (map[place]bool, error) {
	columns := append(slices.Clone(w.key), "updated_at")
	schema, path := map[string]string{}, ".items"
	for _, c := range columns {
		schema[c] = "VARCHAR"
	}
	shape, err := json.Marshal(map[string]any{"items": []any{schema}})
	if w.array {
		shape, err = json.Marshal([]any{schema})
		path = ""
	}
	if err != nil {
		return nil, err
	}
	rows, err := w.run.DB.QueryContext(w.ctx, fmt.Sprintf(`
		WITH answer AS (SELECT file, store_code AS of_store, fetched_at, from_json(content, '%s')%s AS items FROM page.%s),
		item AS (SELECT file, of_store, fetched_at, generate_subscripts(items, 1) AS position, unnest(items, recursive := true) FROM answer),
		store AS (SELECT store_code AS of_store, min(rowid) AS place FROM run.streams WHERE stream = 'products' AND stream = $1 GROUP BY store_code)
		SELECT file, position FROM item LEFT JOIN store USING (of_store)
		QUALIFY row_number() OVER (PARTITION BY %s ORDER BY place, updated_at DESC, fetched_at DESC, file DESC, position DESC) > 1`,
		shape, path, w.name, strings.Join(w.key, ", ")), w.name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[place]bool{}
	for rows.Next() {
		var p place
		if err := rows.Scan(&p.file, &p.position); err != nil {
			return nil, err
		}
		out[p] = true
	}
	return out, rows.Err()
}

// page writes the records of one page file.
func (w *streamWriter) page(file string, superseded map[place]bool) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	body, err := w.run.ReadPage(w.name, file)
	if err != nil {
		return err
	}
	var answer struct {
		Items []json.RawMessage `json:"items"`
	}
	if w.array {
		err = json.Unmarshal(body, &answer.Items)
	} else {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil {
		return fmt.Errorf("read page %s: %w", file, err)
	}
	for i, item := range answer.Items {
		if superseded[place{file, i + 1}] {
			continue
		}
		if err := w.record(item); err != nil {
			return fmt.Errorf("page %s, record %d: %w", file, i+1, err)
		}
	}
	return nil
}

// record writes one record as the fixture set has it.
func (w *streamWriter) record(item []byte) error {
	if !bytes.HasPrefix(bytes.TrimSpace(item), []byte("{")) { // [] where fields= found none of its members
		w.lost++
		return nil
	}
	switch w.name {
	case "stock_statuses":
		return w.stockStatus(item)
	case "source_items":
		if err := w.breakAtPlaces(); err != nil {
			return err
		}
		w.last++
		item = prepend(item, fmt.Sprintf(`"source_item_id":%d`, w.last))
	case "products":
		item = w.withSites(item)
	}
	return w.add(item)
}

// add writes a record, unless magentotest would not take it: it has no key, or the key of another one.
func (w *streamWriter) add(item []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(item, &members); err != nil {
		return err
	}
	names := w.key
	switch w.name {
	case "products":
		names = []string{"sku"}
	case "stock_statuses":
		names = []string{"sku"}
	}
	var parts []string
	for _, name := range names {
		value := plain(members[name])
		if members[name] == nil || string(members[name]) == "null" {
			w.lost++
			return nil
		}
		parts = append(parts, value)
	}
	if !w.isNew("key", magentotest.Key(parts...)) {
		w.lost++
		return nil
	}
	if id := plain(members[w.id]); w.id != "" && (members[w.id] != nil || !w.mayLackID) {
		if _, err := strconv.ParseInt(id, 10, 64); err != nil || !w.isNew("id", id) {
			w.lost++
			return nil
		}
	}
	masked, err := w.mask.Record(w.name, item)
	if err != nil {
		return err
	}
	return w.out.add(masked)
}

// isNew tells whether a key is met for the first time.
func (w *streamWriter) isNew(kind, key string) bool {
	sum := maphash.String(w.hash, kind+"\x00"+key)
	was := w.keys[sum]
	w.keys[sum] = true
	return !was
}

// stockStatus takes off what extraction put before the shop's answer.
func (w *streamWriter) stockStatus(item []byte) error {
	members, order, err := split(item)
	if err != nil {
		return err
	}
	if strings.HasPrefix(plain(members["source"]), exportSource) {
		return nil // writeSalable takes these
	}
	sku, ok := members["sku"]
	if !ok {
		w.lost++
		return nil
	}
	var answer bytes.Buffer
	answer.WriteByte('{')
	for _, name := range order {
		if name == "sku" || name == "remote_id" || name == "source" {
			continue
		}
		if answer.Len() > 1 {
			answer.WriteByte(',')
		}
		writeText(&answer, name)
		answer.WriteByte(':')
		answer.Write(members[name])
	}
	answer.WriteByte('}')
	return w.add(fmt.Appendf(nil, `{"sku":%s,"answer":%s}`, sku, answer.Bytes()))
}

// readSites reads in which stores' listings each product stood: fields= asks for no website.
func (w *streamWriter) readSites() error {
	rows, err := w.run.DB.QueryContext(w.ctx, `
		WITH answer AS (SELECT store_code, from_json(content, '{"items": [{"id": "VARCHAR"}]}').items AS items FROM page.products WHERE store_code <> ''),
		item AS (SELECT store_code, unnest(items, recursive := true) FROM answer)
		SELECT DISTINCT id, store_code FROM item WHERE id IS NOT NULL ORDER BY ALL`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id, code string
		if err := rows.Scan(&id, &code); err != nil {
			return err
		}
		if w.sites == nil {
			w.sites = map[string][]int64{}
		}
		if site := w.stores[code].website; !slices.Contains(w.sites[id], site) {
			w.sites[id] = append(w.sites[id], site)
		}
	}
	return rows.Err()
}

// withSites gives a product the websites that it is sold on, by which a filter on a store finds it.
func (w *streamWriter) withSites(item []byte) []byte {
	var product struct {
		ID        json.RawMessage `json:"id"`
		Extension json.RawMessage `json:"extension_attributes"`
	}
	if json.Unmarshal(item, &product) != nil || product.Extension != nil {
		return item
	}
	sites := w.websites
	if w.sites != nil {
		sites = w.sites[plain(product.ID)]
	}
	return appendMember(item, extension(sites))
}

// extension is the member that tells a product's websites.
func extension(sites []int64) string {
	texts := make([]string, len(sites))
	for i, site := range sites {
		texts[i] = strconv.FormatInt(site, 10)
	}
	return `"extension_attributes":{"website_ids":[` + strings.Join(texts, ",") + `]}`
}

// prepend and appendMember put a member into an object.
func prepend(object []byte, member string) []byte {
	inside := bytes.TrimSpace(bytes.TrimSpace(object)[1:])
	if !bytes.HasPrefix(inside, []byte("}")) {
		member += ","
	}
	return append([]byte("{"+member), inside...)
}

func appendMember(object []byte, member string) []byte {
	object = bytes.TrimSpace(object)
	inside := bytes.TrimSpace(object[:len(object)-1])
	if len(inside) > 1 {
		member = "," + member
	}
	return append(append(slices.Clone(inside), member...), '}')
}

// plain is a JSON text or number without its quotes.
func plain(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

// split takes an object apart, and tells the order of its members; the last of two with one name counts.
func split(object []byte) (members map[string]json.RawMessage, order []string, err error) {
	members = map[string]json.RawMessage{}
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		name, _ := token.(string)
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, nil, err
		}
		if _, twice := members[name]; !twice {
			order = append(order, name)
		}
		members[name] = value
	}
	return members, order, nil
}

// column runs a query of one text column.
func (w *writer) column(query string, args ...any) ([]string, error) {
	rows, err := w.run.DB.QueryContext(w.ctx, query, args...)
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
