package adopt

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestParseSnapshot_ReadsWhatTheNotebookWrote(t *testing.T) {
	t.Parallel()
	one := []Row{{"products", "1501", "28666283", "f.csv:2"}}
	for name, test := range map[string]struct {
		data    string
		want    []Row
		without int
	}{
		"commas":            {"remoteId,optiply_id,optiply_uuid,name,concat_attributes\n1501,28666283,0b6c,Oak stool,Oak stool|49.95\n", one, 0},
		"other columns":     {"name,optiply_id,x,remoteId\nOak,28666283,,1501\n", one, 0},
		"semicolons":        {"remoteId;optiply_id;name\n1501;28666283;\"a;b, c\"\n", one, 0},
		"tabs":              {"remoteId\toptiply_id\n1501\t28666283\n", one, 0},
		"byte order mark":   {"\xef\xbb\xbfremoteId,optiply_id\r\n1501,28666283\r\n", one, 0},
		"newline in a name": {"name,remoteId,optiply_id\n\"two\nlines, \"\"quoted\"\"\",1501,28666283\nb,7,8\n", []Row{one[0], {"products", "7", "8", "f.csv:4"}}, 0},
		"floats of pandas":  {"remoteId,optiply_id\n1501.0,28666283.0\n", one, 0},
		"without an id":     {"remoteId,optiply_id\n1501,28666283\n7,\n8,nan\n9,NaN\nx,None\n", one, 4},
		"no last newline":   {"remoteId,optiply_id\n1501,28666283", one, 0},
		"header only":       {"remoteId,optiply_id\n", nil, 0},
	} {
		rows, without, err := ParseSnapshot("products", "f.csv", []byte(test.data))
		if diff := cmp.Diff(test.want, rows); err != nil || diff != "" || without != test.without {
			t.Errorf("%s: %d without an id, %v\n%s", name, without, err, diff)
		}
	}
}

func TestParseSnapshot_NamesFileLineAndColumn(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		"":                                      "f.csv: it is empty",
		"a,b\n1,2\n":                            "f.csv:1:1: its first line does not name the columns remoteId and optiply_id",
		"remoteId,optiply_id,remoteId\n1,2,3\n": "f.csv:1:1: remoteId or optiply_id is there twice",
		"name,remoteId,optiply_id\n\"a\nb\",OAK-ST-1,5\n":        `f.csv:3:4: remoteId "OAK-ST-1" is no Magento id`,
		"remoteId,optiply_id\n000000012,5\n":                     `f.csv:2:1: remoteId "000000012" is no Magento id`,
		"remoteId,optiply_id\n12,5e6\n":                          `f.csv:2:4: optiply_id "5e6" is no id of Optiply`,
		"remoteId,optiply_id\n,5\n":                              `f.csv:2:1: remoteId "" is no Magento id`,
		"remoteId,optiply_id\n1,5\n1,5,6\n":                      "f.csv:3:1: it has another number of columns than the first line",
		"remoteId,optiply_id,name\n1,5,\"open\n":                 "f.csv:",
		"remoteId,optiply_id\n" + strings.Repeat("x", 99) + ",5": "…",
	} {
		_, _, err := ParseSnapshot("products", "f.csv", []byte(data))
		var e *SnapshotError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", data, err, want)
		}
	}
}

func TestReadSnapshots_OneFileIsEnough(t *testing.T) {
	t.Parallel()
	dir := fstest.MapFS{"products.snapshot.csv": {Data: []byte("remoteId,optiply_id\n1,2\n")}}
	for want := 1; want <= 2; want++ {
		rows, _, err := ReadSnapshots(dir)
		if err != nil || len(rows) != want {
			t.Errorf("%v, %v", rows, err)
		}
		dir["sell_orders.snapshot.csv"] = &fstest.MapFile{Data: []byte("remoteId,optiply_id\n1,2\n")}
	}
	if _, _, err := ReadSnapshots(fstest.MapFS{}); err == nil {
		t.Error("an empty folder is no error")
	}
}

// FuzzParseSnapshot: whatever the file, each row is one that may go into the state, or the error says where it is; and what
// was read is read again when it is written.
func FuzzParseSnapshot(f *testing.F) {
	for _, seed := range []string{
		"remoteId,optiply_id,name\n1501,28666283,\"two\nlines\"\n", "\xef\xbb\xbfremoteId;optiply_id\r\n1.0;nan\r\n", "remoteId\toptiply_id\n\t\n", "remoteId,optiply_id\n\"", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, without, err := ParseSnapshot("products", "f.csv", data)
		var e *SnapshotError
		if err != nil {
			if !errors.As(err, &e) || e.File != "f.csv" || e.Line != 0 && e.Column < 1 || len(rows) > 0 || without > 0 {
				t.Fatalf("%d rows and %#v", len(rows), err)
			}
			return
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		_ = w.Write([]string{"remoteId", "optiply_id"})
		for _, r := range rows {
			if !remoteForm.MatchString(r.RemoteID) || !remoteForm.MatchString(r.OptiplyID) || !strings.HasPrefix(r.Place, "f.csv:") {
				t.Fatalf("%+v", r)
			}
			_ = w.Write([]string{r.RemoteID, r.OptiplyID})
		}
		w.Flush()
		again, _, err := ParseSnapshot("products", "f.csv", b.Bytes())
		if err != nil || len(again) != len(rows) {
			t.Fatalf("%v: %d of %d rows", err, len(again), len(rows))
		}
	})
}
