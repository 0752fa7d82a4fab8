package store

import (
	"strings"
	"testing"
)

func TestMoreMemory_IsGivenToWhatFailsForWantOfIt(t *testing.T) {
	r := create(t, newShop(t), id0)
	do(t, r, "SET memory_limit = '20MB'")
	large := "SELECT length(string_agg(repeat('x', 1000), '')) FROM range(100000)"
	_, err := r.DB.ExecContext(t.Context(), large)
	if err == nil {
		t.Fatal("20 MB were enough for a text of 100")
	}
	if !r.MoreMemory(t.Context(), err) {
		t.Fatalf("no more memory is given after: %v", err)
	}
	equal(t, "with more memory", ask(t, r, large), "100000000")
	if r.MoreMemory(t.Context(), nil) {
		t.Error("what did not fail is given more memory")
	}
	equal(t, "the limit", ask(t, r, "SELECT current_setting('memory_limit')"), "953.6 MiB")
	for r.MoreMemory(t.Context(), err) {
		if r.raised > len(moreMemoryMB) {
			t.Fatal("there is no end to it")
		}
	}

	limited := newShop(t)
	limited.Limits.MemoryMB = 200
	if l := create(t, limited, id0); l.MoreMemory(t.Context(), err) {
		t.Error("more memory is given than the limits allow")
	}
	if !strings.Contains(err.Error(), "Out of Memory Error") {
		t.Errorf("DuckDB has other words for it now: %v", err)
	}
}
