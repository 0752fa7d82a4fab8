package sandbox

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lived fills a sandbox in dir with every kind of write.
func lived(t *testing.T, dir string) (products, orders []Resource) {
	t.Helper()
	c := begin(t, Options{Dir: dir})
	p := c.post(kindProducts, stool).want(http.StatusCreated).id()
	gone := c.post(kindProducts, `{"name":"a <b> & \"c\" äöü 漢\n","stockLevel":1,"minimumStock":2.50}`).want(http.StatusCreated).id()
	o := c.post(kindSellOrders, order(p, "")).want(http.StatusCreated).id()
	void := c.post(kindSellOrders, order(p, "")).want(http.StatusCreated).id()
	c.post(kindSellOrderLines, `{"sellOrderId":`+o+`,"productId":`+p+`,"quantity":1,"subtotalValue":1}`).want(http.StatusCreated)
	c.patch(kindProducts, p, `{"price":null,"stockLevel":-4,"remoteId":"1502"}`).want(http.StatusOK)
	c.send(http.MethodDelete, "sellOrders/"+void, "").want(http.StatusNoContent)
	c.send(http.MethodDelete, "products/"+gone, "").want(http.StatusNoContent)
	c.post(kindProducts, `{"name":"a <b> & \"c\" äöü 漢\n","stockLevel":1,"minimumStock":2.50}`).want(http.StatusCreated)
	products, orders = c.box.Products(), c.box.SellOrders()
	if err := c.box.Close(); err != nil {
		t.Fatal(err)
	}
	return products, orders
}

func journalOf(t *testing.T, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, journalName))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t *testing.T, dir string, journal []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, journalName), journal, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestJournal_GivesTheSameStateAgain(t *testing.T) {
	dir := t.TempDir()
	wantProducts, wantOrders := lived(t, dir)
	for range 2 {
		c := begin(t, Options{Dir: dir})
		if diff := cmp.Diff(wantProducts, c.box.Products()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(wantOrders, c.box.SellOrders()); diff != "" {
			t.Error(diff)
		}
		if c.box.Notice() != "" {
			t.Error(c.box.Notice())
		}
		c.box.Close()
	}
	c := begin(t, Options{Dir: dir})
	if id := c.post(kindProducts, stool).want(http.StatusCreated).id(); id != "20000004" {
		t.Errorf("the id of a deleted product is given again: %s", id)
	}
}

func TestJournal_CanBeReadByAPerson(t *testing.T) {
	dir := t.TempDir()
	lived(t, dir)
	lines := strings.Split(string(journalOf(t, dir)), "\n")
	for i, want := range map[int]string{
		0: `{"sandbox":"optiply","version":1}`,
		1: `{"seq":1,"at":"2026-11-23T08:30:01Z","op":"create","type":"products","id":20000001,"attributes":{"accountId":98,"articleCode":"1501"`,
		2: `"name":"a <b> & \"c\" äöü 漢\n"`,
		3: `"lines":[{"id":90000001,"attributes":{"accountId":98,`,
		6: `{"seq":6,"at":"2026-11-23T08:30:01Z","op":"update","type":"products","id":20000001,"attributes":{"price":null,"remoteIdMap":{"4711":"1502"},"stockLevel":-4,"updatedAt":"2026-11-23T08:30:01Z"}}`,
		7: `{"seq":7,"at":"2026-11-23T08:30:01Z","op":"delete","type":"sellOrders","id":70000002}`,
	} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d is %s\nwant %s", i+1, lines[i], want)
		}
	}
}

func TestJournal_TornLastLineIsDroppedWithANotice(t *testing.T) {
	whole := t.TempDir()
	lived(t, whole)
	journal := journalOf(t, whole)
	begun := bytes.LastIndexByte(journal[:len(journal)-1], '\n') + 1
	for _, cut := range []int{begun + 1, begun + 20, len(journal) - 1} {
		dir := t.TempDir()
		write(t, dir, journal[:cut])
		c := begin(t, Options{Dir: dir})
		if !strings.Contains(c.box.Notice(), "torn last line") || len(c.box.Products()) != 1 {
			t.Errorf("notice %q, %d products", c.box.Notice(), len(c.box.Products()))
		}
		c.post(kindProducts, stool).want(http.StatusCreated)
		c.box.Close()
		if c = begin(t, Options{Dir: dir}); c.box.Notice() != "" || len(c.box.Products()) != 2 {
			t.Errorf("afterwards: notice %q, %d products", c.box.Notice(), len(c.box.Products()))
		}
	}
	t.Run("the very first line", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, []byte(`{"sand`))
		c := begin(t, Options{Dir: dir})
		c.post(kindProducts, stool).want(http.StatusCreated)
		c.box.Close()
		if c = begin(t, Options{Dir: dir}); len(c.box.Products()) != 1 {
			t.Errorf("%d products", len(c.box.Products()))
		}
	})
}

