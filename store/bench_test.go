package store

import (
	"bytes"
	"fmt"
	"testing"
)

// BenchmarkAddPage keeps pages of 300 products, as an extraction does.
func BenchmarkAddPage(b *testing.B) {
	r, body := benchRun(b), benchPage()
	b.SetBytes(int64(len(body)))
	n := 0
	for b.Loop() {
		n++
		if err := r.AddPage(b.Context(), Page{Stream: "products", Part: "full", File: fmt.Sprintf("full-%06d.json", n), Rows: 300, Cursor: fmt.Sprint(n), FetchedAt: start0, Body: body}); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.KeepPages(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRaw reads all the records of 100 pages.
func BenchmarkRaw(b *testing.B) {
	r, body := benchRun(b), benchPage()
	for i := range 100 {
		if err := r.AddPage(b.Context(), Page{Stream: "products", Part: "full", File: fmt.Sprintf("full-%06d.json", i), Rows: 300, FetchedAt: start0, Body: body}); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.KeepPages(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(100 * len(body)))
	for b.Loop() {
		var n int
		if err := r.DB.QueryRowContext(b.Context(), "SELECT count(item) FROM raw.products").Scan(&n); err != nil || n != 30_000 {
			b.Fatal(n, err)
		}
	}
}

func benchRun(b *testing.B) *Run {
	b.Helper()
	s, err := Open(b.TempDir(), "demo")
	if err != nil {
		b.Fatal(err)
	}
	r, err := s.CreateRun(b.Context(), id0, "test", start0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = r.Close() })
	return r
}

func benchPage() []byte {
	items := make([][]byte, 300)
	for i := range items {
		items[i] = fmt.Appendf(nil, `{"id":%d,"sku":"SKU-%d","name":"A product with a name of some length","price":12.5,"status":1,"type_id":"simple","created_at":"2024-01-01 10:00:00","updated_at":"2024-01-02 10:00:00"}`, i, i)
	}
	return fmt.Appendf(nil, `{"items":[%s],"total_count":300}`, bytes.Join(items, []byte(",")))
}
