package transform_test

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"magento-optiply/store/storetest"
	"magento-optiply/transform"
)

// check is rapid.Check with fewer tries than its hundred, since each holds many rows and runs real SQL; -rapid.checks
// asks for more.
func check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := flag.Set("rapid.checks", "15"); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = flag.Set("rapid.checks", f.DefValue) }()
	}
	rapid.Check(t, property)
}

// sqlFiles runs embedded files by name.
func sqlFiles(t *testing.T, b *storetest.Bench, names ...string) {
	t.Helper()
	for _, name := range names {
		text, err := fs.ReadFile(transform.SQL(), name+".sql")
		if err != nil {
			t.Fatal(err)
		}
		b.Exec(t, string(text))
	}
}

// rows are the lines of a table without its heading.
func rows(t *testing.T, b *storetest.Bench, query string) []string {
	t.Helper()
	return strings.Split(strings.TrimSpace(b.Table(t, query)), "\n")[1:]
}

func insert(t *testing.T, b *storetest.Bench, into string, values []string) {
	t.Helper()
	if len(values) > 0 {
		b.Exec(t, "INSERT INTO "+into+" VALUES "+strings.Join(values, ", "))
	}
}

// oneOf draws one of some SQL literals; few values, so that before and after often agree.
func oneOf(rt *rapid.T, label string, literals ...string) string {
	return rapid.SampledFrom(literals).Draw(rt, label)
}

// Applied to what Optiply holds, the diff gives the model of every product that is not held; compared again, nothing is
// left to send.
func TestDiff_AppliedGivesTheModel(t *testing.T) {
	b := bench(t)
	check(t, func(rt *rapid.T) {
		b.Clear(t)
		b.Set(t, "sync.create_disabled_products", oneOf(rt, "create_disabled", "true", "false"))
		b.Set(t, "sync.map_stockLevel", oneOf(rt, "map_stockLevel", "true", "false"))
		var before, listed, levels []string
		for id := range rapid.IntRange(1, 40).Draw(rt, "ids") {
			if rapid.Bool().Draw(rt, "in Optiply") {
				before = append(before, fmt.Sprintf("('%d', 'o%d', %s, 'S', '%d', %s, %s, %s, %s, %s)", id, id, oneOf(rt, "name", "'A'", "'B'"), id,
					oneOf(rt, "price", "NULL", "0", "19.99", "20"), oneOf(rt, "unlimited", "true", "false"), oneOf(rt, "stock", "0", "-8", "7"),
					oneOf(rt, "status", "'enabled'", "'disabled'"), oneOf(rt, "created", "NULL", "'2024-03-01 09:15:00'")))
			}
			if !rapid.Bool().Draw(rt, "listed") {
				continue
			}
			status := oneOf(rt, "status", "1", "2")
			kind := oneOf(rt, "type", "'simple'", "'simple'", "'configurable'")
			listed = append(listed, fmt.Sprintf("(%d, %s, %s, %s, %s, %s, %s)", id, oneOf(rt, "sku", "'S'", "'T'"), oneOf(rt, "name", "'A'", "E'A\\n'", "'B'"),
				oneOf(rt, "price", "NULL", "0", "19.994", "19.995"), status, kind, oneOf(rt, "created", "NULL", "'2024-03-01 09:15:00'")))
			if status == "1" && kind == "'simple'" {
				levels = append(levels, fmt.Sprintf("('%d', %s)", id, oneOf(rt, "stock", "0, true, NULL", "-8, true, NULL", "7, false, NULL", "NULL, NULL, 'no answer'")))
			}
		}
		insert(t, b, "before.products (remote_id, optiply_id, name, sku_code, article_code, price, unlimited_stock, stock_level, status, created_at_remote)", before)
		insert(t, b, "stage.products (product_id, sku, name, price, status, type_id, created_at)", listed)
		insert(t, b, "model.stock_levels (remote_id, stock_level, manage_stock, unknown_because)", levels)
		sqlFiles(t, b, "000_settings", "220_model_products", "320_diff_products")
		for _, name := range []string{"220_model_products_check", "320_diff_products_check"} {
			text, err := fs.ReadFile(transform.SQL(), name+".sql")
			if err != nil {
				t.Fatal(err)
			}
			if broken := rows(t, b, string(text)); len(broken) > 0 {
				rt.Errorf("%s: %q", name, broken)
			}
		}
		// A product that is not in Optiply is left out when it is held, or disabled and not wanted.
		wanted := "FROM model.products m WHERE optiply_id IS NOT NULL OR held_because IS NULL AND (status = 'enabled' OR getvariable('create_disabled_products'))"
		b.Exec(t, apply)
		columns := "remote_id, name, sku_code, article_code, price, unlimited_stock, stock_level, status, created_at_remote"
		wrong := rows(t, b, "(SELECT 'wanted', "+columns+" "+wanted+" EXCEPT SELECT 'wanted', "+columns+" FROM before.products) UNION ALL "+
			"(SELECT 'not wanted', remote_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM diff.products WHERE remote_id NOT IN (SELECT remote_id "+wanted+"))")
		if len(wrong) > 0 {
			rt.Errorf("after the diff was applied:\n%s", strings.Join(wrong, "\n"))
		}
		sqlFiles(t, b, "220_model_products", "320_diff_products")
		if again := rows(t, b, "SELECT op, remote_id, changed FROM diff.products"); len(again) > 0 {
			rt.Errorf("the second diff is not empty:\n%s", strings.Join(again, "\n"))
		}
	})
}

