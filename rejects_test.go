package main_test

import (
	"bytes"
	"encoding/json"
	nethttp "net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/magento/magentotest"
	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
)

// rejected is one row of `rejects --format json`. Its fields are in docs/rejects.md.
type rejected struct {
	Cause     string          `json:"cause"`
	Entity    string          `json:"entity"`
	RemoteID  string          `json:"remote_id"`
	SKU       string          `json:"sku"`
	Kind      string          `json:"kind"`
	Op        string          `json:"op"`
	Status    *int            `json:"status"`
	Answer    string          `json:"answer"`
	FirstSeen string          `json:"first_seen"`
	LastSeen  string          `json:"last_seen"`
	Times     int             `json:"times"`
	Next      string          `json:"next"`
	Request   json.RawMessage `json:"request"`
}

func (s shopDir) rejects(args ...string) (list []rejected) {
	s.t.Helper()
	r := s.must(0, append([]string{"rejects", "--format", "json"}, args...)...)
	decoder := json.NewDecoder(strings.NewReader(r.stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil {
		s.t.Fatalf("%v in:\n%s", err, r.stdout)
	}
	return list
}

// causes are the rows of the list as "cause entity remote_id times next".
func (s shopDir) causes(args ...string) string {
	s.t.Helper()
	var b strings.Builder
	for _, r := range s.rejects(args...) {
		b.WriteString(strings.Join([]string{r.Cause, r.Entity, r.RemoteID, strings.Repeat("i", r.Times), r.Next}, " ") + "\n")
	}
	return b.String()
}

// refused counts the creates that the scripted fault answered.
func (d *disaster) refused() (n int) {
	for _, r := range d.box.Requests() {
		if r.Method == nethttp.MethodPost && r.Fault == sandbox.Answer {
			n++
		}
	}
	return n
}

func (d *disaster) wantCauses(want string, args ...string) {
	d.t.Helper()
	if got := d.causes(args...); got != want {
		d.t.Errorf("the list:\n%swant:\n%s", got, want)
	}
}

// TestRejects_AreSentAgainWhenTheyChangeOrWhenAsked follows a product that Optiply refuses, and the order that needs it,
// through the nights.
func TestRejects_AreSentAgainWhenTheyChangeOrWhenAsked(t *testing.T) {
	long(t)
	t.Parallel()
	d := newDisaster(t, 1)
	shop := d.serves(1)
	refuse := func() {
		d.box.AddFault(sandbox.Fault{Method: nethttp.MethodPost, Path: "products", Contains: `"remoteId":"37"`, Effect: sandbox.Answer, Status: 400, Message: "not such a stool", Times: -1})
	}
	refuse()
	d.must(3, "run")
	d.wantCauses("refused products 37 i when it changes\nproduct_missing sell_orders 7 i sent again\n")
	if r := d.rejects("--entity", "products")[0]; r.SKU == "" || r.Kind != "rejected" || r.Op != "create" || *r.Status != 400 ||
		!strings.Contains(r.Answer, "not such a stool") || !strings.Contains(string(r.Request), `"remoteId":"37"`) || r.FirstSeen == "" || r.FirstSeen > r.LastSeen {
		t.Errorf("the refused row: %+v", r)
	}

	// Another night, products by their window: it is read again by id. Nothing has changed, so it is not sent; it is named, and
	// the order waits.
	d.must(3, "run")
	if n := d.refused(); n != 1 {
		t.Errorf("it was sent %d times, want once", n)
	}
	if rows := d.query("SELECT kind, reason FROM run.issues WHERE remote_id = '37'"); len(rows) != 1 || rows[0][0] != "rejected" || !strings.Contains(rows[0][1], "not sent again until it changes") {
		t.Errorf("the second night names it as %v", rows)
	}
	d.wantCauses("refused products 37 ii when it changes\nproduct_missing sell_orders 7 ii sent again\n")

	// Asked for, it is sent once more.
	if r := d.must(0, "rejects", "retry", "--cause", "refused"); r.stdout != "1 row will be sent again by the next run.\n" {
		t.Errorf("rejects retry says: %s", r.stdout)
	}
	d.wantCauses("refused products 37 ii sent again: retry\n", "--cause", "refused")
	d.must(3, "run")
	if n := d.refused(); n != 2 {
		t.Errorf("after retry it was sent %d times, want 2", n)
	}

	// Ignored, the nights are clean again, and it stays in sight.
	d.must(2, "rejects", "ignore", "--remote-id", "999")
	d.must(0, "rejects", "ignore")
	d.wantCauses("")
	d.must(0, "run", "--full")
	d.wantCauses("")
	if got := d.causes("--ignored"); !strings.HasPrefix(got, "refused products 37 ") || !strings.Contains(got, "sell_orders 7 ") || strings.Count(got, " ignored\n") != 2 {
		t.Errorf("what is ignored:\n%s", got)
	}
	if rows := d.query("SELECT string_agg(kind || remote_id, ' ' ORDER BY remote_id) FROM run.issues"); rows[0][0] != "ignored37" {
		t.Errorf("a night with ignored rows names %v", rows)
	}
	if n := d.refused(); n != 2 {
		t.Errorf("ignored, it was sent: %d times, want 2", n)
	}

	// Its source changes: it is sent, whatever was decided. The order is not, until it is asked for.
	d.box.ClearFaults()
	record := find(t, shop, "products", `"id":37,`)
	if err := shop.Put("products", bytes.Replace(record, []byte(`"name":"`), []byte(`"name":"New `), 1)); err != nil {
		t.Fatal(err)
	}
	d.must(0, "run", "--full")
	d.must(0, "rejects", "retry", "--entity", "sell_orders")
	d.must(0, "run")
	d.wantCauses("")
	d.wantCauses("", "--ignored")
	if rows := d.query("SELECT (SELECT count(*) FROM state.products WHERE remote_id = '37'), (SELECT count(*) FROM state.sell_orders WHERE remote_id = '7')"); rows[0][0] != "1" || rows[0][1] != "1" {
		t.Errorf("product and order at the end: %v", rows)
	}
	d.settled()
}

// serves puts the shop where it is on a night, and returns it to be changed.
func (d *disaster) serves(n int) *magentotest.Shop {
	d.t.Helper()
	shop, err := magentotest.Load(os.DirFS(night(n)))
	if err != nil {
		d.t.Fatal(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shop = magentotest.New(shop, magentotest.Options{})
	return shop
}

func TestRecreateMissing_CreatesAgainWhatSomebodyDeletedInOptiply(t *testing.T) {
	t.Parallel()
	d := newDisaster(t, 1)
	d.must(3, "run")
	was := d.query("SELECT optiply_id FROM state.products WHERE remote_id = '63'")[0][0]
	client, err := optiply.NewClient(optiply.Config{BaseURL: d.optiply.URL + "/v1", DashboardURL: d.optiply.URL + "/api", ClientID: "c", ClientSecret: "cs",
		Username: "u", Password: "p", AccountID: 98, CouplingID: 4711})
	if err == nil {
		err = client.Delete(t.Context(), optiply.Products, was)
	}
	if err != nil {
		t.Fatal(err)
	}
	shop := d.serves(1)
	record := find(t, shop, "products", `"id":63,`)
	if err := shop.Put("products", bytes.Replace(record, []byte(`"Tmp 2"`), []byte(`"Own options"`), 1)); err != nil {
		t.Fatal(err)
	}
	d.must(3, "run", "--full")
	d.wantCauses("deleted_in_optiply products 63 i sent again\n")
	text, err := os.ReadFile(filepath.Join(d.dir, "magento-optiply.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d.write("magento-optiply.yaml", string(text)+"load:\n  recreate_missing: true\n")
	d.must(0, "run")
	d.wantCauses("")
	rows := d.query("SELECT optiply_id, name FROM state.products WHERE remote_id = '63'")
	if rows[0][0] == was || !strings.Contains(rows[0][1], "Own options") {
		t.Errorf("product 63 at Optiply: %v, was %s", rows, was)
	}
	d.settled()
	n := 0
	for _, p := range d.box.Products() {
		if p.RemoteID() == "63" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("product 63 is there %d times", n)
	}
}

// TestPlan_IsSentByItsHashOrNotAtAll sends the plan of an older run by its hash, and refuses it when the state has moved on.
func TestPlan_IsSentByItsHashOrNotAtAll(t *testing.T) {
	t.Parallel()
	d := newDisaster(t, 1)
	d.must(3, "run", "--dry-run")
	hash := d.query("SELECT hash FROM plan.summary")[0][0]
	shop := d.serves(1)
	record := find(t, shop, "products", `"id":63,`)
	if err := shop.Put("products", bytes.Replace(record, []byte(`"Tmp 2"`), []byte(`"Own options"`), 1)); err != nil {
		t.Fatal(err)
	}
	d.must(3, "run", "--dry-run") // a newer plan, which nobody has looked at
	newer := d.query("SELECT hash FROM plan.summary")[0][0]
	if r := d.must(5, "load", "--plan", "0123456789abcdef"); !strings.Contains(r.stderr, "is "+newer+", not 0123456789abcdef") {
		t.Errorf("a hash of no plan: %s", r.stderr)
	}
	d.must(3, "load", "--plan", hash)
	sent := d.box.Writes()
	d.must(3, "load", "--plan", hash)
	if diff := cmp.Diff(sent, d.box.Writes()); diff != "" {
		t.Errorf("sent twice:\n%s", diff)
	}
	r := d.must(5, "load", "--plan", newer)
	if !strings.Contains(r.stderr, "60 of its 60 rows are not as they were (products 1: Optiply has it already, as ") || !strings.Contains(r.stderr, "; and 55 more)") {
		t.Errorf("a plan whose state has moved on: %s", r.stderr)
	}
	if diff := cmp.Diff(sent, d.box.Writes()); diff != "" {
		t.Errorf("a refused plan was sent:\n%s", diff)
	}
}
