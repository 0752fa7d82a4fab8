package magentotest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Shop holds the records of one shop. Its methods may be called between and during requests, from several goroutines; its
// fields are set before the first request. The zero value is an empty shop.
type Shop struct {
	Name string
	// AccessToken is the only bearer token that is good. Empty: any token is.
	AccessToken string
	// OAuth are the keys of requests that are signed. nil: there is no integration that signs.
	OAuth *OAuth
	// Now is what the Date header says. Zero: the real clock. While the shop is served, SetNow changes it.
	Now time.Time
	// DefaultStoreCode is the store view of /rest/V1. Empty: "default".
	DefaultStoreCode string
	// Recorded is what its records alone do not tell.
	Recorded Recorded

	recordedOnce sync.Once
	recorded     *recorded

	mu      sync.Mutex
	sources map[string]source
	views   map[string]map[int64][]byte // by store code: a product's values there, by id
	stocks  *inventory                  // made when first asked for
}

// SetNow moves the shop's clock, also while it is served.
func (s *Shop) SetNow(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Now = at
}

// now is the shop's clock as it stands. Zero: the real clock.
func (s *Shop) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Now
}

// record is one line of a fixture set, in PHP's JSON.
type record struct {
	key   string
	id    int64 // the stream's id, or the place in the file
	hasID bool
	raw   []byte // as put
	out   []byte // as Magento lists it
}

// Put inserts a record, or replaces the one with the same key or the same id (a product whose SKU was changed). It fails
// when the record is no JSON object, lacks its key, or the stream is unknown.
func (s *Shop) Put(stream string, record json.RawMessage) error {
	_, err := s.put(stream, record)
	return err
}

// put is Put; it tells whether the key or the id was there before.
func (s *Shop) put(name string, text []byte) (replaced bool, err error) {
	def, ok := streamNamed(name)
	if !ok {
		return false, fmt.Errorf("put a record: no stream is called %q", name)
	}
	added, err := newRecord(def, text)
	if err != nil {
		return false, fmt.Errorf("put a record of %s: %w", name, err)
	}
	replaced = s.source(name).put(added)
	s.changed(name)
	return replaced, nil
}

// newRecord reads a record; its id is 0 when it has none.
func newRecord(def stream, text []byte) (*record, error) {
	raw, err := compactPHP(text)
	if err != nil {
		return nil, err
	}
	if !isObject(raw) {
		return nil, errors.New("it is no JSON object")
	}
	key, missing := def.keyOf(raw)
	if missing != "" {
		return nil, fmt.Errorf("it has no %q", missing)
	}
	if def.name == "stock_statuses" && !isObject(member(raw, "answer")) {
		return nil, errors.New("its \"answer\" is no JSON object")
	}
	made := &record{key: key, raw: raw, out: listed(def, raw)}
	if id, ok := integer(member(raw, def.id)); ok {
		made.id, made.hasID = id, true
	}
	return made, nil
}

// Delete removes the record with this key (see Key); it is no error when there is none.
func (s *Shop) Delete(stream string, key string) {
	if _, known := streamNamed(stream); known && s.source(stream).remove(Key(key)) {
		s.changed(stream)
	}
}

// Touch saves a record without changing it: its updated_at becomes that instant. It tells whether there is such a record.
func (s *Shop) Touch(stream, key string, at time.Time) bool {
	if _, known := streamNamed(stream); !known {
		return false
	}
	found := s.record(stream, Key(key))
	if found == nil {
		return false
	}
	saved := withMember(found.raw, "updated_at", appendString(nil, at.UTC().Format(time.DateTime)))
	return s.Put(stream, saved) == nil
}

// Records returns a stream's records by id, or in the order of the file where there is no id. The caller must not change
// them. Of a generated shop they are all made at once.
func (s *Shop) Records(stream string) []json.RawMessage {
	if _, known := streamNamed(stream); !known {
		return []json.RawMessage{}
	}
	records := []json.RawMessage{}
	s.source(stream).each(func(r *record) bool {
		records = append(records, r.raw)
		return true
	})
	return records
}

// source holds the records of a stream, made if need be.
func (s *Shop) source(name string) source {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sources == nil {
		s.sources = map[string]source{}
	}
	if s.sources[name] == nil {
		def, _ := streamNamed(name)
		s.sources[name] = newRows(def)
	}
	return s.sources[name]
}

// changed drops what was made of a stream.
func (s *Shop) changed(name string) {
	switch name {
	case "store_values":
		s.mu.Lock()
		s.views = nil
		s.mu.Unlock()
		s.source("products").forget()
	case "stocks", "stock_source_links", "sources", "source_items", "stores", "websites", "stock_statuses", "salable":
		s.mu.Lock()
		s.stocks = nil
		s.mu.Unlock()
	}
}

// record returns the record with this key, nil when there is none.
func (s *Shop) record(stream string, key string) *record { return s.source(stream).byKey(key) }

// recordByID returns the record with this id, nil when there is none.
func (s *Shop) recordByID(stream string, id int64) *record { return s.source(stream).byID(id) }

// viewOf returns what turns a product into what one store view sees, nil when the view has no values of its own.
func (s *Shop) viewOf(storeCode string) func(*record) *record {
	code := fold(storeCode)
	s.mu.Lock()
	values, made := s.views[code]
	s.mu.Unlock()
	if !made {
		values = map[int64][]byte{}
		s.source("store_values").each(func(r *record) bool {
			if fold(unquote(member(r.raw, "store_code"))) == code {
				id, _ := integer(member(r.raw, "id"))
				values[id] = r.raw
			}
			return true
		})
		s.mu.Lock()
		if s.views == nil {
			s.views = map[string]map[int64][]byte{}
		}
		s.views[code] = values
		s.mu.Unlock()
	}
	if len(values) == 0 {
		return nil
	}
	return func(r *record) *record {
		if values[r.id] == nil {
			return r
		}
		seen := *r
		seen.raw = overlay(r.raw, values[r.id])
		seen.out = overlay(r.out, values[r.id])
		return &seen
	}
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
	known := false
	s.source("stores").each(func(r *record) bool {
		known = unquote(member(r.raw, "code")) == code
		return !known
	})
	return known && code != "admin"
}

// store returns the code and the website of a store view named by id or code, nothing when there is no such view.
func (s *Shop) store(name string) (code, website string) {
	s.source("stores").each(func(r *record) bool {
		at := unquote(member(r.raw, "code"))
		if unquote(member(r.raw, "id")) == name || at == name {
			code, website = at, unquote(member(r.raw, "website_id"))
			return false
		}
		return true
	})
	return code, website
}
