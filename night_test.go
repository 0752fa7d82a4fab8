package main_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/optiply/sandbox"
)

// These tests build the real program and run it as cron does, over the recorded shop of fixtures/demo, with the sandbox as
// Optiply. What the sandbox then holds is compared with fixtures/demo/expected, which was worked out by hand.

// binary is the program, built once for all tests of this package.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "magento-optiply-test")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "magento-optiply")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the program: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// long skips a test with -short. The race detector looks at this process, not at the program that these tests run, so that
// .ci/run has it do without them; it runs them all without the detector.
func long(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the program many times")
	}
}

// shopDir is one shop with its configuration, in a folder of its own.
type shopDir struct {
	t   *testing.T
	dir string
}

// newShop writes a configuration: the demo's, with the lines of sync and magento given.
func newShop(t *testing.T, sync, magento string) shopDir {
	t.Helper()
	s := shopDir{t, t.TempDir()}
	text := "shop: demo\ndata_dir: " + filepath.Join(s.dir, "data") + "\nmagento:\n  retry_wait: 10ms\n" + indent(magento) +
		"optiply:\n  base_url: sandbox\n  requests_per_second: 0\n"
	if sync != "" {
		text += "sync:\n" + indent(sync)
	}
	s.write("magento-optiply.yaml", text)
	return s
}

func indent(lines string) string {
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		if line != "" {
			b.WriteString("  " + line + "\n")
		}
	}
	return b.String()
}

func (s shopDir) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

// exec runs the program in the shop's folder.
func (s shopDir) exec(args ...string) result {
	s.t.Helper()
	return s.execContext(context.Background(), args...)
}

