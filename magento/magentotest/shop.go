package magentotest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Shop holds the records of one shop. Its methods may be called between and during requests, from several goroutines; its
// fields are set before the first request. The zero value is an empty shop.
type Shop struct {
	Name string
	// AccessToken is the only bearer token that is good. Empty: any token is.
	AccessToken string
	// Now is what the Date header says. Zero: the real clock.
	Now time.Time
	// DefaultStoreCode is the store view of /rest/V1. Empty: "default".
	DefaultStoreCode string

	mu      sync.Mutex
	streams map[string]*rows
	tables  map[string]*table // by stream, or stream and store code
}

// rows are the records of one stream.
type rows struct {
	byKey map[string]*record
	byID  map[int64]*record // of streams with a numeric id
	last  int64             // the last number given
}

// record is one line of a fixture set, in PHP's JSON.
type record struct {
	key string
	id  int64  // the stream's id, or the place in the file
	raw []byte // as put
	out []byte // as Magento lists it
}

// Put inserts a record, or replaces the one with the same key or the same id (a product whose SKU was changed). It fails
// when the record is no JSON object, lacks its key, or the stream is unknown.
func (s *Shop) Put(stream string, record json.RawMessage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.put(stream, record)
	return err
}

// put is Put without the lock; it tells whether the key was there before.
func (s *Shop) put(name string, text []byte) (replaced bool, err error) {
	def, ok := streamNamed(name)
	if !ok {
		return false, fmt.Errorf("put a record: no stream is called %q", name)
	}
	raw, err := compactPHP(text)
	if err != nil {
		return false, fmt.Errorf("put a record of %s: %w", name, err)
	}
	if !isObject(raw) {
		return false, fmt.Errorf("put a record of %s: it is no JSON object", name)
	}
	key, missing := def.keyOf(raw)
	if missing != "" {
		return false, fmt.Errorf("put a record of %s: it has no %q", name, missing)
	}
	if name == "stock_statuses" && !isObject(member(raw, "answer")) {
		return false, fmt.Errorf("put a record of %s: its \"answer\" is no JSON object", name)
	}
	rows := s.rows(name)
	id, hasID := integer(member(raw, def.id))
	old := rows.byKey[key]
	if same := rows.byID[id]; hasID && same != nil && same != old {
		delete(rows.byKey, same.key)
		replaced = true
	}
	switch {
	case !hasID && old != nil:
		id = old.id
	case !hasID:
		id = rows.last + 1
	}
	if old != nil {
		delete(rows.byID, old.id)
		replaced = true
	}
	added := &record{key: key, id: id, raw: raw, out: listed(def, raw)}
	rows.byKey[key] = added
	rows.byID[id] = added
	rows.last = max(rows.last, id)
	s.forget(name)
	return replaced, nil
}

// listed is a record as a list shows it: without the stream's hidden member, and a product without its stock item, which only
// GET /V1/products/{sku} has. [obs]
func listed(def stream, raw []byte) []byte {
	if def.hidden != "" && member(raw, def.hidden) != nil {
		return withMember(raw, def.hidden, nil)
	}
	if def.name == "products" {
		if extension := member(raw, "extension_attributes"); member(extension, "stock_item") != nil {
			return withMember(raw, "extension_attributes", withMember(extension, "stock_item", nil))
		}
	}
	return raw
}

// Delete removes the record with this key (see Key); it is no error when there is none.
func (s *Shop) Delete(stream string, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rows := s.rows(stream)
	if old := rows.byKey[Key(key)]; old != nil {
		delete(rows.byKey, old.key)
		delete(rows.byID, old.id)
		s.forget(stream)
	}
}

// Records returns a stream's records by id, or in the order of the file where there is no id. The caller must not change them.
func (s *Shop) Records(stream string) []json.RawMessage {
	table := s.table(stream)
	records := make([]json.RawMessage, len(table.records))
	for i, r := range table.records {
		records[i] = r.raw
	}
	return records
}

// record returns the record with this key, nil when there is none.
func (s *Shop) record(stream string, key string) *record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows(stream).byKey[key]
}

// recordByID returns the record with this id, nil when there is none.
func (s *Shop) recordByID(stream string, id int64) *record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rows(stream).byID[id]
}