// apply makes of before.products what Optiply holds when it has acknowledged every change: of each attribute that is in
// changed the value of the diff.
const apply = `
CREATE OR REPLACE TEMP TABLE applied AS
SELECT coalesce(b.remote_id, d.remote_id) AS remote_id, coalesce(b.optiply_id, 'new' || d.remote_id) AS optiply_id,
       CASE WHEN list_contains(d.changed, 'name') THEN d.name ELSE b.name END AS name,
       CASE WHEN list_contains(d.changed, 'skuCode') THEN d.sku_code ELSE b.sku_code END AS sku_code,
       CASE WHEN list_contains(d.changed, 'articleCode') THEN d.article_code ELSE b.article_code END AS article_code,
       CASE WHEN list_contains(d.changed, 'price') THEN d.price ELSE b.price END AS price,
       CASE WHEN list_contains(d.changed, 'unlimitedStock') THEN d.unlimited_stock ELSE b.unlimited_stock END AS unlimited_stock,
       CASE WHEN list_contains(d.changed, 'stockLevel') THEN d.stock_level ELSE b.stock_level END AS stock_level,
       CASE WHEN list_contains(d.changed, 'status') THEN d.status ELSE b.status END AS status,
       CASE WHEN list_contains(d.changed, 'createdAtRemote') THEN d.created_at_remote ELSE b.created_at_remote END AS created_at_remote
FROM before.products b FULL JOIN diff.products d USING (remote_id);
DELETE FROM before.products;
INSERT INTO before.products BY NAME FROM applied`

// With order_lines: leaf the lines of an order add up to its top-level items, to the cent, however they divide.
func TestLeafLines_AddUpToTheTopLevelItems(t *testing.T) {
	b := bench(t)
	b.Clear(t)
	b.Set(t, "sync.order_lines", "leaf")
	sqlFiles(t, b, "000_settings")
	check(t, func(rt *rapid.T) {
		b.Exec(t, "DELETE FROM stage.orders; DELETE FROM stage.order_lines")
		var orders, lines []string
		want := map[int]int{} // cents by order
		for order := range rapid.IntRange(1, 10).Draw(rt, "orders") {
			orders = append(orders, fmt.Sprintf("(%d, 'complete')", order))
			item := 0
			line := func(parent, money string) int {
				item++
				qty := rapid.SampledFrom([]string{"1", "2", "3", "7", "0.3333", "0", "99999999.9999"}).Draw(rt, "quantity")
				lines = append(lines, fmt.Sprintf("(%d, %d, %s, %d, 'S', %s, %s, [])", order, item, parent, rapid.IntRange(1, 6).Draw(rt, "product"), qty, money))
				return item
			}
			for range rapid.IntRange(1, 4).Draw(rt, "top-level items") {
				cents := rapid.OneOf(rapid.IntRange(0, 1000), rapid.IntRange(-100, 100), rapid.IntRange(0, 99999999999)).Draw(rt, "cents")
				want[order] += cents
				parent := fmt.Sprint(line("NULL", money(cents)))
				children := rapid.IntRange(0, 5).Draw(rt, "children")
				switch {
				case children > 0 && rapid.Bool().Draw(rt, "dynamic"):
					for left := cents; children > 0; children-- {
						part := left
						if children > 1 {
							part = left / children
						}
						left -= part
						line(parent, money(part))
					}
				default:
					for range children {
						line(parent, oneOf(rt, "money", "0", "NULL"))
					}
				}
			}
		}
		insert(t, b, "stage.orders (order_id, effective_state)", orders)
		insert(t, b, "stage.order_lines (order_id, item_id, parent_item_id, product_id, sku, qty_ordered, base_row_total, problems)", lines)
		sqlFiles(t, b, "230_model_merged_lines")
		got := rows(t, b, "SELECT order_remote_id, (sum(subtotal_value) * 100)::BIGINT FROM model.merged_lines GROUP BY ALL")
		if len(got) != len(want) {
			rt.Errorf("%d orders have lines, of %d", len(got), len(want))
		}
		for _, row := range got {
			var order, cents int
			if _, err := fmt.Sscan(row, &order, &cents); err != nil {
				t.Fatal(err)
			}
			if cents != want[order] {
				rt.Errorf("the lines of order %d come to %d cents, its top-level items to %d:\n%s", order, cents, want[order],
					b.Table(t, fmt.Sprintf("SELECT item_id, parent_item_id, product_id, qty_ordered, base_row_total FROM stage.order_lines WHERE order_id = %d", order)))
			}
		}
	})
}