func (s shopDir) execContext(ctx context.Context, args ...string) result {
	s.t.Helper()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = s.dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("%v: %v", args, err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must runs the program and wants an exit code.
func (s shopDir) must(code int, args ...string) result {
	s.t.Helper()
	r := s.exec(args...)
	if r.code != code {
		s.t.Fatalf("%s: exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	return r
}

// night is the path of a fixture set.
func night(n int) string {
	dir, err := filepath.Abs(fmt.Sprintf("fixtures/demo/night-%d", n))
	if err != nil {
		panic(err)
	}
	return dir
}

// query runs SQL and returns the rows, without the heading.
func (s shopDir) query(sql string) [][]string {
	s.t.Helper()
	r := s.must(0, "sql", "--format", "csv", sql)
	rows, err := csv.NewReader(strings.NewReader(r.stdout)).ReadAll()
	if err != nil {
		s.t.Fatalf("sql %s: %v\n%s", sql, err, r.stdout)
	}
	return rows[1:]
}

// held is what the sandbox holds, as rows of the tables in fixtures/demo/expected.
func (s shopDir) held() (products, orders []string, writes map[string]int) {
	s.t.Helper()
	box, err := sandbox.Open(sandbox.Options{Dir: filepath.Join(s.dir, "data", "demo", "sandbox")})
	if err != nil {
		s.t.Fatal(err)
	}
	defer box.Close()
	products, orders = rowsOf(box)
	return products, orders, box.Writes()
}

// rowsOf are the products and orders of a sandbox, as rows of the tables in fixtures/demo/expected.
func rowsOf(box *sandbox.Sandbox) (products, orders []string) {
	remote := map[string]string{}
	for _, p := range box.Products() {
		remote[p.ID] = p.RemoteID()
		a := p.Attributes
		products = append(products, strings.Join([]string{p.RemoteID(), text(a["name"]), text(a["skuCode"]), text(a["articleCode"]), text(a["price"]),
			text(a["unlimitedStock"]), text(a["stockLevel"]), text(a["status"]), text(a["createdAtRemote"])}, "\t"))
	}
	for _, o := range box.SellOrders() {
		var lines []string
		for _, l := range o.Lines {
			lines = append(lines, remote[text(l.Attributes["productId"])]+":"+text(l.Attributes["quantity"])+":"+text(l.Attributes["subtotalValue"]))
		}
		slices.SortFunc(lines, byNumber)
		a := o.Attributes
		orders = append(orders, strings.Join([]string{o.RemoteID(), text(a["placed"]), text(a["completed"]), text(a["totalValue"]), strings.Join(lines, ";")}, "\t"))
	}
	slices.SortFunc(products, byNumber)
	slices.SortFunc(orders, byNumber)
	return products, orders
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// byNumber sorts rows by the number they begin with.
func byNumber(a, b string) int {
	number := func(s string) int {
		n, _ := strconv.Atoi(s[:strings.IndexFunc(s+"\t", func(r rune) bool { return r < '0' || r > '9' })])
		return n
	}
	if n := number(a) - number(b); n != 0 {
		return n
	}
	return strings.Compare(a, b)
}

// expected reads a table of fixtures/demo/expected, without its heading and its notes. Where settings have no table of
// their own, the one of the default settings holds.
func expected(t *testing.T, night int, settings, table string) []string {
	t.Helper()
	path := fmt.Sprintf("fixtures/demo/expected/night-%d.%s.%s.tsv", night, settings, table)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = os.ReadFile(fmt.Sprintf("fixtures/demo/expected/night-%d.default.%s.tsv", night, table))
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	heading := strings.Split(lines[0], "\t")
	note := slices.Index(heading, "note")
	var rows []string
	for _, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		if note >= 0 && len(cells) > note {
			cells = cells[:note]
		}
		rows = append(rows, strings.Join(cells, "\t"))
	}
	slices.SortFunc(rows, byNumber)
	return rows
}

// matches compares what the sandbox holds with the tables worked out by hand.
func (s shopDir) matches(night int, settings string) {
	s.t.Helper()
	products, orders, _ := s.held()
	if diff := cmp.Diff(expected(s.t, night, settings, "products"), products); diff != "" {
		s.t.Errorf("products after night %d, %s (-expected by hand, +held):\n%s", night, settings, diff)
	}
	if diff := cmp.Diff(expected(s.t, night, settings, "orders"), orders); diff != "" {
		s.t.Errorf("orders after night %d, %s (-expected by hand, +held):\n%s", night, settings, diff)
	}
}

// hasTable tells whether the settings have a table of their own.
func hasTable(night int, settings, table string) bool {
	_, err := os.Stat(fmt.Sprintf("fixtures/demo/expected/night-%d.%s.%s.tsv", night, settings, table))
	return err == nil
}

// namesIssues compares the rows that run.issues names with those that it must name. Beyond them it may name the lines of an
// order that it names itself.
func (s shopDir) namesIssues(night int, settings string) {
	s.t.Helper()
	if !hasTable(night, settings, "issues") {
		return
	}
	want := map[string]bool{}
	for _, row := range expected(s.t, night, settings, "issues") {
		cells := strings.Split(row, "\t")
		want[cells[0]+" "+cells[1]] = true
	}
	got := map[string]bool{}
	for _, row := range s.query("SELECT DISTINCT entity, remote_id FROM run.issues") {
		name := row[0] + " " + row[1]
		if row[0] != "sell_order_lines" || want[name] || !want["sell_orders "+row[1]] {
			got[name] = true
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("rows that run.issues names after night %d, %s (-by hand, +run):\n%s", night, settings, diff)
	}
}

// plannedChanges compares the plan of the latest run with the changes worked out by hand.
func (s shopDir) plannedChanges(night int, settings string) {
	s.t.Helper()
	if !hasTable(night, settings, "changes") {
		return
	}
	var got, want []string
	for _, row := range s.query("SELECT op, entity, remote_id, array_to_string(changed, ',') FROM plan.changes") {
		got = append(got, strings.Join(row, "\t"))
	}
	for _, row := range expected(s.t, night, settings, "changes") {
		want = append(want, strings.Join(strings.Split(row, "\t")[:4], "\t"))
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("changes of night %d, %s (-by hand, +plan):\n%s", night, settings, diff)
	}
}

// TestNights_EverySetting runs both nights with each setting, and compares what Optiply then holds.
func TestNights_EverySetting(t *testing.T) {
	long(t)
	for _, test := range []struct {
		settings, sync  string
		one, two, three int // exit codes: 3 where rows were left out, by name
	}{
		{"default", "", 3, 3, 0},
		{"sync_product_deletions", "sync_product_deletions: true", 3, 3, 0},
		{"physical", "use_salable_quantity: false", 3, 3, 3},
		{"listing", "use_stock_statuses: false", 3, 3, 3},
		{"warehouse", "use_inventory_source_items: true", 3, 3, 0},
		{"warehouse-list", "use_inventory_source_items: true\nwarehouse_ids: \"rotterdam, src/slash-é\"", 3, 3, 0},
		{"warehouse-disabled-source", "use_inventory_source_items: true\nwarehouse_ids: \"closed,default\"", 3, 3, 0},
		{"map_stockLevel-false", "map_stockLevel: false", 3, 3, 0},
		{"pullAllOrders", "pullAllOrders: true", 3, 0, 0},
		{"pullAllOrders-skip-canceled", "pullAllOrders: true\nskip_order_states: [canceled]", 3, 0, 0},
		{"order_lines-leaf", "order_lines: leaf", 3, 3, 0},
		{"create_disabled_products-false", "create_disabled_products: false", 3, 3, 0},
	} {
		t.Run(test.settings, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, test.sync, "")
			s.must(test.one, "run", "--fixtures", night(1))
			s.matches(1, test.settings)
			s.namesIssues(1, test.settings)
			s.must(test.two, "run", "--fixtures", night(2))
			s.matches(2, test.settings)
			s.namesIssues(2, test.settings)
			s.plannedChanges(2, test.settings)
			_, _, before := s.held()
			s.must(test.three, "run", "--fixtures", night(2))
			s.matches(2, test.settings)
			_, _, after := s.held()
			if diff := cmp.Diff(before, after); diff != "" {
				t.Errorf("a third run over the same night wrote something:\n%s", diff)
			}
		})
	}
}