func (s *Shop) rows(name string) *rows {
	if s.streams == nil {
		s.streams = map[string]*rows{}
	}
	if s.streams[name] == nil {
		s.streams[name] = &rows{byKey: map[string]*record{}, byID: map[int64]*record{}}
	}
	return s.streams[name]
}

// forget drops the tables made of a stream that has changed.
func (s *Shop) forget(name string) {
	if name == "store_values" || name == "products" {
		clear(s.tables)
		return
	}
	delete(s.tables, name)
}

// table returns a stream's records in order, ready to be searched.
func (s *Shop) table(name string) *table {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tableLocked(name, name, nil)
}

// productTable returns the products as one store view sees them.
func (s *Shop) productTable(storeCode string) *table {
	s.mu.Lock()
	defer s.mu.Unlock()
	cacheKey := "products " + storeCode
	if cached := s.tables[cacheKey]; cached != nil {
		return cached
	}
	overrides := map[int64][]byte{}
	for _, r := range s.rows("store_values").byKey {
		if fold(unquote(member(r.raw, "store_code"))) == fold(storeCode) {
			id, _ := integer(member(r.raw, "id"))
			overrides[id] = r.raw
		}
	}
	if len(overrides) == 0 {
		base := s.tableLocked("products", "products", nil)
		s.tables[cacheKey] = base
		return base
	}
	return s.tableLocked("products", cacheKey, func(r *record) *record {
		if overrides[r.id] == nil {
			return r
		}
		seen := *r
		seen.raw = overlay(r.raw, overrides[r.id])
		seen.out = overlay(r.out, overrides[r.id])
		return &seen
	})
}

func (s *Shop) tableLocked(name, cacheKey string, view func(*record) *record) *table {
	if cached := s.tables[cacheKey]; cached != nil {
		return cached
	}
	def, _ := streamNamed(name)
	made := &table{stream: def}
	for _, r := range s.rows(name).byKey {
		if view != nil {
			r = view(r)
		}
		made.records = append(made.records, r)
	}
	slices.SortFunc(made.records, func(a, b *record) int { return cmp.Compare(a.id, b.id) })
	if s.tables == nil {
		s.tables = map[string]*table{}
	}
	s.tables[cacheKey] = made
	return made
}

// overlay writes the values of one store view over a product: those it has itself in their place, others as custom attributes.
func overlay(product, values []byte) []byte {
	eachMember(values, func(name string, value []byte) bool {
		switch {
		case name == "id" || name == "store_code":
		case member(product, name) != nil || name == "price" || name == "weight":
			product = withMember(product, name, value)
		default:
			attributes := withAttribute(member(product, "custom_attributes"), name, value)
			product = withMember(product, "custom_attributes", attributes)
		}
		return true
	})
	return product
}

// withAttribute replaces or adds one of a product's custom attributes.
func withAttribute(attributes []byte, code string, value []byte) []byte {
	added := append(appendString([]byte(`{"attribute_code":`), code), `,"value":`...)
	added = append(append(added, value...), '}')
	out := []byte{'['}
	add := func(attribute []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, attribute...)
	}
	seen := false
	eachElement(attributes, func(attribute []byte) bool {
		if unquote(member(attribute, "attribute_code")) == code {
			attribute, seen = added, true
		}
		add(attribute)
		return true
	})
	if !seen {
		add(added)
	}
	return append(out, ']')
}

// storeCode is the store view that a path without one means.
func (s *Shop) storeCode() string {
	if s.DefaultStoreCode == "" {
		return "default"
	}
	return s.DefaultStoreCode
}

// hasStore tells whether a path may name this store code: `all` or any view, an inactive one too, but not `admin`. [obs]
func (s *Shop) hasStore(code string) bool {
	if code == "all" || code == s.storeCode() {
		return true
	}
	for _, store := range s.table("stores").records {
		if unquote(member(store.raw, "code")) == code {
			return code != "admin"
		}
	}
	return false
}

// store returns the code and the website of a store view named by id or code, nothing when there is no such view.
func (s *Shop) store(name string) (code, website string) {
	for _, r := range s.table("stores").records {
		code := unquote(member(r.raw, "code"))
		if unquote(member(r.raw, "id")) == name || code == name {
			return code, unquote(member(r.raw, "website_id"))
		}
	}
	return "", ""
}