func TestJournal_BrokenLineIsAnErrorWithFileAndLine(t *testing.T) {
	whole := t.TempDir()
	lived(t, whole)
	lines := bytes.SplitAfter(journalOf(t, whole), []byte("\n"))
	with := func(number int, line string) []byte {
		changed := append([][]byte{}, lines...)
		changed[number-1] = []byte(line)
		return bytes.Join(changed, nil)
	}
	for name, tc := range map[string]struct {
		journal []byte
		line    string
		want    string
	}{
		"half a line":       {with(3, string(lines[2][:40])+"\n"), ":3:", "broken line"},
		"a missing line":    {with(3, ""), ":3:", "seq 3 follows 1"},
		"a repeated line":   {with(3, string(lines[1])), ":3:", "seq 1 follows 1"},
		"an empty line":     {with(3, "\n"), ":3:", "broken line"},
		"unknown member":    {with(3, `{"seq":2,"by":"hand"}`+"\n"), ":3:", "broken line"},
		"unknown operation": {with(3, `{"seq":2,"op":"merge","type":"products","id":20000001}`+"\n"), ":3:", "unknown operation"},
		"unknown type":      {with(3, `{"seq":2,"op":"create","type":"accounts","id":1}`+"\n"), ":3:", "unknown type"},
		"unknown attribute": {with(3, `{"seq":2,"op":"create","type":"products","id":2,"attributes":{"colour":1}}`+"\n"), ":3:", "unknown attribute"},
		"wrong value":       {with(3, `{"seq":2,"op":"create","type":"products","id":2,"attributes":{"stockLevel":"x"}}`+"\n"), ":3:", "stockLevel must be an integer"},
		"created twice":     {with(3, `{"seq":2,"op":"create","type":"products","id":20000001}`+"\n"), ":3:", "created twice"},
		"update of nothing": {with(3, `{"seq":2,"op":"update","type":"products","id":9}`+"\n"), ":3:", "does not exist"},
		"lines of product":  {with(3, `{"seq":2,"op":"create","type":"products","id":9,"lines":[{"id":1,"attributes":{}}]}`+"\n"), ":3:", "lines in an entry"},
		"wrong line":        {with(4, strings.Replace(string(lines[3]), `"quantity":3`, `"quantity":"3"`, 1)), ":4:", "line 90000001"},
		"another file":      {[]byte("remoteId,optiply_id\n"), ":1:", "not a sandbox journal"},
		"a newer version":   {[]byte(`{"sandbox":"optiply","version":2}` + "\n"), ":1:", "journal version 2"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, tc.journal)
			box, err := Open(Options{Dir: dir})
			if err == nil {
				box.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), filepath.Join(dir, journalName)+tc.line) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v", err)
			}
			if after := journalOf(t, dir); !bytes.Equal(after, tc.journal) {
				t.Error("a journal that cannot be read was changed")
			}
			if _, err := Open(Options{Dir: dir}); errors.Is(err, ErrInUse) {
				t.Error("the folder stays locked")
			}
		})
	}
}

func TestOpen_RefusesAFolderInUse(t *testing.T) {
	dir := t.TempDir()
	c := begin(t, Options{Dir: dir})
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v", err)
	}
	c.box.Close()
	begin(t, Options{Dir: dir})
}

func TestJournal_ThatCannotBeWrittenAnswers500AndAppliesNothing(t *testing.T) {
	c := begin(t, Options{Dir: t.TempDir()})
	c.post(kindProducts, stool).want(http.StatusCreated)
	c.box.journal.file.Close()
	c.post(kindProducts, stool).want(http.StatusInternalServerError)
	if n := len(c.box.Products()); n != 1 {
		t.Errorf("%d products", n)
	}
	if n := c.box.Writes()["POST products"]; n != 1 {
		t.Errorf("%d writes", n)
	}
	_ = c.box.Close()
}

