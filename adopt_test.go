package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
)

// These tests take over accounts that somebody else has filled, with the real program, and run nights after it.

// coupled configures the shop's coupling; accounts are always 98.
func (s shopDir) coupled(coupling int) {
	s.t.Helper()
	path := filepath.Join(s.dir, "magento-optiply.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	head, _, _ := strings.Cut(string(data), "\n  account_id:")
	head, tail, _ := strings.Cut(head, "  base_url: sandbox")
	s.write("magento-optiply.yaml", fmt.Sprintf("%s  base_url: sandbox%s\n  account_id: 98\n  coupling_id: %d\n", head, strings.TrimRight(tail, "\n"), coupling))
}

// box lets a test write to the sandbox as another program does, under a coupling.
func (s shopDir) box(coupling int64, write func(c *optiply.Client, box *sandbox.Sandbox)) {
	s.t.Helper()
	box, err := sandbox.Open(sandbox.Options{Dir: filepath.Join(s.dir, "data", "demo", "sandbox")})
	if err != nil {
		s.t.Fatal(err)
	}
	defer box.Close()
	api, dashboard, err := box.Start()
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := optiply.NewClient(optiply.Config{BaseURL: api, DashboardURL: dashboard, ClientID: "c", ClientSecret: "s", Username: "u", Password: "p",
		AccountID: 98, CouplingID: coupling})
	if err != nil {
		s.t.Fatal(err)
	}
	write(c, box)
}

// forget takes the state away, as a move to this program does: the account is full and nothing is known of it.
func (s shopDir) forget() {
	s.t.Helper()
	for _, name := range []string{"state.duckdb", "state.read.duckdb", "runs"} {
		if err := os.RemoveAll(filepath.Join(s.dir, "data", "demo", name)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// withoutRemoteIDs makes the sandbox anew with the same products and orders, as a program without a coupling would have
// made them: no remote ids, and of the products only the attributes that keep lets through.
func (s shopDir) withoutRemoteIDs(keep func(product map[string]any)) {
	s.t.Helper()
	var products, orders []sandbox.Resource
	s.box(1, func(_ *optiply.Client, box *sandbox.Sandbox) { products, orders = box.Products(), box.SellOrders() })
	if err := os.RemoveAll(filepath.Join(s.dir, "data", "demo", "sandbox")); err != nil {
		s.t.Fatal(err)
	}
	s.box(1, func(c *optiply.Client, _ *sandbox.Sandbox) {
		ids := map[string]string{}
		for _, p := range products {
			a := pick(p.Attributes, "name", "skuCode", "articleCode", "price", "unlimitedStock", "stockLevel", "status", "createdAtRemote")
			keep(a)
			ids[p.ID] = s.create(c, optiply.Products, a).ID
		}
		for _, o := range orders {
			a := pick(o.Attributes, "placed", "completed", "totalValue")
			lines := []map[string]any{}
			for _, l := range o.Lines {
				line := pick(l.Attributes, "quantity", "subtotalValue")
				line["productId"] = ids[text(l.Attributes["productId"])]
				lines = append(lines, line)
			}
			a["orderLines"] = lines
			s.create(c, optiply.SellOrders, a)
		}
	})
}

func pick(all map[string]any, names ...string) map[string]any {
	out := map[string]any{}
	for _, name := range names {
		if all[name] != nil {
			out[name] = all[name]
		}
	}
	return out
}

func (s shopDir) create(c *optiply.Client, kind string, attributes map[string]any) *optiply.Resource {
	s.t.Helper()
	body, err := json.Marshal(attributes)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := c.Create(s.t.Context(), kind, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// noDuplicates wants every article code and every order (by date and value) once at Optiply, and as many as the expected
// tables have.
func (s shopDir) noDuplicates(night int) {
	s.t.Helper()
	products, orders, _ := s.held()
	seen := map[string]bool{}
	for _, p := range products {
		if code := strings.Split(p, "\t")[3]; seen[code] {
			s.t.Errorf("article code %s is there twice", code)
		} else {
			seen[code] = true
		}
	}
	if want := expected(s.t, night, "default", "products"); len(products) != len(want) {
		s.t.Errorf("%d products, want %d", len(products), len(want))
	}
	key := func(rows []string) (keys []string) {
		for _, row := range rows {
			cells := strings.Split(row, "\t")
			keys = append(keys, cells[1]+" "+cells[3])
		}
		slices.Sort(keys)
		return keys
	}
	if diff := cmp.Diff(key(expected(s.t, night, "default", "orders")), key(orders)); diff != "" {
		s.t.Errorf("orders by date and value (-expected by hand, +held):\n%s", diff)
	}
}

func TestAdopt_AWeekOfNightsCreatesNoDuplicate(t *testing.T) {
	long(t)
	t.Parallel()
	for _, test := range []struct {
		name   string
		adopt  []string
		fill   func(s shopDir)
		says   []string
		nights []int // after the first
	}{
		{"of our coupling", nil, func(shopDir) {}, []string{"remoteIdMap"}, []int{2}},
		{"of another coupling", nil, func(s shopDir) { s.coupled(4711) }, []string{"articleCode", "placed and totalValue"}, []int{2, 1, 2, 1, 2, 2}},
		{"with article codes and little else", nil, func(s shopDir) {
			s.withoutRemoteIDs(func(p map[string]any) {
				for _, name := range []string{"skuCode", "price", "createdAtRemote", "unlimitedStock"} {
					delete(p, name)
				}
			})
		}, []string{"articleCode", "placed and totalValue"}, []int{2}},
		{"with SKUs only", []string{"--by-sku"}, func(s shopDir) {
			s.withoutRemoteIDs(func(p map[string]any) { delete(p, "articleCode") })
		}, []string{"skuCode", "placed and totalValue"}, []int{2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, "", "")
			s.coupled(map[bool]int{true: 4000, false: 4711}[test.name == "of another coupling"])
			s.must(3, "run", "--fixtures", night(1))
			s.forget()
			test.fill(s)
			if r := s.must(5, "run", "--fixtures", night(1)); !strings.Contains(r.stderr, "`adopt`") {
				t.Errorf("the refusal does not name adopt:\n%s", r.stderr)
			}
			s.must(0, "extract", "--fixtures", night(1))
			r := s.must(0, append([]string{"adopt"}, test.adopt...)...)
			for _, say := range test.says {
				if !strings.Contains(r.stdout, say) {
					t.Errorf("nothing was matched by %s:\n%s", say, r.stdout)
				}
			}
			before := s.query("SELECT * FROM state.products UNION ALL BY NAME FROM state.ledger UNION ALL BY NAME FROM state.unadopted ORDER BY ALL")
			s.must(0, append([]string{"adopt"}, test.adopt...)...)
			if diff := cmp.Diff(before, s.query("SELECT * FROM state.products UNION ALL BY NAME FROM state.ledger UNION ALL BY NAME FROM state.unadopted ORDER BY ALL")); diff != "" {
				t.Errorf("a second adoption changed something:\n%s", diff)
			}
			// The extracted run is sent too: the adoption has not overtaken it.
			s.must(3, "transform")
			s.must(3, "load")
			s.noDuplicates(1)
			for _, n := range test.nights {
				if r := s.exec("run", "--fixtures", night(n)); r.code != 3 && r.code != 0 {
					t.Fatalf("night %d: exit code %d\n%s", n, r.code, r.stderr)
				}
			}
			s.noDuplicates(2)
		})
	}
}

func TestAdopt_AnOlderStateThatWasPutBack(t *testing.T) {
	long(t)
	t.Parallel()
	s := newShop(t, "sync_product_deletions: true", "")
	s.must(3, "run", "--fixtures", night(1))
	state := filepath.Join(s.dir, "data", "demo", "state.duckdb")
	backup, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	s.must(3, "run", "--fixtures", night(2))
	_, _, writes := s.held()
	if err := os.WriteFile(state, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	id := s.query("SELECT run_id FROM run.info")[0][0]
	for _, args := range [][]string{{"run", "--fixtures", night(2)}, {"run", "--full", "--fixtures", night(2)}, {"load", "--run", id}, {"load"}} {
		if r := s.must(5, args...); !strings.Contains(r.stderr, "run "+id+" was loaded, and this shop's state does not know of it") || !strings.Contains(r.stderr, "`adopt`") {
			t.Errorf("%v with an older state: %s", args, r.stderr)
		}
	}
	if r := s.must(3, "run", "--dry-run", "--fixtures", night(2)); !strings.Contains(r.stderr, "the load will be refused until `adopt`") {
		t.Errorf("a dry run does not warn: %s", r.stderr)
	}
	r := s.must(0, "adopt")
	if !strings.Contains(r.stdout, "taken from Optiply") {
		t.Errorf("nothing was found of the night that the state does not know:\n%s", r.stdout)
	}
	s.must(0, "run", "--fixtures", night(2))
	s.matches(2, "sync_product_deletions")
	if rows := s.query("SELECT count(*) FROM plan.changes"); rows[0][0] != "0" {
		t.Errorf("%s changes were planned although Optiply holds all of them", rows[0][0])
	}
	if _, _, after := s.held(); !cmp.Equal(writes, after) {
		t.Errorf("writes: %v, then %v", writes, after)
	}
}

func TestAdopt_WhatIsAmbiguousIsNamedAndHeldUntilSomebodyTells(t *testing.T) {
	long(t)
	t.Parallel()
	s := newShop(t, "", "")
	s.coupled(4711)
	s.must(3, "run", "--fixtures", night(1))
	s.forget()
	var first, second string
	s.box(4711, func(c *optiply.Client, box *sandbox.Sandbox) {
		for _, p := range box.Products() {
			if p.RemoteID() == "1" {
				first = p.ID
			}
		}
		second = s.create(c, optiply.Products, map[string]any{"remoteId": "1", "name": "the same", "stockLevel": 1}).ID
	})
	r := s.must(3, "adopt")
	said := strings.Join(strings.Fields(r.stdout), " ")
	if !strings.Contains(said, "products 1 (24-MB01), at Optiply "+first+" by remoteIdMap: it could be "+first+" and "+second+" of Optiply") ||
		!strings.Contains(said, "products 1, at Optiply "+second+" by remoteIdMap") {
		t.Errorf("the two are not named:\n%s", r.stdout)
	}
	for _, n := range []int{1, 2} {
		s.must(3, "run", "--fixtures", night(n))
		if rows := s.query("SELECT kind, reason FROM run.issues WHERE entity = 'products' AND remote_id = '1'"); len(rows) != 1 || rows[0][0] != "held" || !strings.Contains(rows[0][1], second) {
			t.Errorf("night %d: what is said of product 1: %v", n, rows)
		}
		s.box(4711, func(_ *optiply.Client, box *sandbox.Sandbox) {
			n := 0
			for _, p := range box.Products() {
				if p.RemoteID() == "1" {
					n++
				}
			}
			if n != 2 {
				t.Errorf("Optiply has product 1 %d times, want the 2 that were there", n)
			}
		})
	}
	if err := os.Mkdir(filepath.Join(s.dir, "snapshots"), 0o750); err != nil {
		t.Fatal(err)
	}
	s.write("snapshots/products.snapshot.csv", "remoteId,optiply_id\n1,"+first+"\n")
	s.must(0, "adopt", "--from-hotglue", "snapshots")
	if rows := s.query("SELECT optiply_id FROM state.products WHERE remote_id = '1'"); len(rows) != 1 || rows[0][0] != first {
		t.Errorf("product 1 is %v, want %s, which the snapshot names", rows, first)
	}
	s.exec("run", "--fixtures", night(2))
	if rows := s.query("SELECT * FROM run.issues WHERE entity = 'products' AND remote_id = '1'"); len(rows) != 0 {
		t.Errorf("it is still held: %v", rows)
	}
	s.must(0, "adopt") // the other is left over, and known to be
}

func TestAdopt_WithoutAListHoldsWhatMayBeThere(t *testing.T) {
	long(t)
	t.Parallel()
	s := newShop(t, "", "")
	s.coupled(4711)
	s.must(3, "run", "--fixtures", night(1))
	s.forget()
	s.withoutRemoteIDs(func(map[string]any) {})
	r := s.must(0, "adopt")
	if !strings.Contains(r.stdout, "unmatched there") {
		t.Errorf("nothing was left over:\n%s", r.stdout)
	}
	s.must(3, "run", "--fixtures", night(1))
	s.noDuplicates(1)
	s.must(0, "adopt") // with the list of that night
	s.must(3, "run", "--fixtures", night(2))
	s.noDuplicates(2)
	if rows := s.query("SELECT * FROM state.unadopted"); len(rows) > 0 {
		t.Errorf("still held: %v", rows)
	}
}

func TestAdopt_DryRunChangesNothing(t *testing.T) {
	long(t)
	t.Parallel()
	s := newShop(t, "", "")
	s.must(3, "run", "--fixtures", night(1))
	s.forget()
	r := s.must(3, "run", "--dry-run", "--fixtures", night(1))
	if !strings.Contains(r.stderr, "the load will be refused until `adopt`") {
		t.Errorf("the dry run does not warn:\n%s", r.stderr)
	}
	r = s.must(0, "adopt", "--dry-run", "--format", "json")
	var said struct {
		Adoption string
		DryRun   bool `json:"dry_run"`
		Changed  int
		Counts   []struct{ Entity, Finding, Way string }
		Findings []any
	}
	if err := json.Unmarshal([]byte(r.stdout), &said); err != nil || !said.DryRun || said.Adoption != "" || said.Changed != 60 || len(said.Counts) == 0 {
		t.Errorf("%v: %s", err, r.stdout)
	}
	s.must(5, "load")
	s.must(0, "adopt", "--format", "csv", "--output", "found.csv")
	data, err := os.ReadFile(filepath.Join(s.dir, "found.csv"))
	if err != nil || strings.Count(string(data), "\nmatched,") != 60 {
		t.Errorf("%v: %s", err, data)
	}
	if r := s.must(5, "load"); !strings.Contains(r.stderr, "transform --run") {
		t.Errorf("a plan that was made before the adoption:\n%s", r.stderr)
	}
	s.must(3, "transform")
	s.must(3, "load")
	s.matches(1, "default")
	if _, _, writes := s.held(); len(writes) != 0 {
		t.Errorf("written since: %v", writes)
	}
}

func TestAdopt_ASnapshotThatIsBrokenSaysWhere(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	if err := os.Mkdir(filepath.Join(s.dir, "snapshots"), 0o750); err != nil {
		t.Fatal(err)
	}
	if r := s.must(2, "adopt", "--from-hotglue", "snapshots"); !strings.Contains(r.stderr, "neither a products.snapshot.csv nor") {
		t.Error(r.stderr)
	}
	s.write("snapshots/products.snapshot.csv", "optiply_id,remoteId,name\n1,1,a\n2,OAK-ST-1,b\n")
	if r := s.must(2, "adopt", "--from-hotglue", "snapshots"); !strings.Contains(r.stderr, "products.snapshot.csv:3:3:") {
		t.Error(r.stderr)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "data", "demo", "sandbox")); err == nil {
		t.Error("Optiply was asked before the snapshot was read")
	}
}