// A fixed bundle, or a configurable, gives its children its own money and no other: to the cent, each within a cent of its share
// by quantity but the last, none of the other sign, and nothing to a child that none was bought of.
func TestLeafLines_SplitABundleFairly(t *testing.T) {
	b := bench(t)
	b.Clear(t)
	b.Set(t, "sync.order_lines", "leaf")
	sqlFiles(t, b, "000_settings")
	quantities := map[string]int64{"0": 0, "0.5": 5000, "1": 10000, "2": 20000, "3": 30000, "0.3333": 3333, "1234567": 12345670000} // in ten thousandths
	names := slices.Sorted(maps.Keys(quantities))
	check(t, func(rt *rapid.T) {
		b.Exec(t, "DELETE FROM stage.orders; DELETE FROM stage.order_lines")
		var orders, lines []string
		total, parts := map[int]int64{}, map[int][]int64{}
		for order := range rapid.IntRange(1, 12).Draw(rt, "bundles") {
			cents := rapid.OneOf(rapid.IntRange(-40, 40), rapid.IntRange(0, 100000), rapid.IntRange(0, 999999999999999)).Draw(rt, "cents")
			total[order] = int64(cents)
			orders = append(orders, fmt.Sprintf("(%d, 'complete')", order))
			lines = append(lines, fmt.Sprintf("(%d, 0, NULL, 99, 1, %s)", order, money(cents)))
			for child := range rapid.IntRange(1, 9).Draw(rt, "children") {
				quantity := rapid.SampledFrom(names).Draw(rt, "quantity")
				parts[order] = append(parts[order], quantities[quantity])
				lines = append(lines, fmt.Sprintf("(%d, %d, 0, %d, %s, %s)", order, child+1, child, quantity, oneOf(rt, "money", "0", "NULL")))
			}
		}
		insert(t, b, "stage.orders (order_id, effective_state)", orders)
		insert(t, b, "stage.order_lines (order_id, item_id, parent_item_id, product_id, qty_ordered, base_row_total)", lines)
		sqlFiles(t, b, "230_model_merged_lines")
		got := map[int][]int64{}
		for _, row := range rows(t, b, "SELECT order_remote_id, (subtotal_value * 100)::BIGINT FROM model.merged_lines ORDER BY order_remote_id, product_remote_id") {
			var order int
			var cents int64
			if _, err := fmt.Sscan(row, &order, &cents); err != nil {
				t.Fatal(err)
			}
			got[order] = append(got[order], cents)
		}
		for order := range total {
			if why := unfair(total[order], parts[order], got[order]); why != "" {
				rt.Errorf("%d cents for %v (ten thousandths) are split into %v: %s", total[order], parts[order], got[order], why)
			}
		}
	})
}

// unfair says what is wrong with a split of cents by quantities; empty where nothing is.
func unfair(cents int64, parts, split []int64) string {
	if len(split) != len(parts) {
		return "not a part for each child"
	}
	last, whole, sum := 0, int64(0), int64(0)
	for i, part := range parts {
		whole, sum = whole+part, sum+split[i]
		if part > 0 {
			last = i
		}
	}
	if sum != cents {
		return fmt.Sprintf("they come to %d", sum)
	}
	for i, part := range parts {
		if split[i] > 0 && cents < 0 || split[i] < 0 && cents > 0 {
			return "one has the other sign"
		}
		if whole == 0 || i == last {
			continue
		}
		exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(cents), big.NewInt(part)), big.NewInt(whole))
		if off := exact.Sub(exact, new(big.Rat).SetInt64(split[i])); off.Abs(off).Cmp(big.NewRat(1, 1)) >= 0 || part == 0 && split[i] != 0 {
			return fmt.Sprintf("child %d is a cent or more away from its share", i+1)
		}
	}
	return ""
}

// money writes cents as Magento would.
func money(cents int) string {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	return fmt.Sprintf("%s%d.%02d", sign, cents/100, cents%100)
}