func TestJournal_ConcurrentWritesAreAllThere(t *testing.T) {
	dir := t.TempDir()
	c := begin(t, Options{Dir: dir})
	shared := c.post(kindProducts, stool).want(http.StatusCreated).id()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 3 {
				id := c.post(kindProducts, stool).want(http.StatusCreated).id()
				c.patch(kindProducts, shared, `{"stockLevel":7}`).want(http.StatusOK)
				c.post(kindSellOrders, order(id, "")).want(http.StatusCreated)
				c.ids(kindProducts, "sort=-id")
				c.box.Products()
			}
		})
	}
	wg.Wait()
	wantProducts, wantOrders := c.box.Products(), c.box.SellOrders()
	c.box.Close()
	c = begin(t, Options{Dir: dir})
	if diff := cmp.Diff(wantProducts, c.box.Products()); diff != "" || len(wantProducts) != 25 {
		t.Errorf("%d products: %s", len(wantProducts), diff)
	}
	if diff := cmp.Diff(wantOrders, c.box.SellOrders()); diff != "" || len(wantOrders) != 24 {
		t.Errorf("%d orders: %s", len(wantOrders), diff)
	}
}

// TestJournal_SurvivesAKill starts this test binary again as a sandbox, kills it while it is being written to, and
// compares what it had answered with what it comes back with.
func TestJournal_SurvivesAKill(t *testing.T) {
	const folder = "SANDBOX_TEST_FOLDER"
	if dir := os.Getenv(folder); dir != "" {
		serveUntilKilled(dir)
	}
	dir := t.TempDir()
	answered := map[string]bool{}
	for range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestJournal_SurvivesAKill$")
		cmd.Env = append(os.Environ(), folder+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		address := make([]byte, 64)
		n, err := out.Read(address)
		if err != nil {
			t.Fatal(err)
		}
		writeUntilKilled(t, strings.TrimSpace(string(address[:n])), answered, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
	}
	c := begin(t, Options{Dir: dir})
	kept := map[string]bool{}
	for _, p := range c.box.Products() {
		kept[p.ID] = true
	}
	for id := range answered {
		if !kept[id] {
			t.Errorf("%s was answered and is lost", id)
		}
	}
	if len(answered) < 30 || len(kept) > len(answered)+3*4 { // each of 4 writers may have had one in flight at each kill
		t.Errorf("%d answered, %d kept", len(answered), len(kept))
	}
}

func serveUntilKilled(dir string) {
	box, err := Open(Options{Dir: dir})
	if err != nil {
		panic(err)
	}
	base, _, err := box.Start()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(os.Stdout, base+"\n")
	select {}
}

func writeUntilKilled(t *testing.T, base string, answered map[string]bool, kill func()) {
	token := fetchToken(t, strings.TrimSuffix(base, apiPrefix)+tokenPath)
	var mu sync.Mutex
	var wg sync.WaitGroup
	enough := len(answered) + 12
	for range 4 {
		wg.Go(func() {
			for {
				id, ok := postProduct(base, token)
				if !ok {
					return
				}
				mu.Lock()
				answered[id] = true
				if len(answered) >= enough {
					kill()
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func FuzzParseEntry(f *testing.F) {
	dir := f.TempDir()
	box, err := Open(Options{Dir: dir})
	if err != nil {
		f.Fatal(err)
	}
	box.Close()
	f.Add([]byte(`{"seq":1,"at":"2026-11-23T08:30:01Z","op":"create","type":"products","id":1,"attributes":{"name":"a","price":"1.50","remoteIdMap":{"1":"2"}}}`))
	f.Add([]byte(`{"seq":1,"op":"create","type":"sellOrders","id":1,"attributes":{"completed":null},"lines":[{"id":1,"attributes":{"quantity":3,"sellOrderId":1}}]}`))
	f.Add([]byte(`{"seq":1,"op":"delete","type":"sellOrderLines","id":1}`))
	f.Add([]byte(`null`))
	f.Add([]byte("{\"seq\":1}\x00"))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := parseEntry(line)
		if err != nil {
			return
		}
		s := newState()
		_ = s.apply(e) // must not panic, whatever the line
		for _, k := range []*kind{products, sellOrders, sellOrderLines} {
			for _, r := range s.selectRecords(k, listing{}) {
				object(r, "")
			}
		}
		e.Attributes = rawValues(e.values)
		for i := range e.Lines {
			e.Lines[i].Attributes = rawValues(e.Lines[i].values)
		}
		again, err := parseEntry(encode(e))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if diff := cmp.Diff(e.values, again.values); diff != "" {
			t.Error(diff)
		}
	})
}
