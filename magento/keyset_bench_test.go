package magento

import "testing"

// BenchmarkKeyset walks through the ranges of a listing of a million ids, as several workers do, without the shop.
func BenchmarkKeyset(b *testing.B) {
	const last, size = 1_000_000, 300
	for b.Loop() {
		rows := int64(0)
		for _, part := range SplitRange(0, last, 16) {
			k, done := Keyset{Field: "entity_id", After: part.After, Upto: part.Upto, PageSize: size}, false
			for !done {
				_ = k.Request().Query()
				to := min(k.After+size, part.Upto)
				page := Page{Count: int(to - k.After), FirstID: k.After + 1, LastID: to, Ascending: true, TotalCount: int(part.Upto - k.After)}
				rows += int64(page.Count)
				var err error
				if k, done, err = k.Next(page); err != nil {
					b.Fatal(err)
				}
			}
		}
		if rows != last {
			b.Fatalf("%d rows", rows)
		}
	}
}