// Invariant 3: whatever the listing, the second look, the coverage and the settings are, never more than the ceiling is
// disabled, and never what is listed, was found, was not looked for or is disabled already.
func TestDeletions_NeverMoreThanIsProven(t *testing.T) {
	b := bench(t)
	check(t, func(rt *rapid.T) {
		b.Clear(t)
		percent := rapid.IntRange(0, 100).Draw(rt, "percent")
		allow := rapid.SampledFrom([]int{0, 5, 11, 20, 1000}).Draw(rt, "allow")
		full := rapid.IntRange(0, 9).Draw(rt, "full") > 0
		flag := rapid.IntRange(0, 9).Draw(rt, "flag") > 0
		b.Set(t, "sync.max_deletions_percent", fmt.Sprint(percent))
		b.Set(t, "run.allow_deletions", fmt.Sprint(allow))
		b.Set(t, "sync.sync_product_deletions", fmt.Sprint(flag))
		b.Exec(t, "UPDATE run.info SET products_full = ?", full)

		proven := full && flag
		var coverage []string
		for store := range rapid.IntRange(0, 3).Draw(rt, "stores") {
			complete := rapid.IntRange(0, 9).Draw(rt, "complete") > 0
			coverage = append(coverage, fmt.Sprintf("('products', 's%d', %t, 100, 100, NULL)", store, complete))
			proven = proven && complete
		}
		proven = proven && len(coverage) > 0

		var before, listed, looks []string
		gone, enabled := map[string]bool{}, 0
		presence := rapid.IntRange(0, 10).Draw(rt, "presence") // of ten
		for id := range rapid.IntRange(0, 150).Draw(rt, "products") {
			isEnabled := rapid.IntRange(0, 9).Draw(rt, "enabled") > 0
			status := "disabled"
			if isEnabled {
				status, enabled = "enabled", enabled+1
			}
			before = append(before, fmt.Sprintf("('%d', 'o%d', '%s')", id, id, status))
			isListed := rapid.IntRange(1, 10).Draw(rt, "listed") <= presence
			if isListed {
				listed = append(listed, fmt.Sprintf("(%d)", id))
			}
			look := rapid.IntRange(0, 9).Draw(rt, "look")
			if look > 0 {
				looks = append(looks, fmt.Sprintf("('%d', %t, TIMESTAMP '2026-11-24 02:00:00')", id, look == 1))
			}
			gone[fmt.Sprint(id)] = isEnabled && !isListed && look > 1
		}
		insert(t, b, "before.products (remote_id, optiply_id, status)", before)
		insert(t, b, "stage.products (product_id)", listed)
		insert(t, b, "run.second_look", looks)
		insert(t, b, "run.coverage", coverage)
		sqlFiles(t, b, "000_settings", "310_diff_deletions", "320_diff_products")

		disabled := rows(t, b, "SELECT remote_id FROM diff.products WHERE op = 'disable'")
		if most := max(10, enabled*percent/100, allow); len(disabled) > most {
			rt.Errorf("%d of %d products are disabled, with a ceiling of %d percent and %d allowed", len(disabled), enabled, percent, allow)
		}
		if len(disabled) > 0 && !proven {
			rt.Errorf("%d products are disabled without proof (full %t, flag %t, coverage %q)", len(disabled), full, flag, coverage)
		}
		for _, id := range disabled {
			if !gone[id] {
				rt.Errorf("product %s is disabled, and is listed, found, not looked for or disabled already", id)
			}
		}
	})
}

// A number is the same whether it fits the narrow type, which is tried first, or not.
func TestNumbers_AreReadAlikeInBothWidths(t *testing.T) {
	b := bench(t)
	sqlFiles(t, b, "000_settings")
	b.Exec(t, "CREATE TEMP TABLE texts (text VARCHAR)")
	check(t, func(rt *rapid.T) {
		b.Exec(t, "DELETE FROM texts")
		var values []string
		for _, text := range rapid.SliceOfN(rapid.OneOf(
			rapid.StringMatching(`[-+]?[0-9]{0,14}(\.[0-9]{0,12})?([eE][-+]?[0-9]{1,2})?`),
			rapid.StringMatching(`[-]?9{8,12}\.9{6,10}[0-9]{0,3}`),
			rapid.SampledFrom([]string{"", " 1", "1 ", ".5", "5.", "0.000000005", "9999999999.999999995", "NaN", "1,000", "0x10", "1e400", "1000000.000000000001E4"}),
		), 50, 100).Draw(rt, "texts") {
			values = append(values, "('"+text+"')")
		}
		insert(t, b, "texts", values)
		for _, different := range []string{
			"quantity_of(text) IS DISTINCT FROM try_cast(text AS DECIMAL(24, 8))",
			"money_of(text) IS DISTINCT FROM try_cast(text AS DECIMAL(27, 8))",
			"cents_of(money_of(text)) IS DISTINCT FROM try_cast(round(try_cast(text AS DECIMAL(27, 8)), 2) AS DECIMAL(19, 2))",
		} {
			if found := b.Table(t, "SELECT text FROM texts WHERE "+different); strings.Count(found, "\n") > 1 {
				rt.Fatalf("%s:\n%s", different, found)
			}
		}
	})
}
