package adopt

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
	"magento-optiply/store"
)

// rig is a shop's state, and a sandbox as Optiply behind real HTTP.
type rig struct {
	t      *testing.T
	run    *store.Run
	box    *sandbox.Sandbox
	client *optiply.Client
	before func(r *http.Request) // of each request of the API
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	shop, err := store.Open(t.TempDir(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t}
	if g.run, err = shop.OpenState(t.Context(), store.Write); err != nil {
		t.Fatal(err)
	}
	if g.box, err = sandbox.Open(sandbox.Options{}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.before != nil && strings.HasPrefix(r.URL.Path, "/v1/") {
			g.before(r)
		}
		g.box.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { server.Close(); _ = g.box.Close(); _ = g.run.Close() })
	g.client = g.coupled(server.URL, 4711)
	return g
}

func (g *rig) coupled(url string, coupling int64) *optiply.Client {
	g.t.Helper()
	c, err := optiply.NewClient(optiply.Config{BaseURL: url + "/v1", DashboardURL: url + "/api", ClientID: "c", ClientSecret: "s", Username: "u", Password: "p",
		AccountID: 98, CouplingID: coupling, RetryWait: time.Millisecond})
	if err != nil {
		g.t.Fatal(err)
	}
	return c
}

func (g *rig) create(kind, attributes string) string {
	g.t.Helper()
	r, err := g.client.Create(g.t.Context(), kind, []byte(attributes))
	if err != nil {
		g.t.Fatal(err)
	}
	return r.ID
}

func (g *rig) exec(query string, args ...any) {
	g.t.Helper()
	if _, err := g.run.DB.ExecContext(g.t.Context(), query, args...); err != nil {
		g.t.Fatal(err)
	}
}

// ask gives the first column of a query.
func (g *rig) ask(query string) (list []string) {
	g.t.Helper()
	rows, err := g.run.DB.QueryContext(g.t.Context(), query)
	if err != nil {
		g.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			g.t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

type quiet struct{}

func (quiet) Begin(string, int64) {}
func (quiet) Add(string, int)     {}
func (quiet) End(string)          {}

func (g *rig) adopt(change func(*Job)) (*Result, []Finding, error) {
	var found []Finding
	j := &Job{Run: g.run, Client: g.client, CouplingID: 4711, Now: time.Now, Progress: quiet{}, Log: slog.New(slog.DiscardHandler),
		Found: func(f Finding) error { found = append(found, f); return nil }}
	if change != nil {
		change(j)
	}
	r, err := j.Adopt(g.t.Context())
	return r, found, err
}

const stool = `{"remoteId":"%s","name":"Oak stool","skuCode":"OAK","articleCode":"%[1]s","price":49.95,"stockLevel":12,"status":"enabled","createdAtRemote":"2024-03-01T09:15:00Z"}`

func TestAdopt_SettlesARequestWhoseOutcomeIsNotKnown(t *testing.T) {
	g := newRig(t)
	id := g.create(optiply.Products, fmt.Sprintf(stool, "7"))
	order := g.create(optiply.SellOrders, `{"remoteId":"9","placed":"2026-11-20T14:03:11Z","totalValue":1,"orderLines":[]}`)
	for i, row := range []string{"'products', 'create', '7', 'sent'", "'sell_orders', 'create', '9', 'sent'", "'sell_orders', 'create', '9', 'unknown'", "'products', 'create', '8', 'unknown'"} {
		g.exec("INSERT INTO state.ledger (seq, happened_at, run_id, plan_hash, entity, op, remote_id, state, attempt) SELECT " +
			fmt.Sprint(i+1) + ", TIMESTAMP '2026-11-23', 'r', 'p', " + row + ", 1")
	}
	r, _, err := g.adopt(nil)
	if err != nil || r.Changed != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	want := []string{"products 7 adopted " + id, "products 8 unknown ", "sell_orders 9 adopted " + order}
	got := g.ask(`SELECT entity || ' ' || remote_id || ' ' || state || ' ' || coalesce(optiply_id, '') FROM state.ledger
		QUALIFY row_number() OVER (PARTITION BY entity, remote_id ORDER BY seq DESC) = 1 ORDER BY ALL`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	want = []string{id + " Oak stool 49.95 12 enabled 5"}
	got = g.ask("SELECT concat_ws(' ', optiply_id, name, price, stock_level, status, change) FROM state.products")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAdopt_ReadsAgainWhatChangedMeanwhile(t *testing.T) {
	g := newRig(t)
	g.create(optiply.Products, fmt.Sprintf(stool, "1"))
	// Deleted after it was read and before it is counted, in the first pass only.
	gone, requests := g.create(optiply.Products, fmt.Sprintf(stool, "2")), 0
	g.before = func(r *http.Request) {
		if requests++; requests == 3 { // count, page, count
			g.before = nil
			if err := g.client.Delete(t.Context(), optiply.Products, gone); err != nil {
				t.Error(err)
			}
		}
	}
	if _, _, err := g.adopt(nil); err != nil {
		t.Fatal(err)
	}
	if got := g.ask("SELECT remote_id FROM state.products"); !cmp.Equal(got, []string{"1"}) {
		t.Errorf("taken over: %v", got)
	}
}

func TestAdopt_AnAccountThatKeepsChangingIsNotTakenOver(t *testing.T) {
	g := newRig(t)
	inside := false
	g.before = func(r *http.Request) {
		if !inside && r.Method == http.MethodGet && r.URL.Query().Get("page[limit]") == "1" {
			inside = true
			g.create(optiply.Products, fmt.Sprintf(stool, "1"))
			inside = false
		}
	}
	_, _, err := g.adopt(nil)
	if !errors.Is(err, ErrChanging) {
		t.Errorf("got %v", err)
	}
	if got := g.ask("SELECT count(*) || ' ' || (SELECT count(*) FROM state.adoptions) FROM state.products"); got[0] != "0 0" {
		t.Errorf("products and adoptions: %v", got)
	}
}

func TestAdopt_AFailedReadChangesNothing(t *testing.T) {
	g := newRig(t)
	g.create(optiply.Products, fmt.Sprintf(stool, "1"))
	g.exec("INSERT INTO state.unadopted (entity, optiply_id, remote_id, reason) VALUES ('products', '5', '5', 'its remote id')")
	g.box.AddFault(sandbox.Fault{Path: "/v1/sellOrders", Effect: sandbox.Answer, Status: http.StatusForbidden, Times: 1})
	if _, _, err := g.adopt(nil); err == nil || !strings.Contains(err.Error(), "Optiply's sell_orders") {
		t.Errorf("got %v", err)
	}
	if got := g.ask("SELECT count(*) || ' ' || (SELECT count(*) FROM state.unadopted) FROM state.products"); got[0] != "0 1" {
		t.Errorf("products and unadopted: %v", got)
	}
}

func TestAdopt_TellsWhatIsGone(t *testing.T) {
	g := newRig(t)
	id := g.create(optiply.Products, fmt.Sprintf(stool, "1"))
	r, found, err := g.adopt(func(j *Job) {
		j.Snapshot = []Row{{"products", "1", id, "f:2"}, {"products", "2", "999", "f:3"}}
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Finding{
		{Finding: Gone, Entity: "products", Way: "snapshot", RemoteID: "2", OptiplyID: "999", Reason: "f:3: Optiply does not have it any more"},
		{Finding: Matched, Entity: "products", Way: "snapshot", RemoteID: "1", OptiplyID: id, SKU: "OAK"},
	}
	if diff := cmp.Diff(want, found); diff != "" || r.Rows(Gone) != 1 || r.Rows(Matched) != 1 {
		t.Errorf("%+v\n%s", r, diff)
	}
}

func TestNeeded_UntilSomethingIsKnown(t *testing.T) {
	for _, known := range []string{
		"INSERT INTO state.products (remote_id, optiply_id, run_id, acknowledged_at, change) VALUES ('1', '1', 'r', '2026-11-23', 1)",
		"INSERT INTO state.sell_orders (remote_id, optiply_id, run_id, acknowledged_at, change) VALUES ('1', '1', 'r', '2026-11-23', 1)",
		"INSERT INTO state.ledger (seq, happened_at, run_id, plan_hash, entity, op, remote_id, state, attempt) VALUES (1, '2026-11-23', 'r', 'p', 'products', 'create', '1', 'sent', 1)",
		"INSERT INTO state.adoptions VALUES ('a', '2026-11-23', 0, 0)",
	} {
		t.Run(strings.Fields(known)[2], func(t *testing.T) {
			g := newRig(t)
			for _, want := range []bool{true, false} {
				if needed, err := Needed(t.Context(), g.run); err != nil || needed != want {
					t.Errorf("needed: %v, %v; want %v", needed, err, want)
				}
				if want {
					g.exec(known)
				}
			}
		})
	}
}

func TestEmpty_SeesProductsAndOrders(t *testing.T) {
	for kind, attributes := range map[string]string{
		"": "", optiply.Products: fmt.Sprintf(stool, "1"), optiply.SellOrders: `{"placed":"2026-11-20T14:03:11Z","totalValue":1,"orderLines":[]}`,
	} {
		t.Run(kind, func(t *testing.T) {
			g := newRig(t)
			if kind != "" {
				g.create(kind, attributes)
			}
			if empty, err := Empty(t.Context(), g.client); err != nil || empty != (kind == "") {
				t.Errorf("%v, %v", empty, err)
			}
		})
	}
}
