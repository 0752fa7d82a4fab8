package store

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

func packed(t *testing.T, s *Shop) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Pack(&b, time.Now()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPack_IsTheStateAndTheNewestRunOnAnotherMachine(t *testing.T) {
	here, there := newShop(t), newShop(t)
	for _, id := range []string{"20261123T020000Z", "20261124T020000Z"} {
		run := create(t, here, id)
		page(t, run, "products", "full-000001.json", `{"items":[]}`)
		do(t, run, "INSERT INTO state.meta VALUES ('"+id+"', 'x')")
		if err := run.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := run.Close(); err != nil {
			t.Fatal(err)
		}
	}
	create(t, there, "20261122T020000Z") // not finished, of another state
	finished(t, there, "20261121T020000Z")
	if err := there.Unpack(bytes.NewReader(packed(t, here)), time.Now()); err != nil {
		t.Fatal(err)
	}
	refs, err := there.Runs()
	if err != nil || len(refs) != 2 || refs[0].ID != "20261121T020000Z" || refs[1].ID != "20261124T020000Z" {
		t.Fatalf("runs after a copy was put in place: %v, %v", refs, err)
	}
	run, err := there.OpenRun(t.Context(), refs[1], Options{Run: Write, State: Write})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	equal(t, "rows of the state", ask(t, run, "SELECT name FROM state.meta WHERE value = 'x' ORDER BY ALL"), "20261123T020000Z 20261124T020000Z")
	if _, err := os.Stat(filepath.Join(there.PagesDir("20261124T020000Z"), "products", "full-000001.json")); err != nil {
		t.Error(err)
	}
}

func TestPack_OfAShopThatNeverRanIsEmpty(t *testing.T) {
	there := newShop(t)
	finished(t, there, "20261121T020000Z")
	if err := there.Unpack(bytes.NewReader(packed(t, newShop(t))), time.Now()); err != nil {
		t.Fatal(err)
	}
	isNotThere(t, there.statePath())
}

func TestPack_WaitsForNobodyAndTearsNothing(t *testing.T) {
	s := newShop(t)
	finished(t, s, "20261121T020000Z")
	copied := packed(t, s)
	lock, err := s.Lock("run", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	var locked *LockedError
	for what, err := range map[string]error{
		"pack": s.Pack(&bytes.Buffer{}, time.Now()), "unpack": s.Unpack(bytes.NewReader(copied), time.Now()), "forget": s.Forget(time.Now()),
	} {
		if !errors.As(err, &locked) {
			t.Errorf("%s while a run goes on: %v", what, err)
		}
	}
}

func TestUnpack_ABrokenOrForeignCopyChangesNothing(t *testing.T) {
	s := newShop(t)
	finished(t, s, "20261121T020000Z")
	whole := packed(t, s)
	foreign := func(name string) []byte {
		var b bytes.Buffer
		z, _ := zstd.NewWriter(&b)
		a := tar.NewWriter(z)
		_ = a.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o600, Size: 1})
		_, _ = a.Write([]byte("x"))
		if err := errors.Join(a.Close(), z.Close()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	before, err := os.ReadFile(s.statePath())
	if err != nil {
		t.Fatal(err)
	}
	for what, data := range map[string][]byte{
		"the half of one": whole[:len(whole)/2], "no copy": []byte("nonsense"), "a way out": foreign("../../evil"), "another file": foreign("lock"),
	} {
		if err := s.Unpack(bytes.NewReader(data), time.Now()); err == nil {
			t.Errorf("%s is taken for a copy", what)
		}
		if after, err := os.ReadFile(s.statePath()); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s has changed the state: %v", what, err)
		}
	}
}
